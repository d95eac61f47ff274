//! Who may look into the mirror: its own page. Any other site in the same browser could reach loopback too.

use axum::http::{HeaderMap, header};

/// Whether a request names this server as its host, so that no foreign name was bent to point here, and comes from its
/// own page where it says where it comes from.
pub fn is_ours(headers: &HeaderMap, port: u16) -> bool {
    let only = |name| {
        let mut all = headers.get_all(name).iter();
        let first = all.next().map(|value| value.to_str().unwrap_or("unreadable"));
        // A request that says it twice has something to hide.
        if all.next().is_some() { Some("twice") } else { first }
    };
    let names = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
    let is_host = |host: &str| names.iter().any(|name| name == host);
    let origin_fits = |origin: &str| origin.strip_prefix("http://").is_some_and(is_host);
    only(header::HOST).is_some_and(is_host) && only(header::ORIGIN).is_none_or(origin_fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_origin_are_exactly_ours() {
        let ours = |host: &str, origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            origin.map(|o| headers.insert(header::ORIGIN, o.parse().unwrap()));
            is_ours(&headers, 7860)
        };
        assert!(ours("127.0.0.1:7860", Some("http://127.0.0.1:7860")));
        assert!(ours("localhost:7860", Some("http://localhost:7860")));
        assert!(ours("127.0.0.1:7860", None));
        for host in ["127.0.0.1", "127.0.0.1:80", "evil.example:7860", "localhost:7860.evil.example", ""] {
            assert!(!ours(host, None), "{host}");
        }
        for origin in ["http://evil.example", "https://127.0.0.1:7860", "http://127.0.0.1:78600", "null", ""] {
            assert!(!ours("127.0.0.1:7860", Some(origin)), "{origin}");
        }
        assert!(!is_ours(&HeaderMap::new(), 7860));
    }
}
