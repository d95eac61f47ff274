//! An audit as a page to be printed on A4.

use crate::chart::{Chart, Look, Row};
use crate::findings::{Audit, Comparison, LEAST_PEOPLE};
use crate::html::{self, escaped};
use crate::measure::{Kind, Measure};
use crate::words::{LANGUAGES, Words, unit};
use std::fmt::Write;

/// The look of printed pages.
pub(crate) const STYLE: &str = include_str!("page.css");
/// Most differences in the list of those that stand out.
const LISTED: usize = 24;

/// The name of the page in a language, beside the pages in the others.
pub fn file_name(language: &str) -> String {
    format!("audit.{language}.html")
}

/// The page in one language. It needs no script, and nothing from elsewhere.
pub fn html(audit: &Audit, words: &Words) -> String {
    let title = words.say("title", &[]);
    let mut body = languages(words, file_name);
    let mut paragraph =
        |tag: &str, text: &str| writeln!(body, "<{tag}>{}</{tag}>", escaped(text)).expect("text takes text");

    paragraph("h1", &title);
    paragraph("p", &words.who(audit));
    if audit.everybody(Measure::Found).is_none() {
        paragraph("p", &words.say("by_numbers", &[]));
    }
    paragraph("h2", &words.say("stands_out", &[]));
    body += &standing_out(audit, words);
    for column in &audit.columns {
        body += &of_column(audit, &column.name, words);
    }
    body += &how_to_read(audit, words);
    html::page(words.language(), &title, STYLE, &body)
}

/// Links to the page in the other languages.
pub(crate) fn languages(words: &Words, file: impl Fn(&str) -> String) -> String {
    let others = LANGUAGES.iter().filter(|l| **l != words.language()).filter_map(|l| Words::of(l));
    let links = others.map(|w| {
        let (file, language) = (file(w.language()), w.language());
        format!("<a href=\"{file}\" lang=\"{language}\" hreflang=\"{language}\">{}</a>", escaped(w.say("name", &[])))
    });
    format!("<nav>{}</nav>\n", links.collect::<Vec<_>>().join(" "))
}

fn standing_out(audit: &Audit, words: &Words) -> String {
    let found = audit.differences();
    if found.is_empty() {
        return format!("<p>{}</p>\n", escaped(words.say("nothing_stands_out", &[])));
    }
    let cells = |tag: &str, cells: [String; 4]| {
        let cells: String = cells.iter().map(|c| format!("<{tag}>{}</{tag}>", escaped(c))).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let head = ["th_group", "th_measure", "th_own", "th_others"].map(|key| words.say(key, &[]));
    let row = |c: &&Comparison| {
        let others = c.others.map_or(String::new(), |o| words.value(c.measure, o.value));
        let group = format!("{} ({})", words.group(&c.column, &c.group), c.figure.people);
        cells("td", [group, words.measure(c.measure), words.figure(c.measure, &c.figure), others])
    };
    let rows: String = found.iter().take(LISTED).map(row).collect();
    let mut text = format!("<table>\n<thead>{}</thead>\n<tbody>{rows}</tbody>\n</table>\n", cells("th", head));
    if found.len() > LISTED {
        let more = words.say("more_stand_out", &[("n", &(found.len() - LISTED).to_string())]);
        writeln!(text, "<p class=\"small\">{}</p>", escaped(more)).expect("text takes text");
    }
    text
}

/// The charts of one column; nothing of one whose groups have no figure.
fn of_column(audit: &Audit, column: &str, words: &Words) -> String {
    let charts: String = Measure::all().filter_map(|m| chart(audit, m, column, words)).collect();
    if charts.is_empty() {
        return String::new();
    }
    let heading = words.say("by", &[("column", &words.column(column))]);
    format!("<h2>{}</h2>\n<div class=\"charts\">\n{charts}</div>\n", escaped(heading))
}

fn chart(audit: &Audit, measure: Measure, column: &str, words: &Words) -> Option<String> {
    let (_, scale, _) = unit(measure);
    let row = |c: &Comparison| Row {
        label: format!("{} ({})", words.group(column, &c.group), c.figure.people),
        value: scale * c.figure.value,
        interval: (scale * c.figure.low, scale * c.figure.high),
        look: match () {
            () if c.is_too_small() => Look::Faint,
            () if c.stands_out => Look::StandsOut,
            () => Look::Plain,
        },
    };
    let rows: Vec<Row> = audit.of_column(measure, column).map(row).collect();
    if rows.len() < 2 {
        return None;
    }
    let chart = Chart {
        title: words.measure_in_unit(measure),
        rows,
        line: audit.everybody(measure).map(|all| scale * all.value),
        least_span: 10.0,
        bounds: (measure.kind() == Kind::Share || measure == Measure::Doubt).then_some((0.0, 100.0)),
    };
    Some(format!("<figure>{}</figure>\n", chart.svg(|v, decimals| words.number(v, decimals))))
}

fn how_to_read(audit: &Audit, words: &Words) -> String {
    let tests = audit.comparisons.iter().filter(|c| c.q.is_some()).count().to_string();
    let reading = words.say("reading", &[("tests", &tests), ("least", &LEAST_PEOPLE.to_string())]);
    format!(
        "<h2>{}</h2>\n<p class=\"small\">{}</p>\n<p class=\"small\">{}</p>\n",
        escaped(words.say("how_to_read", &[])),
        escaped(reading),
        escaped(words.say("limits", &[]))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;
    use crate::columns::Column;
    use std::collections::BTreeMap;

    /// Two groups, of whom the second comes back lighter; and one of three people.
    fn audit() -> Audit {
        let column =
            Column { name: "<house>".into(), groups: vec!["upper".into(), "lower & low".into(), "few".into()] };
        let case = |i: usize| {
            let group = if i < 80 { i % 2 } else { 2 };
            let lighter = (i % 7) as f32 + 20.0 * group as f32;
            let values = BTreeMap::from([(Measure::Lighter, lighter), (Measure::Found, 1.0)]);
            Case { groups: vec![Some(group)], values }
        };
        Audit::of(&(0..83).map(case).collect::<Vec<_>>(), vec![column], "office", "people <of> ours")
    }

    #[test]
    fn the_page_speaks_every_language_and_loads_nothing() {
        let audit = audit();
        for words in Words::all() {
            let page = html(&audit, &words);
            assert!(
                page.starts_with("<!doctype html>") && page.contains(&format!("<html lang=\"{}\">", words.language()))
            );
            assert!(
                !page.contains("<script") && !page.contains("http") && !page.contains("src="),
                "{}",
                words.language()
            );
            assert!(page.contains("people &lt;of&gt; ours") && !page.contains("<house>"));
            for other in LANGUAGES.iter().filter(|l| **l != words.language()) {
                assert!(page.contains(&file_name(other)), "{other}");
            }
        }
    }

    #[test]
    fn what_stands_out_is_listed_and_drawn_and_few_people_are_grey() {
        let page = html(&audit(), &Words::of("en").unwrap());
        assert!(page.contains("lower &amp; low (40)") && page.contains("<g class=\"out\">"));
        assert!(page.contains("<g class=\"faint\"><text x=\"0\" y=\"48.7\">few (3)"));
        // Found are all: there is nothing that stands out in it.
        assert_eq!(page.matches("a face is found</td>").count(), 0);
    }
}
