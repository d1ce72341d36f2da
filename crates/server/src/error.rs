//! Problems, as answers.

use axum::{
    Json,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use wk_api::{Problem, problem_type};
use wk_journal::JournalError;

/// A problem on its way to a client.
#[derive(Debug)]
pub struct Failure(pub Problem);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::BAD_REQUEST);
        let kind = [(CONTENT_TYPE, "application/problem+json")];
        let hint = match status {
            StatusCode::UNAUTHORIZED => Some([(WWW_AUTHENTICATE, "Bearer")]),
            StatusCode::TOO_MANY_REQUESTS => Some([(RETRY_AFTER, "1")]),
            _ => None,
        };
        (status, kind, hint, Json(self.0)).into_response()
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "the journal failed");
        Self(internal(with_causes(&error)))
    }
}

/// The client asked for what makes no sense.
pub fn bad_request(detail: impl Into<String>) -> Problem {
    problem(problem_type::BAD_REQUEST, "Bad request", 400, detail)
}

/// There is no such thing.
pub fn not_found(detail: impl Into<String>) -> Problem {
    problem(problem_type::NOT_FOUND, "Not found", 404, detail)
}

/// It makes sense, but not now.
pub fn conflict(detail: impl Into<String>) -> Problem {
    problem(problem_type::CONFLICT, "Conflict", 409, detail)
}

/// It was there, and is not any more.
pub fn gone(detail: impl Into<String>) -> Problem {
    problem(problem_type::GONE, "Gone", 410, detail)
}

/// A holder does not answer.
pub fn unreachable(detail: impl Into<String>) -> Problem {
    problem(problem_type::UNREACHABLE, "Session unreachable", 504, detail)
}

/// Something is wrong on our side.
pub fn internal(detail: impl Into<String>) -> Problem {
    problem(problem_type::INTERNAL, "Internal error", 500, detail)
}

pub(crate) fn too_large(detail: impl Into<String>) -> Problem {
    problem(problem_type::TOO_LARGE, "Too large", 413, detail)
}

pub(crate) fn ambiguous(detail: impl Into<String>, candidates: Vec<String>) -> Problem {
    let problem = problem(problem_type::AMBIGUOUS, "Ambiguous session", 409, detail);
    Problem { candidates, ..problem }
}

/// The body of a request does not come.
pub(crate) fn slow() -> Problem {
    problem(problem_type::BAD_REQUEST, "Request timeout", 408, "the request did not come in time")
}

/// Nobody knows who asks.
pub(crate) fn unauthorized(detail: impl Into<String>) -> Problem {
    problem(problem_type::UNAUTHORIZED, "Unauthorized", 401, detail)
}

/// Whoever asks may not.
pub(crate) fn forbidden(detail: impl Into<String>) -> Problem {
    problem(problem_type::FORBIDDEN, "Forbidden", 403, detail)
}

/// It comes too often.
pub(crate) fn too_many(wait: std::time::Duration) -> Problem {
    let detail = format!("too many at once: try again in {:.1} s", wait.as_secs_f64());
    problem(problem_type::TOO_MANY, "Too many requests", 429, detail)
}

/// The daemon is about to end.
pub(crate) fn unavailable() -> Problem {
    problem(problem_type::UNAVAILABLE, "Unavailable", 503, "the daemon is ending: try again")
}

fn problem(kind: &str, title: &str, status: u16, detail: impl Into<String>) -> Problem {
    Problem {
        kind: kind.into(),
        title: title.into(),
        status,
        detail: detail.into(),
        candidates: Vec::new(),
    }
}

/// An error and what lies under it, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
