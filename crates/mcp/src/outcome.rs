//! What a tool answers.

use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::Value;
use wk_api::Problem;

/// Both as data, and as text for those who read no data.
pub(crate) fn data(value: Value) -> CallToolResult {
    let text = serde_json::to_string(&value).unwrap_or_default();
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    result.structured_content = Some(value);
    result
}

/// What was wrong, and what to do.
pub(crate) fn error(text: impl Into<String>) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text)])
}

/// The same, as the API says it.
pub(crate) fn refused(problem: &Problem) -> CallToolResult {
    let mut text = problem.detail.clone();
    for candidate in &problem.candidates {
        text += "\n";
        text += candidate;
    }
    error(text)
}
