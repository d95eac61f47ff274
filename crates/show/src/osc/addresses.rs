//! The list of all addresses.

use super::ROOT;
use mirror::features::{Group, Measures};
use mirror::live::{Desk, Range};

/// One address, or one for each `N`, counted from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Address {
    /// The address, such as `/narcissus/face/N/pose`.
    pub path: String,
    /// OSC's letters for the types of its values; empty without any.
    pub types: String,
    /// In which range and unit they are.
    pub range: String,
    /// What it says, or what it does, a sentence.
    pub about: String,
}

/// The address at this path below [`ROOT`].
fn address(path: &str, types: &str, range: &str, about: &str) -> Address {
    let [types, range, about] = [types, range, about].map(str::to_owned);
    Address { path: format!("{ROOT}/{path}"), types, range, about }
}

/// What is sent after every look, where this is measured and told.
pub fn sent(measures: &Measures) -> Vec<Address> {
    let told: usize = Group::ALL.into_iter().filter(|g| measures.tells(*g)).map(|g| g.range().len()).sum();
    let mut all = vec![
        address("state", "s", "reflecting or dreaming", "Whether somebody is reflected."),
        address("faces", "i", "0 and more", "Faces in the picture."),
        address("eyes_closed", "f", "seconds", "For how long the first viewer's eyes have been closed."),
        address("arrive", "i", "a viewer's number", "Somebody begins to be reflected."),
        address("leave", "i", "a viewer's number", "Somebody is reflected no more."),
        address("face/N/viewer", "i", "-1 and more", "The face's number, the same from look to look; -1 of a new one."),
        address("face/N/box", "ffff", "pixels of the camera's picture", "x, y, width, height."),
        address("face/N/pose", "fff", "degrees", "Yaw, pitch, roll."),
        address("face/N/age", "f", "years", "What the machine takes the face for in this look."),
        address("face/N/gender", "f", "0 to 1", "Probability of \"female\", in this look."),
        address("face/N/features", &"f".repeat(told), "see docs/show.md", "All measurements that may be told."),
        address("view/N/viewer", "i", "-1 and more", "Who is reflected there; -1 for a dream."),
        address("view/N/progress", "f", "0 to 1", "How much of the change to this reflection is done."),
        address("view/N/distance", "f", "1 and more", "How far the viewer lies from the archive's faces."),
        address("view/N/age", "f", "years", "What the machine takes the viewer for, smoothed over seconds."),
        address("view/N/gender", "f", "0 to 1", "Probability of \"female\", smoothed over seconds."),
        address("view/N/label", "s", "female, male or unsure", "The word for it."),
    ];
    let ends =
        |address: &Address, names: &[&str]| names.iter().any(|name| address.path.ends_with(&format!("/N/{name}")));
    all.retain(|a| measures.tells(Group::Age) || !ends(a, &["age"]));
    all.retain(|a| measures.tells(Group::Gender) || !ends(a, &["gender", "label"]));
    let is_kept = |group: &Group| measures.tells(*group) || (!group.is_told() && measures.takes(*group));
    for group in Group::ALL.into_iter().filter(is_kept) {
        let about = format!("How much of the {} came back, while that is measured.", group.name());
        all.push(address(&format!("view/N/kept/{}", group.name()), "f", "1 is all, 0 and less is nothing", &about));
    }
    all
}

/// What is taken in for the controls of a desk.
pub fn received(desk: &Desk) -> Vec<Address> {
    let mut all = Vec::new();
    for control in desk.controls().iter() {
        let types = match control.range {
            Range::Switch => "T",
            Range::Whole { .. } => "i",
            Range::Number { .. } => "f",
            Range::Word { .. } => "s",
        };
        all.push(address(&format!("set/{}", control.name), types, &control.range.to_string(), control.about));
    }
    all.push(address("release/NAME", "", "", "Leaves this control to the pages again."));
    all.push(address("release", "", "", "Leaves all controls to the pages again."));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::inverter::Inverter;
    use mirror::pack::{Net, Pack};

    #[test]
    fn the_documentation_lists_every_address_and_every_control() {
        let text = include_str!("../../../../docs/show.md");
        let is_told = |name: &str, about: &str| {
            text.lines().any(|line| line.starts_with(&format!("| `{name}` |")) && line.ends_with(&format!("{about} |")))
        };
        for Address { path, about, .. } in sent(&Measures::default()) {
            assert!(is_told(&path, &about), "{path}: {about}");
        }
        let pack = Pack::embedded().unwrap();
        let desk = Desk::new(&pack.open(Net::Inverter, Inverter::from_weights).unwrap(), &["en"]);
        for control in desk.controls().iter() {
            assert!(is_told(&control.name, control.about), "{}: {}", control.name, control.about);
        }
    }
}
