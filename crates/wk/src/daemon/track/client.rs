//! The settings of clients, left where those find them that read no `config.toml`.

use serde::Serialize;
use wk_hook::settings::leave;

use crate::{config::ClientSettings, daemon::core::Core};

/// The file in the state folder.
const FILE: &str = "client.json";

/// As clients read it; times are in seconds.
#[derive(Serialize)]
struct Left<'a> {
    /// None: this user's own daemon, wherever it listens.
    endpoint: Option<&'a str>,
    breaker_failures: u32,
    breaker_open: f64,
    attempts: u32,
}

impl<'a> Left<'a> {
    fn new(settings: &'a ClientSettings) -> Self {
        let ClientSettings { endpoint, breaker_failures, breaker_open, attempts } = settings;
        let is_own = *endpoint == ClientSettings::default().endpoint;
        Self {
            endpoint: (!is_own).then_some(endpoint),
            breaker_failures: *breaker_failures,
            breaker_open: breaker_open.as_secs_f64(),
            attempts: *attempts,
        }
    }
}

/// Leaves them, unless they are there already.
pub(in crate::daemon) fn save_settings(core: &Core) {
    let settings = core.settings();
    if let Err(error) = leave(&core.places.state, FILE, &Left::new(&settings.client)) {
        tracing::warn!(%error, "clients do not hear of the settings");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_only_where_it_is_another() {
        let told = |settings: &ClientSettings| serde_json::to_value(Left::new(settings)).unwrap();
        let mut settings = ClientSettings::default();
        let want = serde_json::json!({
            "endpoint": null, "breaker_failures": 3, "breaker_open": 60.0, "attempts": 3,
        });
        assert_eq!(told(&settings), want);
        settings.endpoint = "http://box:1/mcp".to_owned();
        assert_eq!(told(&settings)["endpoint"], "http://box:1/mcp");
    }
}
