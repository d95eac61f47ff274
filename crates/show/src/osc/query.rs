//! What OSCQuery tells of a mirror (Vidvox, "OSC Query Proposal"): its addresses as a tree, as JSON.

use super::addresses::sent;
use super::{ROOT, received};
use mirror::live::{ControlDescription, Desk, Range, Value};
use serde_json::{Map, Value as Json, json};
use std::net::SocketAddr;

/// OSCQuery's ways to use an address.
const NOTHING: u8 = 0;
const READ: u8 = 1;
const WRITE: u8 = 2;
const BOTH: u8 = 3;

/// The tree of all addresses; those of the desk's controls have their values.
pub fn namespace(desk: &Desk) -> Json {
    let mut root = container("/");
    for address in sent(&desk.rules().measures) {
        add(&mut root, &address.path, &address.types, READ, &address.about, None);
    }
    let (controls, values) = (desk.controls(), desk.values());
    for address in received(desk) {
        let name = address.path.strip_prefix(&format!("{ROOT}/set/")).unwrap_or_default();
        let control = controls.iter().find(|control| control.name == name);
        let access = if control.is_some() { BOTH } else { WRITE };
        let state = control.map(|control| (control, values.get(name)));
        add(&mut root, &address.path, &address.types, access, &address.about, state);
    }
    root
}

/// Who answers here, and where it takes OSC.
pub fn host_info(input: Option<SocketAddr>) -> Json {
    let mut info = json!({
        "NAME": "Narcissus",
        "EXTENSIONS": { "ACCESS": true, "VALUE": true, "RANGE": true, "DESCRIPTION": true, "TYPE": true },
    });
    if let Some(at) = input {
        info["OSC_IP"] = json!(at.ip());
        info["OSC_PORT"] = json!(at.port());
        info["OSC_TRANSPORT"] = json!("UDP");
    }
    info
}

fn container(path: &str) -> Json {
    json!({ "FULL_PATH": path, "ACCESS": NOTHING, "CONTENTS": {} })
}

/// Puts an address into the tree.
fn add(
    root: &mut Json,
    path: &str,
    types: &str,
    access: u8,
    about: &str,
    control: Option<(&ControlDescription, Option<&Value>)>,
) {
    let (mut node, mut so_far) = (root, String::new());
    for part in path.split('/').skip(1) {
        so_far = format!("{so_far}/{part}");
        if node.get("CONTENTS").is_none() {
            node["CONTENTS"] = Json::Object(Map::new());
        }
        let contents = node["CONTENTS"].as_object_mut().expect("it was made above");
        node = contents.entry(part).or_insert_with(|| json!({ "FULL_PATH": so_far, "ACCESS": NOTHING }));
    }
    node["ACCESS"] = json!(access);
    node["DESCRIPTION"] = json!(about);
    if !types.is_empty() {
        node["TYPE"] = json!(types);
    }
    if let Some((ControlDescription { range, .. }, value)) = control {
        match range {
            Range::Switch => {}
            Range::Whole { from, to } => node["RANGE"] = json!([{ "MIN": from, "MAX": to }]),
            Range::Number { from, to } => node["RANGE"] = json!([{ "MIN": from, "MAX": to }]),
            Range::Word { words } => node["RANGE"] = json!([{ "VALS": words }]),
        }
        if let Some(value) = value {
            node["VALUE"] = json!([value]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::inverter::Inverter;
    use mirror::pack::{Net, Pack};

    #[test]
    fn the_tree_has_every_address_with_its_range_and_value() {
        let pack = Pack::embedded().unwrap();
        let desk = Desk::new(&pack.open(Net::Inverter, Inverter::from_weights).unwrap(), &["en", "de"]);
        desk.set_text("override/age", "33").unwrap();
        let tree = namespace(&desk);
        for address in sent(&desk.rules().measures).into_iter().chain(received(&desk)) {
            let node = address.path.split('/').skip(1).fold(&tree, |node, part| &node["CONTENTS"][part]);
            assert_eq!(node["FULL_PATH"], json!(address.path));
            assert_eq!(node["TYPE"].as_str().unwrap_or_default(), address.types);
            assert_eq!(node["DESCRIPTION"], json!(address.about));
        }
        let set = &tree["CONTENTS"]["narcissus"]["CONTENTS"]["set"]["CONTENTS"];
        let age = &set["override"]["CONTENTS"]["age"];
        assert_eq!((&age["RANGE"], &age["VALUE"]), (&json!([{ "MIN": 1.0, "MAX": 100.0 }]), &json!([33.0])));
        assert_eq!((&age["ACCESS"], &set["language"]["RANGE"]), (&json!(3), &json!([{ "VALS": ["en", "de"] }])));
        assert!(set["dim"]["VALUE"].is_null() && tree["CONTENTS"]["narcissus"]["ACCESS"] == json!(0));
        assert_eq!(host_info(Some(([127, 0, 0, 1], 9000).into()))["OSC_PORT"], json!(9000));
    }
}
