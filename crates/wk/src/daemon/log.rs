//! The daemon's own log: JSON lines, rotated by size.

use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt, path::Path};

use anyhow::Context;
use logroller::{LogRollerBuilder, Rotation, RotationSize};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::{EnvFilter, Layer, fmt, layer::SubscriberExt, util::SubscriberInitExt};
use wk_client::Places;

use crate::config::{LogFormat, Settings};

/// Where the log is, below the state folder.
pub(crate) const FOLDER: &str = "log";

/// The newest log file.
pub(crate) const FILE: &str = "daemon.log";

/// Begins to log; what is left to write is written when the guard goes.
pub(super) fn start(places: &Places, settings: &Settings) -> anyhow::Result<WorkerGuard> {
    let folder = places.state.join(FOLDER);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    let file = LogRollerBuilder::new(folder.as_path(), Path::new(FILE))
        .rotation(Rotation::SizeBased(RotationSize::Bytes(settings.log.max_size)))
        .max_keep_files(u64::from(settings.log.backups))
        .file_mode(0o600)
        .build()
        .with_context(|| format!("cannot open the log in `{}`", folder.display()))?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    // What clients of MCP do wrong is told to them.
    let usual = || EnvFilter::new("info,rmcp=error");
    let filter = EnvFilter::try_from_env("WK_LOG").unwrap_or_else(|_| usual());
    tracing_subscriber::registry()
        .with(filter)
        .with(match settings.log.format {
            LogFormat::Json => fmt::layer().json().with_writer(writer).boxed(),
            LogFormat::Text => fmt::layer().with_ansi(false).with_writer(writer).boxed(),
        })
        .try_init()
        .context("cannot begin to log")?;
    Ok(guard)
}
