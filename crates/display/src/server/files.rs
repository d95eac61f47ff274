//! The files of the page; they are part of the binary.

use axum::Router;
use axum::http::header;
use axum::routing::get;

/// A file: its path, its kind, its text.
pub type File = (&'static str, &'static str, &'static str);

macro_rules! file {
    ($path:literal, $name:literal, $kind:literal) => {
        ($path, concat!($kind, "; charset=utf-8"), include_str!(concat!("../../../../web/", $name)))
    };
}

/// Routes that answer with these files.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(files: impl IntoIterator<Item = File>) -> Router<S> {
    let add = |router: Router<S>, (path, kind, text): File| {
        router.route(path, get(move || async move { ([(header::CONTENT_TYPE, kind)], text) }))
    };
    files.into_iter().fold(Router::new(), add)
}

/// The service worker of a page without a server; what there is has to be filled in.
pub const SERVICE_WORKER: &str = include_str!("../../../../web/sw.js");

/// All files that any page has, `index.html` first.
pub const FILES: [File; 35] = [
    file!("/", "index.html", "text/html"),
    file!("/mirror.css", "mirror.css", "text/css"),
    file!("/icon.svg", "icon.svg", "image/svg+xml"),
    file!("/manifest.webmanifest", "manifest.webmanifest", "application/manifest+json"),
    file!("/mirror.js", "mirror.js", "text/javascript"),
    file!("/awake.js", "awake.js", "text/javascript"),
    file!("/camera.js", "camera.js", "text/javascript"),
    file!("/clock.js", "clock.js", "text/javascript"),
    file!("/dissolve.js", "dissolve.js", "text/javascript"),
    file!("/glass.js", "glass.js", "text/javascript"),
    file!("/card.js", "card.js", "text/javascript"),
    file!("/half.js", "half.js", "text/javascript"),
    file!("/house.js", "house.js", "text/javascript"),
    file!("/keys.js", "keys.js", "text/javascript"),
    file!("/link.js", "link.js", "text/javascript"),
    file!("/members.js", "members.js", "text/javascript"),
    file!("/module.js", "module.js", "text/javascript"),
    file!("/mounting.js", "mounting.js", "text/javascript"),
    file!("/offline.js", "offline.js", "text/javascript"),
    file!("/panel.js", "panel.js", "text/javascript"),
    file!("/policy.css", "policy.css", "text/css"),
    file!("/policy.html", "policy.html", "text/html"),
    file!("/policy.js", "policy.js", "text/javascript"),
    file!("/scenes.js", "scenes.js", "text/javascript"),
    file!("/seen.js", "seen.js", "text/javascript"),
    file!("/socket.js", "socket.js", "text/javascript"),
    file!("/steps.js", "steps.js", "text/javascript"),
    file!("/verdict.js", "verdict.js", "text/javascript"),
    file!("/words.js", "words.js", "text/javascript"),
    file!("/texts/en.json", "texts/en.json", "application/json"),
    file!("/texts/de.json", "texts/de.json", "application/json"),
    file!("/texts/es.json", "texts/es.json", "application/json"),
    file!("/texts/fr.json", "texts/fr.json", "application/json"),
    file!("/texts/zh.json", "texts/zh.json", "application/json"),
    ("/favicon.ico", "image/x-icon", ""),
];

/// What of a page has a colour that a scene may change.
pub const COLOURS: [&str; 5] = ["background", "text", "faint", "accent", "line"];

/// The keys of all texts of pages.
pub fn text_keys() -> Vec<String> {
    let english = FILES.iter().find(|(path, ..)| *path == "/texts/en.json").map_or("{}", |(.., text)| text);
    let texts: std::collections::BTreeMap<String, serde_json::Value> =
        serde_json::from_str(english).unwrap_or_default();
    texts.into_keys().collect()
}

/// The languages that pages speak: those with a file of texts.
pub const LANGUAGES: [&str; 5] = ["en", "de", "es", "fr", "zh"];

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::features::{FeatureVector, Group, TOLD};
    use mirror::inverter::Verdict;
    use serde_json::{Map, Value};

    #[test]
    fn nothing_comes_from_elsewhere_and_nothing_stands_inline() {
        for (path, _, text) in FILES {
            // A name, at which nobody looks.
            let text = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("https:") && !text.contains("http:"), "{path}");
        }
        let page = FILES[0].2;
        for inline in ["<style", "style=", "<script>", "onclick", "javascript:"] {
            assert!(!page.contains(inline), "the policy would refuse {inline}");
        }
    }

    #[test]
    fn every_language_has_every_text_and_every_place_in_it() {
        let texts: Vec<(&str, Map<String, Value>)> = FILES
            .iter()
            .filter(|(path, ..)| path.starts_with("/texts/"))
            .map(|(path, _, text)| (*path, serde_json::from_str(text).unwrap_or_else(|e| panic!("{path}: {e}"))))
            .collect();
        let places = |text: &Value| {
            let text = text.as_str().expect("a text");
            let mut places: Vec<&str> = text.split('{').skip(1).filter_map(|t| t.split('}').next()).collect();
            places.sort_unstable();
            places.join(" ")
        };
        let files: Vec<String> = LANGUAGES.iter().map(|language| format!("/texts/{language}.json")).collect();
        assert_eq!(files, texts.iter().map(|(path, _)| *path).collect::<Vec<_>>());
        let english = &texts[0].1;
        for (path, other) in &texts {
            assert_eq!(english.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>(), "{path}");
            for (key, text) in other {
                assert_eq!(places(&english[key]), places(text), "{path}: {key}");
                assert!(!text.as_str().unwrap().trim().is_empty(), "{path}: {key}");
            }
        }
    }

    #[test]
    fn the_sliders_of_the_panel_go_as_far_as_the_controls_of_the_desk() {
        for verdict in Verdict::ALL {
            let marker = format!("data-override=\"{}\"", verdict.name());
            let slider = FILES[0].2.split("<input").find(|tag| tag.contains(&marker)).expect("a slider");
            let slider = slider.split('>').next().unwrap();
            let number = |name: &str| {
                let value = slider.split(&format!("{name}=\"")).nth(1)?.split('"').next()?;
                Some(value.parse::<f32>().expect("a number"))
            };
            let scale = number("data-scale").unwrap_or(1.0);
            let (from, to) = verdict.range();
            let found = ["min", "max"].map(|name| number(name).expect("a bound") / scale);
            assert_eq!(found, [from, to], "{}", verdict.name());
        }
    }

    #[test]
    fn the_page_knows_every_colour_that_a_scene_may_change() {
        let script = FILES.iter().find(|f| f.0 == "/mirror.js").expect("a file of the page").2;
        let list = script.lines().find(|line| line.starts_with("const COLOURS")).expect("a list");
        assert!(
            COLOURS.iter().all(|colour| list.contains(&format!("{colour}: \"--")))
                && list.matches(": \"--").count() == COLOURS.len()
        );
        assert!(text_keys().contains(&"begin".to_owned()));
    }

    #[test]
    fn no_line_begins_with_a_french_sign() {
        let french = FILES.iter().find(|f| f.0 == "/texts/fr.json").expect("a file of the page");
        let french: Map<String, Value> = serde_json::from_str(french.2).unwrap();
        for (key, text) in french {
            let text = text.as_str().unwrap();
            for sign in [" :", " ;", " ?", " !", " »", "« "] {
                assert!(!text.contains(sign), "{key}: a space that may break: {text}");
            }
        }
    }

    #[test]
    fn every_text_that_the_page_asks_for_is_there() {
        let english = FILES.iter().find(|f| f.0 == "/texts/en.json").expect("a file of the page");
        let english: Map<String, Value> = serde_json::from_str(english.2).unwrap();
        let named = FILES[0].2.split("data-text=\"").skip(1).filter_map(|t| t.split('"').next());
        let scripts = FILES.iter().filter(|f| f.0.ends_with(".js"));
        let asked = scripts.flat_map(|f| f.2.split("say(\"").skip(1).filter_map(|t| t.split('"').next()));
        let all: Vec<&str> = named.chain(asked).collect();
        assert!(all.len() > 20, "{all:?}");
        for key in all {
            assert!(english.contains_key(key), "\"{key}\" has no text");
        }

        // Keys that the scripts put together.
        for group in Group::ALL {
            assert!(english.contains_key(group.name()), "the group \"{}\" has no text", group.name());
        }
        for verdict in Verdict::ALL {
            let name = serde_json::to_value(verdict).unwrap().as_str().unwrap().to_owned();
            assert!(english.contains_key(&format!("override_{name}")), "override_{name} has no text");
            assert!(FILES[0].2.contains(&format!("data-override=\"{name}\"")), "{name} has no slider");
            assert!(FILES[0].2.contains(&format!("id=\"{name}-value\"")), "{name} has no place for its value");
        }
        // Every number that is told and no distance is named and explained; so are those of the likeness together, and every point that a
        // distance may lie between.
        let is_distance = |name: &str| name.starts_with(Group::Shape.name());
        let told = FeatureVector::names().into_iter().take(TOLD).filter(|name| !is_distance(name));
        for name in told.chain([Group::Likeness.name().to_owned()]) {
            for key in ["number", "explain"].map(|what| format!("{what}_{}", name.replace('/', "_"))) {
                assert!(english.contains_key(&key), "\"{key}\" has no text");
            }
        }
        let steps = FILES.iter().find(|f| f.0 == "/steps.js").expect("a file of the page").2;
        let parts = steps.split("const PARTS = [").nth(1).and_then(|t| t.split("];").next()).expect("a list of parts");
        let parts: Vec<&str> = parts.split('"').skip(1).step_by(2).collect();
        assert!(parts.len() > 10, "{parts:?}");
        for part in parts {
            assert!(english.contains_key(&format!("point_{part}")), "point_{part} has no text");
        }
    }
}
