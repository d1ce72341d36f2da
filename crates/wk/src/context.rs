//! What every verb gets: where things are, whom to ask, how to write.

use std::{env, path::Path};

use anyhow::Context as _;
use wk_client::Places;

use crate::{
    attach::signals::terminal_size,
    color::{Paint, When},
    connect::{Daemon, NO_AUTOSTART},
    text::moment::Clock,
};

/// The surroundings of one call of `wk`.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub places: Places,
    pub daemon: Daemon,
    pub paint: Paint,
    /// Columns to write in.
    pub width: usize,
    pub clock: Clock,
}

impl Context {
    /// Looks around. `config` goes before `WK_CONFIG`.
    pub(crate) fn here(config: Option<&Path>, color: When) -> anyhow::Result<Self> {
        let mut places = Places::of_this_user()?;
        if let Some(config) = config {
            places.config = std::path::absolute(config).context("cannot find the settings")?;
        }
        let autostart = env::var_os(NO_AUTOSTART).is_none_or(|value| value.is_empty());
        Ok(Self {
            daemon: Daemon::new(places.clone(), autostart),
            places,
            paint: Paint::of_stdout(color),
            width: terminal_size().map_or(80, |(columns, _)| columns.max(40).into()),
            clock: Clock::here(),
        })
    }
}
