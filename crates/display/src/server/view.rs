//! The reflection alone, beside the mirror's page: `/view` for browsers, `/view.mjpeg` for programs that read such streams.
//!
//! Both show what the first page's mirror draws. Where no page is open and the server has a camera of its own, the server looks into the mirror
//! itself for as long as somebody watches, or explores the archive.

use super::connection::{PATIENCE, Stream};
use super::files::{self, File};
use super::outbox::outbox;
use super::page::{IncomingFrame, PageJob};
use super::site::Site;
use crate::pictures::{JPEG_QUALITY, Picture, Pictures};
use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, http::HeaderValue};
use futures_util::FutureExt;
use mirror::live::Client;
use mirror::live::protocol::{Controls, FrameHeader};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{sleep, timeout};

/// How many may watch at a time.
pub(super) const MAX_VIEWS: usize = 16;
/// From one look at the desk to the next, while nothing is drawn.
const DESK_LOOK: Duration = Duration::from_millis(200);
/// From one frame to the next where the server itself looks into the mirror.
const FRAME: Duration = Duration::from_millis(33);
/// From one look to the next at whether the server is to do that.
const HOUSE_LOOK: Duration = Duration::from_millis(250);
/// What separates the pictures of a stream.
const BOUNDARY: &str = "narcissus-picture";

/// The page's files.
const FILES: [File; 3] = [
    ("/view", "text/html; charset=utf-8", include_str!("../../../../web/view.html")),
    ("/view.css", "text/css; charset=utf-8", include_str!("../../../../web/view.css")),
    ("/view.js", "text/javascript; charset=utf-8", include_str!("../../../../web/view.js")),
];

/// The routes; a mirror whose pictures cannot be watched has none.
pub(super) fn routes(pictures: Option<&Arc<Pictures>>) -> Router<Arc<Site>> {
    if pictures.is_none() {
        return Router::new();
    }
    files::routes(FILES).route("/view/ws", get(connect)).route("/view.mjpeg", get(stream))
}

/// Somebody who watches.
struct View {
    pictures: watch::Receiver<Option<Arc<Picture>>>,
    _place: OwnedSemaphorePermit,
}

fn watch_mirror(site: &Site) -> Result<View, (StatusCode, &'static str)> {
    let pictures = site.sessions.pictures().ok_or((StatusCode::NOT_FOUND, "nobody can watch this mirror\n"))?;
    let full = |_| (StatusCode::SERVICE_UNAVAILABLE, "too many watch the mirror\n");
    let place = site.views.clone().try_acquire_owned().map_err(full)?;
    Ok(View { pictures: pictures.watch(), _place: place })
}

/// Every picture as a message, a JPEG; and as JSON by how much it is to be darkened, whenever that changes.
async fn connect(State(site): State<Arc<Site>>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    if !headers.contains_key(header::ORIGIN) {
        return (StatusCode::FORBIDDEN, "a page has an origin\n").into_response();
    }
    match watch_mirror(&site) {
        Ok(view) => upgrade.max_message_size(1024).on_upgrade(|socket| async move { show(socket, view, &site).await }),
        Err(refused) => refused.into_response(),
    }
}

async fn show(mut socket: WebSocket, mut view: View, site: &Site) {
    let desk = site.sessions.desk();
    // A page that comes back may still be dark.
    let mut told = None;
    loop {
        let dim = desk.as_ref().map_or(0.0, |desk| desk.dim());
        let mut message = None;
        if told != Some(dim) {
            told = Some(dim);
            message = Some(Message::Text(format!("{{\"dim\":{dim}}}").into()));
        } else {
            tokio::select! {
                changed = view.pictures.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    message = newest(&mut view).map(Message::Binary);
                }
                heard = socket.recv() => match heard {
                    // A view says nothing; what it answers to pings is read by the way.
                    Some(Ok(_)) => {}
                    _ => return,
                },
                () = sleep(DESK_LOOK) => {}
            }
        }
        if let Some(message) = message
            && !matches!(timeout(PATIENCE, socket.send(message)).await, Ok(Ok(())))
        {
            return;
        }
    }
}

/// The newest picture as a JPEG.
fn newest(view: &mut View) -> Option<Bytes> {
    let picture = view.pictures.borrow_and_update().clone();
    picture.map(|picture| picture.jpeg()).filter(|jpeg| !jpeg.is_empty())
}

/// The same, darker by a share: what a page does with its style.
fn darker(view: &mut View, dim: f32) -> Option<Bytes> {
    if dim <= 0.0 {
        return newest(view);
    }
    let mut image = view.pictures.borrow_and_update().as_ref()?.image.clone();
    for value in &mut image.data {
        *value = (f32::from(*value) * (1.0 - dim)) as u8;
    }
    crate::to_jpeg(&image, JPEG_QUALITY).map(Bytes::from).ok()
}

/// Every picture as a part of one answer that never ends (`multipart/x-mixed-replace`).
async fn stream(State(site): State<Arc<Site>>, Extension(connection): Extension<Stream>) -> Response {
    let view = match watch_mirror(&site) {
        Ok(view) => view,
        Err(refused) => return refused.into_response(),
    };
    connection.begin();
    let desk = site.sessions.desk();
    let parts = futures_util::stream::unfold((view, desk, 0.0), |(mut view, desk, shown)| async move {
        loop {
            let changed = timeout(DESK_LOOK, view.pictures.changed()).await;
            let dim = desk.as_ref().map_or(0.0, |desk| desk.dim());
            match changed {
                Ok(changed) => changed.ok()?,
                Err(_) if dim == shown => continue,
                Err(_) => {}
            }
            if let Some(jpeg) = darker(&mut view, dim) {
                let head =
                    format!("--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len());
                let part = [head.as_bytes(), &jpeg, b"\r\n"].concat();
                return Some((Ok::<_, std::convert::Infallible>(Bytes::from(part)), (view, desk, dim)));
            }
        }
    });
    let kind = HeaderValue::from_static("multipart/x-mixed-replace; boundary=narcissus-picture");
    ([(header::CONTENT_TYPE, kind)], Body::from_stream(parts)).into_response()
}

/// Looks into the mirror itself while somebody watches and no page does, where the server has a camera. Never ends.
pub(super) async fn look_for_views(site: Arc<Site>) {
    let Some(pictures) = site.sessions.pictures().filter(|_| site.settings.has_camera) else {
        return std::future::pending().await;
    };
    let explorers = site.sessions.explorers();
    let is_explored = || explorers.as_ref().is_some_and(|explorers| explorers.are_there());
    let is_needed = || (pictures.is_watched() || is_explored()) && site.pages.load(Ordering::Relaxed) == 0;
    loop {
        sleep(HOUSE_LOOK).await;
        if !is_needed() {
            continue;
        }
        let (outbox, mut outgoing) = outbox();
        // Where visitors agree by a gesture, a page asks them for it: nobody can agree here.
        let controls = Controls { waiting: site.settings.gesture, ..Controls::default() };
        let job = PageJob::new(site.sessions.as_ref(), outbox, site.metrics.clone());
        let client = Client::new(job.without_page(controls));
        let mut seq = 0;
        while is_needed() {
            seq += 1;
            let frame = IncomingFrame { message: FrameHeader::without_picture(seq).into(), at: Instant::now() };
            drop(site.pipeline.submit(&client, frame));
            // Nobody reads what it answers.
            while outgoing.next().now_or_never().flatten().is_some() {}
            sleep(FRAME).await;
        }
    }
}
