//! Looks at every request that comes over TCP, before and at its route.

use std::net::SocketAddr;

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
            ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION,
            CONTENT_TYPE, FORWARDED, HOST, ORIGIN, VARY,
        },
    },
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use wk_api::Problem;

use super::{Access, Gate, Identity, gate::Shown, host_is_known, origin_is_known};
use crate::{
    App, Failure,
    error::{bad_request, forbidden},
    peer::Peer,
};

/// Where a request over TCP comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remote(pub(crate) SocketAddr);

/// Ties what a route is about to all of its methods.
pub(crate) fn guarded(gate: &Gate, access: Access, route: MethodRouter<App>) -> MethodRouter<App> {
    let check = move |State(gate): State<Gate>, mut request: Request, next: Next| async move {
        let identity = identify(&gate, &request);
        match identity.and_then(|identity| identity.may(access).map(|()| identity)) {
            Ok(identity) => {
                request.extensions_mut().insert(identity);
                next.run(request).await
            }
            Err(problem) => refuse(problem),
        }
    };
    route.route_layer(from_fn_with_state(gate.clone(), check))
}

fn identify(gate: &Gate, request: &Request) -> Result<Identity, Problem> {
    let extensions = request.extensions();
    if extensions.get::<Peer>().is_some() {
        return Ok(Identity::Owner);
    }
    let Some(Remote(address)) = extensions.get().copied() else {
        return Err(crate::internal("a request from nowhere"));
    };
    let headers = request.headers();
    gate.identify(Shown {
        address,
        token: token(headers)?,
        forwarded: headers.contains_key(FORWARDED) || headers.contains_key("x-forwarded-for"),
        of_page: headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site"),
        json: is_json(headers),
    })
}

fn token(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = all.next() else { return Ok(None) };
    let bad = || crate::error::unauthorized("`Authorization` must be `Bearer` and one token");
    let (scheme, token) =
        value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(bad)?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty();
    if is_bearer && all.next().is_none() { Ok(Some(token.trim())) } else { Err(bad()) }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()) else {
        return false;
    };
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// Passes a request on that was sent to this machine by a program, or by a page that may.
pub(crate) async fn arriving(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let policy = gate.policy();
    let host = match host(&request) {
        Ok(host) if host_is_known(host, &policy.hosts) => host,
        Ok(_) => {
            return refuse(forbidden(
                "this machine is not known by that name: see `[server] hosts`",
            ));
        }
        Err(problem) => return refuse(problem),
    };
    let headers = request.headers();
    let Some(origin) = headers.get(ORIGIN).cloned() else {
        // A browser that sends no origin still says that a page of another site has asked.
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        return match site {
            None | Some(b"none" | b"same-origin") => next.run(request).await,
            Some(_) => refuse(forbidden("pages of other sites may not call")),
        };
    };
    let named = origin.to_str().is_ok_and(|origin| origin_is_known(origin, host, &policy.origins));
    if !named || headers.get_all(ORIGIN).iter().count() > 1 {
        return refuse(forbidden("pages of that origin may not call: see `[server] origins`"));
    }
    let asks =
        request.method() == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let answer = if asks { allowance() } else { next.run(request).await };
    let shared =
        [(ACCESS_CONTROL_ALLOW_ORIGIN, origin), (VARY, HeaderValue::from_static("origin"))];
    (shared, answer).into_response()
}

/// What a page of a known origin may send.
fn allowance() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, DELETE"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

fn host(request: &Request) -> Result<&str, Problem> {
    let mut all = request.headers().get_all(HOST).iter();
    let named = all.next().and_then(|host| host.to_str().ok()).filter(|_| all.next().is_none());
    let named = named.ok_or_else(|| bad_request("the request must have one `Host`"))?;
    match request.uri().authority() {
        Some(authority) if authority.as_str() != named => {
            Err(bad_request("the request names two hosts"))
        }
        _ => Ok(named),
    }
}

fn refuse(problem: Problem) -> Response {
    Failure(problem).into_response()
}
