//! One file per verb: its arguments, then what it does.

use wk_client::Client;

pub(crate) mod analytics;
pub(crate) mod attach;
pub(crate) mod clean;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod daemon;
pub(crate) mod deaths;
pub(crate) mod doctor;
pub(crate) mod end;
pub(crate) mod events;
mod filters;
pub(crate) mod health;
pub(crate) mod hooks;
pub(crate) mod instances;
pub(crate) mod logs;
pub(crate) mod ls;
pub(crate) mod man;
pub(crate) mod mcp;
pub(crate) mod play;
pub(crate) mod restart;
pub(crate) mod rm;
pub(crate) mod run;
pub(crate) mod screen;
pub(crate) mod send;
pub(crate) mod session_id;
pub(crate) mod shell_init;
pub(crate) mod show;
pub(crate) mod signal;
pub(crate) mod stats;
pub(crate) mod stop;
pub(crate) mod templates;
pub(crate) mod timeline;
pub(crate) mod tmux;
pub(crate) mod token;
pub(crate) mod tools;
pub(crate) mod wait;
pub(crate) mod why;
pub(crate) mod witness;

/// How to print sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    #[default]
    Table,
    Json,
    Csv,
}

/// How to print what is no list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ShortFormat {
    #[default]
    Table,
    Json,
}

/// The path of a session, by whatever its user calls it.
fn path_of(session: &str) -> String {
    format!("/sessions/{}", Client::segment(session))
}

/// What to call a session in a sentence.
fn label(view: &wk_api::SessionView) -> String {
    match &view.name {
        Some(name) => format!("{name} ({})", view.session_id),
        None => view.session_id.clone(),
    }
}

/// A session on the command line: anything but nothing.
fn session_ref(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("name a session".into()) } else { Ok(text.to_owned()) }
}
