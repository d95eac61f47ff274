//! Dots with their intervals, a row a group, as SVG.

use crate::html::escaped;
use std::fmt::Write;
use train::statistics::round_step;

/// A row of a chart.
pub struct Row {
    /// What stands before it.
    pub label: String,
    /// The value.
    pub value: f64,
    /// The ends of its interval.
    pub interval: (f64, f64),
    pub look: Look,
}

/// How a row is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Of too few: grey.
    Faint,
    /// A ring.
    Plain,
    /// A filled dot and a bold label.
    StandsOut,
}

/// What is drawn besides the rows.
pub struct Chart {
    /// What stands above.
    pub title: String,
    /// The rows, from above.
    pub rows: Vec<Row>,
    /// Where the upright line stands, if there is one.
    pub line: Option<f64>,
    /// The least span of the axis: smaller differences must not look large.
    pub least_span: f64,
    /// The ends that no axis goes beyond, if there are any.
    pub bounds: Option<(f64, f64)>,
}

/// Sizes, in the units of the drawing: 1 mm on paper is about 2.8.
const WIDTH: f64 = 260.0;
const LABELS: f64 = 112.0;
const ROW: f64 = 12.0;
const ABOVE: f64 = 16.0;
const BELOW: f64 = 16.0;
/// The most characters of a label.
const LONGEST: usize = 29;

impl Chart {
    /// The drawing; `number` writes a number with so many decimals.
    pub fn svg(&self, number: impl Fn(f64, usize) -> String) -> String {
        let (low, high) = self.ends();
        let step = step_of(high - low);
        let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
        let x = |v: f64| LABELS + (v.clamp(low, high) - low) / (high - low) * (WIDTH - LABELS - 10.0);
        let bottom = ABOVE + ROW * self.rows.len() as f64;
        let mut svg = format!(
            "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n\
             <text class=\"title\" x=\"0\" y=\"9\">{title}</text>\n",
            bottom + BELOW,
            title = escaped(&self.title),
        );

        // The axis, and everybody.
        for i in 0..=((high - low) / step).round() as usize {
            let at = low + step * i as f64;
            let text = escaped(number(at, usize::from(step < 0.99)));
            writeln!(
                svg,
                "<line class=\"grid\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{ABOVE}\" y2=\"{bottom}\"/>\
                 <text class=\"tick\" x=\"{0:.1}\" y=\"{1}\">{text}</text>",
                x(at),
                bottom + 10.0
            )
            .expect("text takes text");
        }
        if let Some(line) = self.line {
            let x = x(line);
            writeln!(svg, "<line class=\"all\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{ABOVE}\" y2=\"{bottom}\"/>")
                .expect("text takes text");
        }

        for (i, row) in self.rows.iter().enumerate() {
            let y = ABOVE + ROW * (i as f64 + 0.5);
            let class = match row.look {
                Look::Faint => "faint",
                Look::Plain => "plain",
                Look::StandsOut => "out",
            };
            writeln!(
                svg,
                "<g class=\"{class}\"><text x=\"0\" y=\"{:.1}\">{}</text>\
                 <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y}\" y2=\"{y}\"/><circle cx=\"{:.1}\" cy=\"{y}\" r=\"2.4\"/></g>",
                y + 2.7,
                escaped(shortened(&row.label)),
                x(row.interval.0),
                x(row.interval.1),
                x(row.value),
            )
            .expect("text takes text");
        }
        svg + "</svg>\n"
    }

    /// From where to where the axis must go.
    fn ends(&self) -> (f64, f64) {
        let sure = self.rows.iter().filter(|row| row.look != Look::Faint);
        let values = sure.flat_map(|row| [row.value, row.interval.0, row.interval.1]).chain(self.line);
        let few = self.rows.iter().map(|row| row.value);
        let all = values.chain(few).filter(|v| v.is_finite());
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
        let missing = (self.least_span - (high - low)).max(0.0) / 2.0;
        let (low, high) = (low - missing, high + missing);
        match self.bounds {
            Some((from, to)) => {
                let shift = (from - low).max(0.0) + (to - high).min(0.0);
                ((low + shift).max(from), (high + shift).min(to))
            }
            None => (low, high),
        }
    }
}

/// The distance of ticks, three to six of them.
fn step_of(span: f64) -> f64 {
    round_step(span.max(1e-9) / 4.0)
}

fn shortened(label: &str) -> String {
    match label.chars().count() {
        n if n > LONGEST => label.chars().take(LONGEST - 1).chain(['…']).collect(),
        _ => label.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(value: f64, look: Look) -> Row {
        Row { label: format!("group <{value}>"), value, interval: (value - 1.0, value + 2.0), look }
    }

    fn chart(values: &[f64], bounds: Option<(f64, f64)>) -> Chart {
        let rows = values.iter().map(|v| row(*v, Look::Plain)).collect();
        Chart { title: "A & B".into(), rows, line: Some(0.0), least_span: 4.0, bounds }
    }

    #[test]
    fn every_row_lies_within_the_drawing_and_no_text_becomes_a_part_of_it() {
        let svg = chart(&[-3.0, 0.0, 12.0], None).svg(|v, decimals| format!("{v:.decimals$}"));
        assert!(svg.contains("A &amp; B") && svg.contains("group &lt;12&gt;") && !svg.contains("NaN"));
        for part in svg.split("cx=\"").skip(1) {
            let x: f64 = part.split('"').next().unwrap().parse().unwrap();
            assert!((LABELS..=WIDTH).contains(&x), "{x}");
        }
    }

    #[test]
    fn an_axis_spans_the_least_and_stays_within_its_bounds() {
        assert_eq!(chart(&[0.0], None).ends(), (-1.5, 2.5));
        let (low, high) = chart(&[99.0], Some((0.0, 100.0))).ends();
        assert_eq!((low, high), (0.0, 100.0));
        let narrow = Chart { line: None, ..chart(&[98.5], Some((0.0, 100.0))) };
        assert_eq!(narrow.ends(), (96.0, 100.0));
        assert_eq!(Chart { rows: Vec::new(), line: None, ..chart(&[], None) }.ends(), (-1.5, 2.5));
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!([4.0, 1.0, 37.0, 0.2].map(step_of).map(|s| (s * 1000.0).round() as u32), [1000, 500, 10_000, 50]);
        assert_eq!(shortened(&"a".repeat(30)).chars().count(), LONGEST);
    }
}
