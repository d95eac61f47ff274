//! Where the viewers of a running mirror stand in the archive, for whoever explores it beside the mirror's page.

use mirror::archive::Standing;
use mirror::live::protocol::FrameReport;
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::watch;

/// Where viewers stand, as JSON, a list from left to right. Nothing is made while nobody explores.
#[derive(Debug)]
pub struct Explorers {
    newest: watch::Sender<Arc<str>>,
}

/// A viewer, and where they stand.
#[derive(Serialize)]
struct Explored<'a> {
    viewer: u64,
    standing: &'a Standing,
}

impl Explorers {
    /// Of a mirror before which nobody stands.
    pub fn new() -> Self {
        Self { newest: watch::Sender::new("[]".into()) }
    }

    /// This is what a frame came to.
    pub fn put(&self, report: &FrameReport) {
        if !self.are_there() {
            return;
        }
        let views = report.views.iter();
        let explored =
            views.filter_map(|view| Some(Explored { viewer: view.viewer?, standing: view.standing.as_ref()? }));
        let text = serde_json::to_string(&explored.collect::<Vec<_>>()).unwrap_or_else(|_| "[]".to_owned());
        self.newest.send_if_modified(|newest| {
            let is_new = **newest != *text;
            if is_new {
                *newest = text.into();
            }
            is_new
        });
    }

    /// Whether anybody explores.
    pub fn are_there(&self) -> bool {
        self.newest.receiver_count() > 0
    }

    /// Hears from now on where viewers stand. Of whoever stood there before nothing is said.
    pub fn watch(&self) -> watch::Receiver<Arc<str>> {
        if !self.are_there() {
            self.newest.send_replace("[]".into());
        }
        self.newest.subscribe()
    }
}

impl Default for Explorers {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::live::protocol::ViewReport;

    #[test]
    fn who_explores_hears_where_viewers_stand_and_nothing_of_those_before() {
        let standing = Standing { nearest: Vec::new(), at: [0.5, -1.0], ranks: [("age".to_owned(), 0.25)].into() };
        let view = |viewer| ViewReport { viewer, standing: Some(standing.clone()), ..ViewReport::default() };
        let report = FrameReport { views: vec![view(Some(7)), view(None)], ..FrameReport::default() };
        let explorers = Explorers::new();
        explorers.put(&report);
        let mut watching = explorers.watch();
        assert_eq!(&**watching.borrow_and_update(), "[]");
        explorers.put(&report);
        explorers.put(&report);
        let expected = r#"[{"viewer":7,"standing":{"nearest":[],"at":[0.5,-1.0],"ranks":{"age":0.25}}}]"#;
        assert_eq!(&**watching.borrow_and_update(), expected);
        drop(watching);
        assert_eq!(&**explorers.watch().borrow(), "[]");
    }
}
