//! The desk over HTTP: what can be asked of the mirror, what is asked, and OSCQuery's view of it.
//!
//! | request | does |
//! |---|---|
//! | `GET /controls` | lists all controls with their ranges, and the value of what is set |
//! | `POST /controls/NAME?value=VALUE` | sets a control; numbers, `on` and `off`, words |
//! | `DELETE /controls/NAME` | leaves it to the pages again |
//! | `DELETE /controls` | leaves all of them |
//! | `GET /scenes` | lists the scenes, says which is on, and which files were refused |
//! | `GET /midi` | says which knob does what, where there is a MIDI controller |
//! | `POST /midi?learn=WHAT` | the next knob that is touched will do this: `dim`, `scene=night`, `release`; without `learn` none is learned |
//! | `DELETE /midi/WHAT` | no knob does this any more |
//! | `GET /osc`, `GET /osc?HOST_INFO` | OSCQuery's tree of addresses, and who answers |

use super::site::Site;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use mirror::live::{ControlDescription, Desk, DeskError, Value};
use serde::Serialize;
use show::midi::Midi;
use std::sync::Arc;

/// A control as it stands.
#[derive(Serialize)]
struct ControlState<'a> {
    #[serde(flatten)]
    control: &'a ControlDescription,
    /// `null`: the pages have it.
    value: Option<&'a Value>,
}

/// The routes; a mirror without a desk has none.
pub(super) fn routes(has_desk: bool) -> Router<Arc<Site>> {
    let router = Router::new();
    if !has_desk {
        return router;
    }
    router
        .route("/controls", get(list).delete(release_all))
        .route("/controls/{*name}", post(set).delete(release))
        .route("/scenes", get(scenes))
        .route("/midi", get(midi).post(learn))
        .route("/midi/{*what}", delete(forget))
        .route("/osc", get(osc))
}

type Answer = Result<Response, (StatusCode, String)>;

fn desk(site: &Site) -> Result<Arc<Desk>, (StatusCode, String)> {
    site.sessions.desk().ok_or((StatusCode::NOT_FOUND, "this mirror has no desk\n".to_owned()))
}

fn refused(error: &DeskError) -> (StatusCode, String) {
    let status = match error {
        DeskError::Unknown(_) => StatusCode::NOT_FOUND,
        DeskError::Value { .. } => StatusCode::UNPROCESSABLE_ENTITY,
    };
    (status, format!("{error}\n"))
}

fn json(value: &impl Serialize) -> Answer {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|e| (StatusCode::INTERNAL_SERVER_ERROR, format!("{e}\n")))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text + "\n").into_response())
}

async fn list(State(site): State<Arc<Site>>) -> Answer {
    let desk = desk(&site)?;
    let values = desk.values();
    let state = |control| ControlState { control, value: values.get(&control.name) };
    json(&desk.controls().iter().map(state).collect::<Vec<_>>())
}

async fn set(State(site): State<Arc<Site>>, Path(name): Path<String>, RawQuery(query): RawQuery) -> Answer {
    let text = query.as_deref().and_then(|query| query.strip_prefix("value="));
    let text = text.ok_or((StatusCode::UNPROCESSABLE_ENTITY, "expected ?value=VALUE\n".to_owned()))?;
    let text = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    desk(&site)?.set_text(&name, &text).map_err(|e| refused(&e))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn release(State(site): State<Arc<Site>>, Path(name): Path<String>) -> Answer {
    desk(&site)?.release(&name).map_err(|e| refused(&e))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn release_all(State(site): State<Arc<Site>>) -> Answer {
    desk(&site)?.release_all();
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn scenes(State(site): State<Arc<Site>>) -> Answer {
    json(&site.sessions.scenes().unwrap_or_default())
}

fn controller(site: &Site) -> Result<Arc<Midi>, (StatusCode, String)> {
    site.sessions.midi().ok_or((StatusCode::NOT_FOUND, "this mirror has no MIDI controller\n".to_owned()))
}

async fn midi(State(site): State<Arc<Site>>) -> Answer {
    json(&controller(&site)?.report())
}

async fn learn(State(site): State<Arc<Site>>, RawQuery(query): RawQuery) -> Answer {
    let what = query.as_deref().and_then(|query| query.strip_prefix("learn="));
    let what = what.map(|what| percent_encoding::percent_decode_str(what).decode_utf8_lossy());
    let learned = controller(&site)?.learn(what.as_deref());
    learned.map_err(|why| (StatusCode::UNPROCESSABLE_ENTITY, format!("{why}\n")))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn forget(State(site): State<Arc<Site>>, Path(what): Path<String>) -> Answer {
    match controller(&site)?.forget(&what) {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err((StatusCode::NOT_FOUND, format!("no knob does \"{what}\"\n"))),
    }
}

async fn osc(State(site): State<Arc<Site>>, RawQuery(query): RawQuery) -> Answer {
    match query.as_deref() {
        Some("HOST_INFO") => json(&show::osc::host_info(site.sessions.osc_input())),
        _ => json(&show::osc::namespace(&*desk(&site)?)),
    }
}
