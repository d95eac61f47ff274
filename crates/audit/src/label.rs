//! The label that hangs beside the mirror, A5.

use crate::audits::Audits;
use crate::findings::{Audit, Comparison};
use crate::html::{self, escaped};
use crate::measure::Measure;
use crate::page;
use crate::words::Words;
use mirror::features::Group;
use mirror::pack::Manifest;
use std::fmt::Write;

const STYLE: &str = include_str!("label.css");
const TITLE: &str = "Narcissus";
/// Most differences that an audit may tell on a label.
const LISTED: usize = 4;

/// The name of the label in a language, beside those in the others.
pub fn file_name(language: &str) -> String {
    format!("label.{language}.html")
}

/// The label in one language: what it is, whose faces, by which right, whom it fails, what is not stored, and who answers. Every figure is taken from
/// the audits. Without a name of who answers there is a line to write it on.
pub fn html(manifest: &Manifest, audits: &Audits, answers: Option<&str>, words: &Words) -> String {
    let mut body = page::languages(words, file_name);
    let say = |key: &str| escaped(words.say(key, &[]));
    let part = |heading: &str, text: String| format!("<h2>{}</h2>\n{text}", say(heading));
    let paragraph = |text: String| format!("<p>{text}</p>\n");

    write!(body, "<h1>{TITLE}</h1>\n<p class=\"subtitle\">{}</p>\n", say("label_subtitle")).expect("text takes text");
    body += &part("label_what", paragraph(say("label_what_text")));
    let about = match manifest.about.as_str() {
        "" => String::new(),
        about => format!("<p lang=\"en\">{}</p>\n", escaped(about)),
    };
    body += &part("label_whose", about + &paragraph(say("label_guesses")));
    let licence = escaped(words.say("label_right_text", &[("licence", &manifest.licence)]));
    let sources: String = manifest.data.iter().map(|d| format!("<li lang=\"en\">{}</li>\n", escaped(d))).collect();
    body += &part("label_right", format!("<p>{licence}</p>\n<ul>\n{sources}</ul>\n"));
    body += &part("label_fails", failures(audits, words));
    body += &part("label_stored", paragraph(say("label_stored_text")));
    let answers = answers.map_or("<div class=\"line\"></div>\n".to_owned(), |name| paragraph(escaped(name)));
    body += &part("label_answers", answers);
    html::page(words.language(), &format!("{TITLE}: {}", manifest.name), STYLE, &body)
}

fn failures(audits: &Audits, words: &Words) -> String {
    if audits.0.is_empty() {
        return format!("<p>{}</p>\n", escaped(words.say("label_no_audit", &[])));
    }
    audits.0.iter().map(|(name, audit)| of_audit(name, audit, words)).collect()
}

fn of_audit(name: &str, audit: &Audit, words: &Words) -> String {
    let people = audit.people.to_string();
    let count = audit.differences().len().to_string();
    let worst = worst(audit);
    let key = if worst.is_empty() { "label_fails_nobody" } else { "label_fails_text" };
    let text = words.say(key, &[("people", &people), ("subjects", name), ("n", &count)]);
    let rows: String = worst.iter().map(|c| format!("<li>{}</li>\n", escaped(words.sentence(c)))).collect();
    let list = if rows.is_empty() { rows } else { format!("<ul>\n{rows}</ul>\n") };
    format!("<p>{}</p>\n{list}", escaped(text))
}

/// Of each measure the group that fares worst beside everybody else, if that is no chance; of what is kept, the worst of all groups of features. Those
/// that are least likely to be chance, as people read them.
pub fn worst(audit: &Audit) -> Vec<&Comparison> {
    let found = audit.standing_out();
    // What is behind somebody is not theirs, and what is left of a likeness says little.
    let matters = |m: Measure| !matches!(m, Measure::Kept(Group::Background | Group::Likeness));
    let fails: Vec<&Comparison> = found.into_iter().filter(|c| matters(c.measure) && is_worse(c)).collect();
    let kind = |m: Measure| if let Measure::Kept(_) = m { Measure::all().last() } else { Some(m) };
    let mut kinds: Vec<Option<Measure>> = Vec::new();
    let mut worst: Vec<&Comparison> = Vec::new();
    for c in &fails {
        if kinds.contains(&kind(c.measure)) {
            continue;
        }
        kinds.push(kind(c.measure));
        let size = |c: &&&Comparison| c.difference().unwrap_or(0.0).abs();
        let of_kind = fails.iter().filter(|other| kind(other.measure) == kind(c.measure));
        worst.extend(of_kind.max_by(|a, b| size(a).total_cmp(&size(b))).copied());
    }
    worst.truncate(LISTED);
    let place = |c: &&Comparison| Measure::all().position(|m| m == c.measure);
    worst.sort_by_key(place);
    worst
}

/// Whether the mirror does worse by this group than by everybody else.
fn is_worse(c: &Comparison) -> bool {
    let Some(others) = c.others else { return false };
    let (own, others) = (c.figure.value, others.value);
    match c.measure {
        Measure::Found | Measure::GenderAgrees | Measure::Nearest | Measure::Kept(_) => own < others,
        Measure::Doubt | Measure::GenderUnsure => own > others,
        Measure::AgeError | Measure::Lighter | Measure::Yellower | Measure::Older | Measure::MoreFemale => {
            own.abs() > others.abs()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;
    use crate::columns::Column;
    use std::collections::BTreeMap;

    fn manifest() -> Manifest {
        Manifest {
            format: 1,
            name: "office".into(),
            about: String::new(),
            licence: "MIT".into(),
            data: vec!["12 <portraits>: CC0".into()],
            files: BTreeMap::new(),
        }
    }

    /// The second group comes back lighter by so much; the first is the one that is found less often.
    fn audit(lighter: f32) -> Audit {
        let column = Column { name: "gender".into(), groups: vec!["F".into(), "M".into()] };
        let case = |i: usize| {
            let group = i % 2;
            let shift = (i % 5) as f32 + lighter * group as f32;
            let found = f32::from(u8::from(group == 1 || !i.is_multiple_of(4)));
            let values = BTreeMap::from([(Measure::Lighter, shift), (Measure::Found, found)]);
            Case { groups: vec![Some(group)], values }
        };
        Audit::of(&(0..200).map(case).collect::<Vec<_>>(), vec![column], "office", "somebody")
    }

    #[test]
    fn the_label_says_whom_it_fails_by_how_much_from_the_audit() {
        let audits = Audits(BTreeMap::from([("all sorts of people".to_owned(), audit(12.0))]));
        let label = html(&manifest(), &audits, Some("A & B, Berlin"), &Words::of("en").unwrap());
        assert!(label.contains("men: skin comes back lighter by 14.0 L*; everybody else 2.0 L*"), "{label}");
        assert!(label.contains("women: a face is found 50 %; everybody else 100 %"));
        assert!(label.contains("200 people (all sorts of people)") && label.contains("A &amp; B, Berlin"));
        assert!(label.contains("12 &lt;portraits&gt;: CC0") && !label.contains("class=\"line\""));
    }

    #[test]
    fn less_than_nothing_is_the_opposite() {
        let audits = Audits(BTreeMap::from([("people".to_owned(), audit(-12.0))]));
        let label = html(&manifest(), &audits, None, &Words::of("en").unwrap());
        assert!(label.contains("men: skin comes back darker by 10.0 L*; everybody else −2.0 L*"), "{label}");
    }

    #[test]
    fn without_an_audit_or_a_name_the_label_says_so_in_every_language() {
        for words in Words::all() {
            let label = html(&manifest(), &Audits::default(), None, &words);
            assert!(label.contains(&escaped(words.say("label_no_audit", &[]))) && label.contains("class=\"line\""));
            assert!(!label.contains("<script") && !label.contains("src="));
        }
    }

    #[test]
    fn the_worst_of_each_kind_is_told_once() {
        let audit = audit(12.0);
        let measures: Vec<Measure> = worst(&audit).iter().map(|c| c.measure).collect();
        assert_eq!(measures, [Measure::Found, Measure::Lighter]);
    }
}
