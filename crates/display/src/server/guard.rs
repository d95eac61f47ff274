//! Who may use the server: its own page. Any other site in the same browser could reach loopback too.

use axum::http::{HeaderMap, HeaderName, Uri, header};
use std::net::SocketAddr;

/// Name of the cookie that carries the token. Cookies are the same for all ports of a host: the staff's has another.
const COOKIE: &str = "narcissus";
const STAFF_COOKIE: &str = "narcissus-staff";

/// How long a browser keeps it, seconds: as long as a show hangs.
const COOKIE_SECS: u32 = 365 * 86_400;

/// Where the page lives, and what else it must know.
#[derive(Clone, Debug)]
pub struct Guard {
    scheme: &'static str,
    /// Every `host:port` by which the page may be called, the first being how it is announced.
    hosts: Vec<String>,
    token: Option<String>,
    cookie: &'static str,
}

/// Whether a request may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It may.
    Allowed,
    /// It calls the server by a foreign name, or comes from a foreign page.
    Foreign,
    /// It does not know the token.
    NoToken,
}

impl Guard {
    /// Of a server on loopback: without a token, as whoever uses this computer may look.
    pub fn local(address: SocketAddr) -> Self {
        let port = address.port();
        let hosts = [address.to_string(), format!("localhost:{port}")];
        let hosts = hosts.iter().flat_map(|host| short_and_long(host, "http")).collect();
        Self { scheme: "http", hosts, token: None, cookie: COOKIE }
    }

    /// Of a server that others may reach, by one name.
    pub fn remote(name: &str, port: u16, token: String) -> Self {
        let hosts = short_and_long(&format!("{name}:{port}"), "https");
        Self { scheme: "https", hosts, token: Some(token), cookie: COOKIE }
    }

    /// The same for the staff.
    pub fn staff(name: &str, port: u16, token: String) -> Self {
        Self { cookie: STAFF_COOKIE, ..Self::remote(name, port, token) }
    }

    /// The address of the page.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.hosts[0])
    }

    /// What the page's policy lets it connect to, beside itself: older browsers do not count WebSockets as that.
    pub fn sockets(&self) -> String {
        let scheme = if self.scheme == "https" { "wss" } else { "ws" };
        self.hosts.iter().map(|host| format!("{scheme}://{host}")).collect::<Vec<_>>().join(" ")
    }

    /// Checks a request: it must name this server as its host, so that no foreign name was bent to point here, come from its own
    /// page where it says where it comes from, and know the token where there is one.
    pub fn check(&self, headers: &HeaderMap) -> Access {
        // Names are the same in capitals; browsers write them small.
        let is_host = |host: &str| self.hosts.iter().any(|name| name.eq_ignore_ascii_case(host));
        let origin_fits =
            |origin: &str| origin.strip_prefix(self.scheme).and_then(|o| o.strip_prefix("://")).is_some_and(is_host);
        if !only(headers, header::HOST).is_some_and(is_host) || !only(headers, header::ORIGIN).is_none_or(origin_fits) {
            return Access::Foreign;
        }
        let Some(token) = &self.token else { return Access::Allowed };
        let bearer = only(headers, header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        let cookies = only(headers, header::COOKIE).unwrap_or_default();
        let cookie = cookies.split(';').find_map(|c| c.trim().strip_prefix(self.cookie)?.strip_prefix('='));
        let knows = [bearer, cookie].into_iter().flatten().any(|said| same(said, token));
        if knows { Access::Allowed } else { Access::NoToken }
    }

    /// The cookie for a page that was opened with `?token=…`, if that is the token.
    pub fn cookie_for(&self, query: &str) -> Option<String> {
        let said = query.split('&').find_map(|pair| pair.strip_prefix("token="))?;
        let token = self.token.as_ref().filter(|token| same(said, token))?;
        Some(format!("{}={token}; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age={COOKIE_SECS}", self.cookie))
    }

    /// The same address without the token, on this server whatever it says.
    pub fn without_token(uri: &Uri) -> String {
        let rest = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.starts_with("token="));
        let (path, query) = (uri.path().trim_start_matches('/'), rest.collect::<Vec<_>>().join("&"));
        if query.is_empty() { format!("/{path}") } else { format!("/{path}?{query}") }
    }
}

/// A browser leaves out the port where it is the scheme's own.
fn short_and_long(host: &str, scheme: &str) -> Vec<String> {
    let own = if scheme == "https" { ":443" } else { ":80" };
    let short = host.strip_suffix(own).map(str::to_owned);
    short.into_iter().chain([host.to_owned()]).collect()
}

/// The value of a header. A request that says it twice has something to hide.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next().map(|value| value.to_str().unwrap_or("unreadable"));
    if all.next().is_some() { Some("twice") } else { first }
}

/// Compares in a time that does not tell how much of it was right.
fn same(said: &str, token: &str) -> bool {
    let differs = said.bytes().zip(token.bytes()).fold(0, |d, (a, b)| d | (a ^ b));
    said.len() == token.len() && differs == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    fn home() -> Guard {
        Guard::local(SocketAddr::from(([127, 0, 0, 1], 7860)))
    }

    #[test]
    fn host_and_origin_are_exactly_ours() {
        let ours = |host: &str, origin: Option<&str>| {
            let mut pairs = vec![(header::HOST, host)];
            pairs.extend(origin.map(|o| (header::ORIGIN, o)));
            home().check(&headers(&pairs)) == Access::Allowed
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
        assert_eq!(home().check(&HeaderMap::new()), Access::Foreign);
        let mut twice = headers(&[(header::HOST, "127.0.0.1:7860")]);
        twice.append(header::HOST, "127.0.0.1:7860".parse().unwrap());
        assert_eq!(home().check(&twice), Access::Foreign);
    }

    #[test]
    fn abroad_the_token_is_asked_for_as_a_cookie_or_a_bearer() {
        let guard = Guard::remote("mirror.example", 443, "sesame".into());
        assert_eq!((guard.url(), guard.cookie_for("a=b&token=sesam")), ("https://mirror.example".into(), None));
        let cookie = guard.cookie_for("token=sesame").unwrap();
        let (pair, flags) = cookie.split_once(';').unwrap();
        assert!(flags.contains("HttpOnly") && flags.contains("Secure") && flags.contains("SameSite=Strict"));
        assert!(flags.contains("Max-Age="), "it outlives the browser");
        let judge =
            |host: &str, name: HeaderName, value: &str| guard.check(&headers(&[(header::HOST, host), (name, value)]));
        assert_eq!(judge("mirror.example", header::COOKIE, &format!("x=y; {pair}")), Access::Allowed);
        assert_eq!(judge("mirror.example:443", header::AUTHORIZATION, "Bearer sesame"), Access::Allowed);
        assert_eq!(judge("mirror.example", header::AUTHORIZATION, "Bearer sesame2"), Access::NoToken);
        assert_eq!(judge("mirror.example", header::COOKIE, "narcissus="), Access::NoToken);
        assert_eq!(judge("127.0.0.1", header::AUTHORIZATION, "Bearer sesame"), Access::Foreign);
        // The token of the one is no token of the other.
        let staff = Guard::staff("mirror.example", 7861, "sesame".into());
        let mut page = headers(&[(header::HOST, "mirror.example:7861"), (header::COOKIE, pair)]);
        assert_eq!(staff.check(&page), Access::NoToken);
        page.insert(header::COOKIE, "narcissus=x; narcissus-staff=sesame".parse().unwrap());
        assert_eq!(staff.check(&page), Access::Allowed);
    }

    #[test]
    fn a_name_is_the_same_in_capitals() {
        let guard = Guard::remote("Johns-Mac.local", 7860, "sesame".into());
        let knows = |host: &str| {
            let origin = format!("https://{host}");
            let said = [(header::HOST, host), (header::ORIGIN, &origin), (header::AUTHORIZATION, "Bearer sesame")];
            guard.check(&headers(&said)) == Access::Allowed
        };
        assert!(knows("johns-mac.local:7860") && knows("Johns-Mac.local:7860") && !knows("johns-mac.example:7860"));
    }

    #[test]
    fn the_token_leaves_the_address_and_the_rest_stays() {
        for (asked, stays) in [
            ("/?token=sesame", "/"),
            ("/view?only=1&token=sesame&shape=round", "/view?only=1&shape=round"),
            ("//evil.example/?token=sesame", "/evil.example/"),
        ] {
            assert_eq!(Guard::without_token(&asked.parse().unwrap()), stays);
        }
    }

    #[test]
    fn a_page_on_the_scheme_s_own_port_is_called_with_or_without_it() {
        let guard = Guard::local(SocketAddr::from(([127, 0, 0, 1], 80)));
        assert_eq!(guard.url(), "http://127.0.0.1");
        for host in ["127.0.0.1", "127.0.0.1:80", "localhost"] {
            assert_eq!(guard.check(&headers(&[(header::HOST, host)])), Access::Allowed, "{host}");
        }
        let six = Guard::local(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 7860)));
        assert_eq!(six.check(&headers(&[(header::HOST, "[::1]:7860")])), Access::Allowed);
    }
}
