//! What the server answers, and to whom.

use super::files::{self, FILES};
use super::guard::{Access, Guard};
use super::site::Site;
use super::socket;
use axum::Router;
use axum::body::HttpBody;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use mirror::generator::Device;
use mirror::live::Permission;
use std::sync::Arc;

/// Quality of the JPEG of what the server's own camera sees.
const CAMERA_JPEG_QUALITY: u8 = 85;

/// What the browser lets the page do: nothing but talk to this server.
fn policy(guard: &Guard) -> HeaderValue {
    let text = format!(
        "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' blob:; \
         manifest-src 'self'; \
         connect-src 'self' {}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        guard.sockets()
    );
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}

pub(super) fn router(site: Arc<Site>, door: Arc<Door>) -> Router {
    // The policy has an address for people, too.
    let policy = FILES.into_iter().filter(|(path, ..)| *path == "/policy.html");
    let policy = policy.map(|(_, kind, text)| ("/policy", kind, text));
    let router = super::desk::routes(site.sessions.desk().is_some())
        .merge(super::view::routes(site.sessions.pictures().as_ref()))
        .merge(super::archive::routes(site.sessions.explorers().as_ref()))
        .merge(files::routes(FILES.into_iter().chain(policy)))
        .route("/settings.json", get(settings))
        .route("/healthz", get(health))
        .route(
            "/metrics",
            get(|State(site): State<Arc<Site>>| async move { site.metrics.text() + &site.sessions.metrics() }),
        )
        .route("/camera.jpg", get(camera))
        .route("/ws", get(socket::connect));
    behind(door, router).with_state(site)
}

/// Who may come in, and what the browser may do then.
#[derive(Debug)]
pub(super) struct Door {
    guard: Guard,
    policy: HeaderValue,
}

impl Door {
    /// With this guard.
    pub fn new(guard: Guard) -> Self {
        Self { policy: policy(&guard), guard }
    }

    /// The address of the page.
    pub fn url(&self) -> String {
        self.guard.url()
    }
}

/// Routes behind a door.
pub(super) fn behind(door: Arc<Door>, router: Router<Arc<Site>>) -> Router<Arc<Site>> {
    router.layer(middleware::from_fn_with_state(door, only_our_page))
}

/// Refuses other sites and whoever lacks the token, and tells the browser what the page may do.
async fn only_our_page(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    match door.guard.check(request.headers()) {
        Access::Allowed => {}
        Access::Foreign => {
            let why = format!("only the mirror's own page may look into it; its address is {}\n", door.url());
            return (StatusCode::FORBIDDEN, why).into_response();
        }
        Access::NoToken => {
            let cookie = request.uri().query().and_then(|query| door.guard.cookie_for(query));
            return match cookie {
                // The token leaves the address bar at once.
                Some(cookie) => {
                    let headers =
                        [(header::SET_COOKIE, cookie), (header::LOCATION, Guard::without_token(request.uri()))];
                    (StatusCode::SEE_OTHER, headers).into_response()
                }
                None => (StatusCode::FORBIDDEN, "the mirror's token is missing or wrong\n").into_response(),
            };
        }
    }
    // Nothing here takes a body: it is not read, and the connection ends.
    if !request.body().is_end_stream() {
        let why = "this server takes no request body\n";
        return (StatusCode::PAYLOAD_TOO_LARGE, [(header::CONNECTION, "close")], why).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, door.policy.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Other sites in the same browser cannot show what is drawn here, either.
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

async fn settings(State(site): State<Arc<Site>>) -> Response {
    let mut settings = match site.sessions.mirror() {
        Some(mirror) => site.settings.clone().with_reader(mirror.reader()),
        None => site.settings.clone(),
    };
    settings.look = site.sessions.desk().map(|desk| desk.look());
    match serde_json::to_string(&settings) {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// "ok", unless the mirror has worked at one picture for so long that it must be stuck.
async fn health(State(site): State<Arc<Site>>) -> Response {
    let device = site.sessions.mirror().map(|mirror| mirror.painter().device());
    match site.metrics.is_stuck() {
        false => match device {
            None | Some(Device::Cpu) => "ok\n".into_response(),
            Some(device) => format!("ok\ndrawn by {device}\n").into_response(),
        },
        true => (StatusCode::SERVICE_UNAVAILABLE, "the mirror does not answer\n").into_response(),
    }
}

/// The newest frame of the server's own camera; "no content" where the page uses its own, the house does not show it, or nobody has agreed to
/// be looked at.
async fn camera(State(site): State<Arc<Site>>) -> Response {
    let house = site.sessions.desk();
    let shows = house.is_none_or(|desk| [Permission::Panel, Permission::Steps].iter().any(|p| desk.rules().permit(*p)));
    if !shows || !site.metrics.was_agreed_lately() {
        return StatusCode::NO_CONTENT.into_response();
    }
    let encode = move || crate::to_jpeg(site.sessions.camera_frame()?.as_ref(), CAMERA_JPEG_QUALITY).ok();
    match tokio::task::spawn_blocking(encode).await {
        Ok(Some(jpeg)) => ([(header::CONTENT_TYPE, "image/jpeg")], jpeg).into_response(),
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
