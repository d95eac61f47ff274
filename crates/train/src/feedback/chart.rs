//! The chart of a feedback run: an SVG file, written by hand, that reads in black and white as well.

use super::figures::{Figure, PANELS, Panel};
use super::report::{Arm, FeedbackReport, Generation};
use crate::statistics::{Estimate, round_step};
use std::fmt::Write;

/// Panels in a row.
const COLUMNS: usize = 3;
/// Width and height of a panel with its words, and where its axes begin and end in it.
const PANEL: [f64; 2] = [320.0, 236.0];
const LEFT: f64 = 44.0;
const RIGHT: f64 = 306.0;
const TOP: f64 = 58.0;
const BOTTOM: f64 = 198.0;
/// Above and below the panels.
const HEAD: f64 = 44.0;
/// Distance of arms, and of figures, of one generation, so that their intervals lie side by side.
const BESIDE: f64 = 5.0;
/// About the width of a letter.
const LETTER: f64 = 6.2;

/// Ink and paper; where dark pages are wanted they change places. Without variables, which not every program that shows SVG knows.
const STYLE: &str = "<style>
svg { font: 12px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif }
.title { font-weight: 600 } .head { font-size: 16px; font-weight: 600 }
.paper, .hollow { fill: #ffffff } text, .whole { fill: #1a1a1a } .soft, .half { fill: #6b6b6b }
.mark { stroke: #1a1a1a; stroke-width: 1.4 } .line { fill: none } .grid { stroke: #d4d4d4 }
.control { stroke: #6b6b6b; stroke-dasharray: 4 3 }
@media screen and (prefers-color-scheme: dark) {
.paper, .hollow { fill: #161616 } text, .whole { fill: #ececec } .soft, .half { fill: #a2a2a2 }
.mark { stroke: #ececec } .grid { stroke: #444444 } .control { stroke: #a2a2a2 } }
</style>
";

/// The chart.
pub(super) fn svg(report: &FeedbackReport) -> String {
    let rows = (PANELS.len() + 1).div_ceil(COLUMNS);
    let [width, height] = [COLUMNS as f64 * PANEL[0], HEAD + rows as f64 * PANEL[1]];
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\n\
         <title>A generator learns from a generator: spread and shares of groups by generation</title>\n{STYLE}\
         <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n\
         <text class=\"head\" x=\"16\" y=\"28\">Each generation learns from the pictures of the one before</text>\n"
    );
    for (i, panel) in PANELS.iter().enumerate() {
        let body = Plot::new(report, panel).svg(report);
        push(&mut svg, format_args!("<g transform=\"{}\">\n{body}</g>\n", place(i)));
    }
    push(&mut svg, format_args!("<g transform=\"{}\">\n{}</g>\n</svg>\n", place(PANELS.len()), key(report)));
    svg
}

/// Where panel `i` lies.
fn place(i: usize) -> String {
    format!("translate({} {})", (i % COLUMNS) as f64 * PANEL[0], HEAD + (i / COLUMNS) as f64 * PANEL[1])
}

fn push(svg: &mut String, line: std::fmt::Arguments) {
    svg.write_fmt(line).expect("memory takes every line");
}

/// A panel, and what its axes span.
struct Plot<'a> {
    panel: &'a Panel,
    /// The last generation.
    last: usize,
    /// Bottom and top of the vertical axis, and the distance of its marks.
    low: f64,
    high: f64,
    step: f64,
}

impl<'a> Plot<'a> {
    fn new(report: &FeedbackReport, panel: &'a Panel) -> Self {
        let all = report.generations.iter().flat_map(|g| panel.figures.iter().filter_map(|name| g.figure(name)));
        let ends = all.flat_map(|figure| [figure.estimate.high, figure.estimate.value]);
        let most = ends.filter(|v| v.is_finite()).fold(0.0, f64::max) * panel.factor();
        let last = report.generations.iter().map(|g| g.number).max().unwrap_or(0);

        // From 0, so that a small change looks small.
        let high = if panel.is_share { 100.0 } else { most.max(1e-3) };
        let step = round_step(high / 4.0);
        Self { panel, last, low: 0.0, high: (high / step).ceil() * step, step }
    }

    fn x(&self, generation: usize) -> f64 {
        let inset = 14.0;
        LEFT + inset + (RIGHT - LEFT - 2.0 * inset) * generation as f64 / self.last.max(1) as f64
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * (value - self.low) / (self.high - self.low)
    }

    fn svg(&self, report: &FeedbackReport) -> String {
        let mut svg = self.axes();
        for (i, name) in self.panel.figures.iter().enumerate() {
            for arm in [Arm::Control, Arm::Loop] {
                self.curve(&mut svg, &report.of_arm(arm), arm, (i, name));
            }
        }
        svg
    }

    /// Title, unit, the key of the figures, grid and numbers.
    fn axes(&self) -> String {
        let Panel { title, unit, figures, .. } = self.panel;
        let mut svg = format!("<text class=\"title\" x=\"{LEFT}\" y=\"16\">{title}</text>\n");
        push(&mut svg, format_args!("<text class=\"soft\" x=\"{LEFT}\" y=\"32\">{unit}</text>\n"));

        // Which mark is which figure.
        if figures.len() > 1 {
            let mut x = LEFT + 6.0;
            for (i, name) in figures.iter().enumerate() {
                push(&mut svg, format_args!("{}<text x=\"{}\" y=\"50\">{name}</text>\n", mark(i, [x, 46.0]), x + 9.0));
                x += 34.0 + LETTER * name.len() as f64;
            }
        }

        // Grid and numbers.
        let marks = ((self.high - self.low) / self.step).round() as usize;
        let digits = if self.step < 0.1 { 2 } else { usize::from(self.step < 1.0) };
        for value in (0..=marks).map(|i| self.low + i as f64 * self.step) {
            let y = self.y(value);
            push(
                &mut svg,
                format_args!(
                    "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/><text class=\"soft\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value:.digits$}</text>\n",
                    LEFT - 6.0,
                    y + 4.0
                ),
            );
        }
        let every = self.last.div_ceil(12).max(1);
        for generation in (0..=self.last).step_by(every) {
            push(
                &mut svg,
                format_args!(
                    "<text class=\"soft\" x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{generation}</text>\n",
                    self.x(generation),
                    BOTTOM + 16.0
                ),
            );
        }
        let middle = (LEFT + RIGHT) / 2.0;
        push(
            &mut svg,
            format_args!(
                "<text class=\"soft\" x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">generation</text>\n",
                BOTTOM + 31.0
            ),
        );
        svg
    }

    /// A figure over the generations of an arm: a line, broken where nothing is known, and an interval and a mark at each. Where figures share
    /// a panel the control has its line alone: nobody could tell whose interval is whose.
    fn curve(&self, svg: &mut String, generations: &[&Generation], arm: Arm, (index, name): (usize, &str)) {
        let shared = self.panel.figures.len() > 1;
        let (class, kind) = if arm == Arm::Control { ("mark line control", CONTROL) } else { ("mark line", index) };

        // Side by side within a generation.
        let aside = match shared {
            true => BESIDE * (index as f64 - (self.panel.figures.len() as f64 - 1.0) / 2.0),
            false => BESIDE * f64::from(u8::from(arm == Arm::Control)),
        };
        let (mut line, mut marks) = (String::new(), String::new());
        let mut step = 'M';
        for generation in generations {
            let figure = generation.figure(name).filter(|figure| figure.estimate.value.is_finite());
            let Some(Figure { estimate: Estimate { value, low, high }, .. }) = figure else {
                step = 'M';
                continue;
            };
            let x = self.x(generation.number) + aside;
            let [y, bottom, top] = [*value, *low, *high].map(|v| self.y((v * self.panel.factor()).min(self.high)));
            push(&mut line, format_args!("{step}{x:.1} {y:.1}"));
            step = 'L';
            if !(shared && arm == Arm::Control) {
                if low.is_finite() && high.is_finite() {
                    push(&mut marks, format_args!("<path class=\"mark line\" d=\"M{x:.1} {top:.1}V{bottom:.1}\"/>"));
                }
                push(&mut marks, format_args!("{}\n", mark(kind, [x, y])));
            }
        }
        push(svg, format_args!("<path class=\"{class}\" d=\"{line}\"/>\n{marks}"));
    }
}

impl Panel {
    /// What figures are multiplied by.
    fn factor(&self) -> f64 {
        if self.is_share { 100.0 } else { 1.0 }
    }
}

/// Which mark is the control's.
const CONTROL: usize = 3;

/// The mark of a panel's figure `i`: a dot, a hollow square, a grey triangle; the control's is a hollow dot.
fn mark(i: usize, [x, y]: [f64; 2]) -> String {
    match i {
        CONTROL => format!("<circle class=\"mark hollow\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.2\"/>"),
        0 => format!("<circle class=\"mark whole\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.2\"/>"),
        1 => format!(
            "<rect class=\"mark hollow\" x=\"{:.1}\" y=\"{:.1}\" width=\"6.4\" height=\"6.4\"/>",
            x - 3.2,
            y - 3.2
        ),
        _ => format!(
            "<path class=\"mark half\" d=\"M{:.1} {:.1}L{:.1} {:.1}H{:.1}Z\"/>",
            x,
            y - 4.2,
            x + 4.0,
            y + 3.0,
            x - 4.0
        ),
    }
}

/// What lines and bars mean, and what was done.
fn key(report: &FeedbackReport) -> String {
    let mut svg = format!("<text class=\"title\" x=\"{LEFT}\" y=\"16\">How to read it</text>\n");
    let mut line = |y: f64, class: &str, words: &str| {
        push(
            &mut svg,
            format_args!(
                "<path class=\"{class}\" d=\"M{LEFT} {}H{}\"/><text x=\"{}\" y=\"{y}\">{words}</text>\n",
                y - 4.0,
                LEFT + 26.0,
                LEFT + 34.0
            ),
        );
    };
    line(38.0, "mark line", "the loop");
    if !report.of_arm(Arm::Control).is_empty() {
        line(58.0, "mark line control", "control: all learn from generation 0");
    }
    let words = "Bars are 95 % intervals of the samples that were measured; another training with another seed would differ more. \
                 Generation 0 is the pack's generator, its pictures shrunk. What is lost from 0 to 1 is also what a small net cannot learn.";
    let caption = report.caption();
    let lines = wrapped(words).into_iter().chain([String::new()]).chain(wrapped(&caption));
    for (line, y) in lines.zip((0..).map(|i| 82.0 + 15.0 * f64::from(i))) {
        push(&mut svg, format_args!("<text class=\"soft\" x=\"{LEFT}\" y=\"{y}\">{line}</text>\n"));
    }
    svg
}

/// Lines that fit a panel.
fn wrapped(words: &str) -> Vec<String> {
    const LETTERS: usize = 41;
    let mut lines = vec![String::new()];
    for word in words.split_whitespace() {
        let line = lines.last_mut().expect("there is one from the start");
        match line.is_empty() {
            true => line.push_str(word),
            false if line.len() + 1 + word.len() <= LETTERS => *line += &format!(" {word}"),
            false => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_break_into_lines_and_none_is_lost() {
        let lines = wrapped("one two three four five six seven eight nine ten eleven twelve thirteen");
        assert!(lines.iter().all(|line| line.len() <= 41) && lines.len() == 2, "{lines:?}");
        assert!(lines.concat().ends_with("thirteen"));
    }
}
