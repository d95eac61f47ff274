//! The study as a page to be printed.

use super::{Change, Counterfactual};
use crate::chart::{Chart, Look, Row};
use crate::html::{self, escaped};
use crate::page::{STYLE, languages};
use crate::words::Words;
use mirror::inverter::Verdict;
use std::fmt::Write;

/// How much farther landmarks are drawn to move than they do.
const EXAGGERATED: f32 = 5.0;

/// The name of the page in a language, beside the pages in the others.
pub fn file_name(language: &str) -> String {
    format!("counterfactual.{language}.html")
}

/// The name of a mean picture, beside the page.
pub fn picture_name(change: &Change, side: usize) -> String {
    let how = if change.held { "held" } else { "free" };
    format!("mean-{}-{how}-{side}.png", change.verdict.name())
}

/// The page in one language. It needs no script, and nothing but the mean pictures, which lie beside it.
pub fn html(study: &Counterfactual, words: &Words) -> String {
    let title = words.say("cf_title", &[]);
    let intro = words.say("cf_intro", &[("people", &study.people.to_string()), ("subjects", &study.subjects)]);
    let mut body = languages(words, file_name);
    write!(body, "<h1>{}</h1>\n<p>{}</p>\n", escaped(&title), escaped(intro)).expect("text takes text");
    body.extend(study.changes.iter().map(|change| section(change, words)));
    writeln!(body, "<p class=\"small\">{}</p>", escaped(words.say("cf_reading", &[]))).expect("text takes text");
    html::page(words.language(), &title, STYLE, &body)
}

fn section(change: &Change, words: &Words) -> String {
    let [from, to] = change.values.map(|v| words.number(v.into(), 0));
    let what = match change.verdict {
        Verdict::Female => words.say("cf_gender", &[]),
        Verdict::Age => words.say("cf_age", &[("from", &from), ("to", &to)]),
    };
    let how = words.say(if change.held { "cf_held" } else { "cf_free" }, &[]);
    format!(
        "<h2>{}: {}</h2>\n<div class=\"faces\">\n{}{}</div>\n<div class=\"charts\">\n{}<figure>{}</figure>\n</div>\n",
        escaped(what),
        escaped(how),
        face(change, 0, words),
        face(change, 1, words),
        chart(change, words),
        landmarks(change, words),
    )
}

fn face(change: &Change, side: usize, words: &Words) -> String {
    let value = change.values[side];
    let who = match change.verdict {
        Verdict::Female => words.say(&format!("cf_side_gender_{side}"), &[]),
        Verdict::Age => words.say("cf_side_age", &[("n", &words.number(value.into(), 0))]),
    };
    let text = escaped(words.say("cf_mean_of", &[("n", &change.people.to_string()), ("side", &who)]));
    format!(
        "<figure><img src=\"{}\" alt=\"{text}\"><figcaption>{text}</figcaption></figure>\n",
        picture_name(change, side)
    )
}

fn chart(change: &Change, words: &Words) -> String {
    let moved = change.moved.iter().filter(|m| m.stands_out);
    let row = |m: &super::Moved| Row {
        label: words.feature(&m.feature),
        value: m.figure.value,
        interval: (m.figure.low, m.figure.high),
        look: Look::StandsOut,
    };
    let rows: Vec<Row> = moved.map(row).collect();
    if rows.is_empty() {
        return format!("<p>{}</p>\n", escaped(words.say("cf_nothing", &[])));
    }
    let chart = Chart { title: words.say("cf_moves", &[]), rows, line: Some(0.0), least_span: 0.5, bounds: None };
    let svg = chart.svg(|v, decimals| words.number(v, decimals));
    format!("<figure>{svg}<figcaption>{}</figcaption></figure>\n", escaped(words.say("cf_of_spread", &[])))
}

/// The mean landmarks, and where they go.
fn landmarks(change: &Change, words: &Words) -> String {
    let title = escaped(words.say("cf_landmarks", &[]));
    let place = |[x, y]: [f32; 2]| (125.0 + 62.0 * x, 75.0 + 62.0 * y);
    let mut svg = format!(
        "<svg class=\"chart\" viewBox=\"0 0 250 210\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n<text class=\"title\" x=\"0\" y=\"9\">{title}</text>\n"
    );
    for (from, to) in change.landmarks[0].iter().zip(&change.landmarks[1]) {
        let far: [f32; 2] = std::array::from_fn(|axis| from[axis] + EXAGGERATED * (to[axis] - from[axis]));
        let ((x, y), (u, v)) = (place(*from), place(far));
        writeln!(
            svg,
            "<g class=\"plain\"><line x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{u:.1}\" y2=\"{v:.1}\"/><circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"1.2\"/></g>"
        )
        .expect("text takes text");
    }
    svg + "</svg>\n"
}
