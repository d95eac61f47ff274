//! What the pages say, in five languages.

use crate::findings::{Audit, Comparison, Figure};
use crate::measure::Measure;
use std::collections::BTreeMap;

/// The languages, and what each calls itself in its own file.
pub const LANGUAGES: [&str; 5] = ["en", "de", "es", "fr", "zh"];

/// What only these pages say, and what the mirror's own page says too: groups and features have one name.
const TEXTS: [[&str; 2]; 5] = [
    [include_str!("../texts/en.json"), include_str!("../../../web/texts/en.json")],
    [include_str!("../texts/de.json"), include_str!("../../../web/texts/de.json")],
    [include_str!("../texts/es.json"), include_str!("../../../web/texts/es.json")],
    [include_str!("../texts/fr.json"), include_str!("../../../web/texts/fr.json")],
    [include_str!("../texts/zh.json"), include_str!("../../../web/texts/zh.json")],
];

/// The words of one language.
#[derive(Clone, Debug)]
pub struct Words {
    language: &'static str,
    texts: BTreeMap<String, String>,
}

impl Words {
    /// Of a language; `None` if it is none of [`LANGUAGES`].
    pub fn of(language: &str) -> Option<Self> {
        let i = LANGUAGES.iter().position(|l| *l == language)?;
        let read = |text| -> BTreeMap<String, String> { serde_json::from_str(text).expect("a test reads every text") };
        let [own, page] = TEXTS[i].map(read);
        Some(Self { language: LANGUAGES[i], texts: page.into_iter().chain(own).collect() })
    }

    /// Of every language.
    pub fn all() -> impl Iterator<Item = Self> {
        LANGUAGES.iter().filter_map(|language| Self::of(language))
    }

    /// Its code, such as `de`.
    pub fn language(&self) -> &'static str {
        self.language
    }

    /// A text, with what stands in its places; the key itself where there is no text.
    pub fn say(&self, key: &str, places: &[(&str, &str)]) -> String {
        let text = self.texts.get(key).cloned().unwrap_or_else(|| key.to_owned());
        places.iter().fold(text, |text, (place, value)| text.replace(&format!("{{{place}}}"), value))
    }

    fn known(&self, key: &str) -> Option<String> {
        self.texts.get(key).cloned()
    }

    /// What a measure is called.
    pub fn measure(&self, measure: Measure) -> String {
        match measure {
            Measure::Kept(group) => self.say("measure_kept", &[("group", &self.say(group.name(), &[]))]),
            measure => self.say(&format!("measure_{}", measure.id()), &[]),
        }
    }

    /// What a feature is called that is no landmark: `hair/l`, say.
    pub fn feature(&self, name: &str) -> String {
        self.say(&format!("number_{}", name.replace('/', "_")), &[])
    }

    /// What a column is called: a word for those that we know, else its own name.
    pub fn column(&self, name: &str) -> String {
        self.known(&format!("column_{name}")).unwrap_or_else(|| name.to_owned())
    }

    /// What a group is called, likewise.
    pub fn group(&self, column: &str, group: &str) -> String {
        match column {
            "age" => self.say("group_age", &[("group", group)]),
            "source" => self.known(&format!("source_{group}")).unwrap_or_else(|| group.to_owned()),
            _ => self.known(&format!("group_{column}_{group}")).unwrap_or_else(|| group.to_owned()),
        }
    }

    /// A number with so many decimals, as the language writes it.
    pub fn number(&self, value: f64, decimals: usize) -> String {
        let text = format!("{value:.decimals$}");
        // Nothing is "-0".
        let text = if text.trim_matches(['-', '0', '.']).is_empty() { text.replace('-', "") } else { text };
        let text = text.replace('-', "−");
        if matches!(self.language, "de" | "es" | "fr") { text.replace('.', ",") } else { text }
    }

    /// A value of a measure with its unit.
    pub fn value(&self, measure: Measure, value: f64) -> String {
        let (unit, scale, decimals) = unit(measure);
        self.say(unit, &[("n", &self.number(scale * value, decimals))])
    }

    /// What a measure is called, with the unit of its numbers.
    pub fn measure_in_unit(&self, measure: Measure) -> String {
        format!("{} ({})", self.measure(measure), self.say(unit(measure).0, &[("n", "")]).trim())
    }

    /// A figure with its unit and its interval.
    pub fn figure(&self, measure: Measure, figure: &Figure) -> String {
        let (_, scale, decimals) = unit(measure);
        let [low, high] = [figure.low, figure.high].map(|v| self.number(scale * v, decimals));
        format!("{} ({low} – {high})", self.value(measure, figure.value))
    }

    /// A difference as a sentence: who, what, by how much, beside whom. Who comes back lighter by less than nothing comes back darker.
    pub fn sentence(&self, c: &Comparison) -> String {
        let less = self.known(&format!("measure_{}_less", c.measure.id())).filter(|_| c.figure.value < 0.0);
        let sign = if less.is_some() { -1.0 } else { 1.0 };
        let others = c.others.map_or(String::new(), |o| self.value(c.measure, sign * o.value));
        let places = [
            ("group", self.group(&c.column, &c.group)),
            ("measure", less.unwrap_or_else(|| self.measure(c.measure))),
            ("own", self.value(c.measure, sign * c.figure.value)),
            ("others", others),
        ];
        self.say("label_row", &places.each_ref().map(|(place, text)| (*place, text.as_str())))
    }

    /// Who was looked at, for the beginning of a page.
    pub fn who(&self, audit: &Audit) -> String {
        let people = audit.people.to_string();
        self.say("audited", &[("people", &people), ("subjects", &audit.subjects), ("pack", &audit.pack)])
    }
}

/// The text of a measure's unit, what its values are multiplied by, and with how many decimals they are told.
pub(crate) fn unit(measure: Measure) -> (&'static str, f64, usize) {
    match measure {
        Measure::AgeError | Measure::Older => ("unit_years", 1.0, 1),
        Measure::Lighter => ("unit_lightness", 1.0, 1),
        Measure::Yellower => ("unit_degrees", 1.0, 1),
        Measure::MoreFemale => ("unit_points", 100.0, 0),
        Measure::Doubt => ("unit_percent", 100.0, 1),
        Measure::Found | Measure::GenderAgrees | Measure::GenderUnsure | Measure::Nearest | Measure::Kept(_) => {
            ("unit_percent", 100.0, 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<&str> {
        let mut places: Vec<&str> = text.split('{').skip(1).filter_map(|t| t.split('}').next()).collect();
        places.sort_unstable();
        places
    }

    #[test]
    fn every_language_has_every_text_with_the_same_places() {
        let english = Words::of("en").unwrap();
        for words in Words::all() {
            assert_eq!(english.texts.keys().collect::<Vec<_>>(), words.texts.keys().collect::<Vec<_>>());
            for (key, text) in &words.texts {
                assert_eq!(places(&english.texts[key]), places(text), "{}: {key}", words.language);
                assert!(!text.trim().is_empty(), "{}: {key}", words.language);
            }
        }
        assert!(Words::of("tlh").is_none());
    }

    #[test]
    fn every_measure_and_every_measured_group_has_words() {
        for words in Words::all() {
            for measure in Measure::all() {
                assert!(!words.measure(measure).contains('_'), "{}: {}", words.language, measure.id());
                assert!(words.texts.contains_key(unit(measure).0));
            }
            for column in crate::columns::measured() {
                for group in &column.groups {
                    assert_ne!(&words.group(&column.name, group), group, "{}", words.language);
                }
            }
        }
    }

    #[test]
    fn numbers_are_written_as_the_language_writes_them() {
        let [en, de] = ["en", "de"].map(|l| Words::of(l).unwrap());
        assert_eq!((en.number(-1.25, 1), de.number(3.5, 1)), ("−1.2".to_owned(), "3,5".to_owned()));
        assert_eq!(en.number(-0.04, 1), "0.0");
        assert_eq!(en.value(Measure::Found, 0.934), "93 %");
        assert_eq!(de.value(Measure::Lighter, 9.06), "9,1 L*");
        let figure = Figure { people: 30, value: 4.0, low: 1.0, high: 6.5 };
        assert_eq!(en.figure(Measure::Older, &figure), "4.0 years (1.0 – 6.5)");
        assert_eq!(de.measure_in_unit(Measure::Found), "ein Gesicht wird gefunden (%)");
        assert_eq!(de.group("source", "congress"), "US-Kongress");
        assert_eq!((en.group("age", "20-29"), de.group("party", "Green")), ("20-29 years".into(), "Green".into()));
    }
}
