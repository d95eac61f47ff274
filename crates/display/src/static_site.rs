//! The page as files for any web server: the mirror then runs in the visitor's browser (crate `wasm`).

use crate::server::files::{FILES, SERVICE_WORKER};
use mirror::live::protocol::{ModuleDevice, ModuleSettings, PageSettings, SiteFile};
use mirror::pack::{CARD_FILE, MANIFEST_FILE, Net, Pack};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// What a site is made of.
#[derive(Clone, Debug)]
pub struct StaticSite<'a> {
    /// The nets.
    pub pack: &'a Pack,
    /// What the page is told; the site adds the module.
    pub settings: PageSettings,
    /// The module.
    pub plain: &'a [u8],
    /// The module with threads.
    pub threads: Option<&'a [u8]>,
    /// How many viewers are reflected, side by side.
    pub views: usize,
    /// Pixels a side that are drawn at most.
    pub max_resolution: usize,
    /// What draws.
    pub device: ModuleDevice,
}

/// A file of the site: its path from the site's folder, and its bytes.
pub type StaticFile<'a> = (String, Cow<'a, [u8]>);

/// What the browser lets the page do: nothing but fetch its own files, and run the module.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self' blob:; \
                      manifest-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'";
const CHARSET: &str = "<meta charset=\"utf-8\">";

impl<'a> StaticSite<'a> {
    /// The files, in the order in which they are best replaced: the page itself comes last.
    ///
    /// # Errors
    /// If the pack lacks a net.
    pub fn files(&self) -> Result<Vec<StaticFile<'a>>, Box<dyn std::error::Error + Send + Sync>> {
        let mut large = vec![("narcissus.wasm".to_owned(), Cow::Borrowed(self.plain))];
        large.extend(self.threads.map(|bytes| ("narcissus-threads.wasm".to_owned(), bytes.into())));
        let modules = large.len();
        large.push((in_pack(MANIFEST_FILE), self.pack.manifest().to_toml()?.into_bytes().into()));
        for net in Net::ALL {
            large.extend(self.pack.weights_if_there(net)?.map(|bytes| (in_pack(net.file()), bytes.into())));
        }
        let told: Vec<SiteFile> = large.iter().map(site_file).collect();
        let (modules, files) = told.split_at(modules);

        let settings = PageSettings {
            module: Some(ModuleSettings {
                plain: modules[0].clone(),
                threads: modules.get(1).cloned(),
                files: files.to_vec(),
                views: self.views,
                max_resolution: self.max_resolution,
                device: self.device,
            }),
            ..self.settings.clone()
        };
        let mut page = vec![("settings.json".to_owned(), serde_json::to_vec(&settings)?.into())];
        page.extend(self.pack.card().map(|card| (in_pack(CARD_FILE), card.as_bytes().into())));
        let (index, others) = FILES.split_first().expect("the page's files");
        let others = others.iter().filter(|(.., text)| !text.is_empty());
        page.extend(others.map(|(path, _, text)| (path.trim_start_matches('/').to_owned(), text.as_bytes().into())));
        let policy = format!("{CHARSET}\n<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">");
        page.push(("index.html".to_owned(), index.2.replacen(CHARSET, &policy, 1).into_bytes().into()));

        let mut version = Sha256::new();
        page.iter().for_each(|(_, bytes)| version.update(bytes));
        let list: Vec<&str> = page.iter().map(|(path, _)| path.as_str()).chain(["./"]).collect();
        let large_list: Vec<&str> = told.iter().map(|file| file.url.as_str()).collect();
        let site = json!({"version": hex(&version.finalize()), "page": list, "large": large_list});
        let blank = "{ version: \"\", page: [], large: [] }";
        let worker = SERVICE_WORKER.replacen(blank, &site.to_string(), 1);

        large.append(&mut page);
        large.push(("sw.js".to_owned(), worker.into_bytes().into()));
        Ok(large)
    }
}

fn in_pack(name: &str) -> String {
    format!("pack/{name}")
}

/// Its address has its hash in it, so that no cache gives an older one.
fn site_file((path, bytes): &StaticFile) -> SiteFile {
    let name = path.rsplit('/').next().unwrap_or(path).to_owned();
    SiteFile { name, url: format!("{path}?v={}", hex(&Sha256::digest(bytes))), bytes: bytes.len() }
}

fn hex(hash: &[u8]) -> String {
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn files(pack: &Pack, module: &'static [u8]) -> Vec<(String, Vec<u8>)> {
        let settings = PageSettings::default();
        let device = ModuleDevice::Auto;
        let site =
            StaticSite { pack, settings, plain: module, threads: Some(b"more"), views: 1, max_resolution: 64, device };
        site.files().unwrap().into_iter().map(|(path, bytes)| (path, bytes.into_owned())).collect()
    }

    fn text(files: &[(String, Vec<u8>)], path: &str) -> String {
        let file = files.iter().find(|(name, _)| name == path).unwrap_or_else(|| panic!("no {path}"));
        String::from_utf8(file.1.clone()).unwrap()
    }

    #[test]
    fn every_file_that_the_page_and_its_worker_ask_for_is_there() {
        let pack = Pack::embedded().unwrap();
        let files = files(&pack, b"module");
        let settings: Value = serde_json::from_str(&text(&files, "settings.json")).unwrap();
        let module = &settings["module"];
        let asked: Vec<&Value> =
            module["files"].as_array().unwrap().iter().chain([&module["plain"], &module["threads"]]).collect();
        assert_eq!(asked.len(), 9);
        for file in asked {
            let url = file["url"].as_str().unwrap();
            let path = url.split('?').next().unwrap();
            let found = files.iter().find(|(name, _)| name == path).unwrap_or_else(|| panic!("no {path}"));
            assert_eq!(file["bytes"], found.1.len());
        }
        let worker = text(&files, "sw.js");
        let site: Value = worker
            .lines()
            .find_map(|line| serde_json::from_str(line.strip_prefix("const SITE = ")?.trim_end_matches(';')).ok())
            .unwrap();
        assert_eq!((site["version"].as_str().unwrap().len(), site["large"].as_array().unwrap().len()), (16, 9));
        for path in site["page"].as_array().unwrap().iter().filter(|path| *path != "./") {
            assert!(files.iter().any(|(name, _)| path == name.as_str()), "no {path}");
        }
        assert!(text(&files, "index.html").contains("Content-Security-Policy"));
        // The table of people is for whoever trains.
        assert!(!files.iter().any(|(path, _)| path.contains("visitors")));
    }

    #[test]
    fn the_worker_and_an_address_change_with_what_changed_and_only_then() {
        let pack = Pack::embedded().unwrap();
        let (one, same, other) = (files(&pack, b"module"), files(&pack, b"module"), files(&pack, b"newer"));
        assert_eq!(one, same);
        for path in ["sw.js", "settings.json"] {
            assert_ne!(text(&one, path), text(&other, path), "{path}");
        }
        assert_eq!(text(&one, "mirror.js"), text(&other, "mirror.js"));
    }
}
