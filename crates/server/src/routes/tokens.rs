//! Tokens for callers over TCP: made, listed, revoked.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use wk_api::{CreateToken, NewToken, TokenView};
use wk_holder::host;

use super::Body;
use crate::{
    App, Failure,
    auth::Scope,
    error::{bad_request, conflict, not_found},
};

pub(crate) async fn list(State(app): State<App>) -> Json<Vec<TokenView>> {
    Json(app.gate.tokens().list(host::now().time))
}

pub(crate) async fn create(
    State(app): State<App>,
    Body(request): Body<CreateToken>,
) -> Result<(StatusCode, Json<NewToken>), Failure> {
    let scope = match request.scope.parse() {
        Ok(Scope::Delete) => Err("use one of read, write, admin".into()),
        scope => scope,
    };
    let scope = scope.map_err(|error: String| Failure(bad_request(error)))?;
    if request.ttl_seconds == Some(0) {
        return Err(Failure(bad_request("`ttl_seconds` must be above 0")));
    }
    let name = request.name.as_deref().map(name).transpose()?;
    let tokens = app.gate.tokens();
    if let Some(name) = &name
        && tokens.list(host::now().time).iter().any(|token| token.name.as_ref() == Some(name))
    {
        return Err(Failure(conflict(format!("there is a token `{name}` already"))));
    }
    let made = tokens.make(scope, name, request.ttl_seconds, host::now().time);
    let (view, token) = made.map_err(|error| Failure(conflict(format!("no token: {error}"))))?;
    Ok((StatusCode::CREATED, Json(NewToken { token, view })))
}

pub(crate) async fn revoke(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<StatusCode, Failure> {
    let shown: String = name.chars().take(80).collect::<String>().escape_debug().to_string();
    match app.gate.tokens().revoke(&name) {
        Ok(true) => Ok(StatusCode::NO_CONTENT),
        Ok(false) => Err(Failure(not_found(format!("no token `{shown}`: see `wk token list`")))),
        Err(error) => Err(Failure(conflict(format!("cannot revoke it: {error}")))),
    }
}

/// What a token may be called.
fn name(text: &str) -> Result<String, Failure> {
    let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if fits && (1..=64).contains(&text.len()) && text != "first" {
        return Ok(text.to_owned());
    }
    let detail = "a token's name has 1 to 64 letters, digits, `-`, `_` or `.`, and is not `first`";
    Err(Failure(bad_request(detail)))
}
