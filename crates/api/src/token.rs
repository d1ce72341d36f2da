//! Tokens: `/api/tokens`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wk_model::Time;

/// A token to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// `read`, `write` or `admin`.
    pub scope: String,
    /// What to call it.
    #[serde(default)]
    pub name: Option<String>,
    /// Null: it never expires.
    #[serde(default)]
    pub ttl_seconds: Option<u64>,
}

/// A token, without what makes it one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    pub id: String,
    pub name: Option<String>,
    pub scope: String,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Time,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Time>,
    pub expired: bool,
}

/// A token that was just made: nobody can read it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewToken {
    pub token: String,
    #[serde(flatten)]
    pub view: TokenView,
}
