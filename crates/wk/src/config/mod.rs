//! The settings: defaults, then `config.toml`, then `WK_SECTION_KEY`.
//!
//! Owns what the settings are, how they are read and what is said about a bad one. Flags
//! belong to the verbs. Settings are taken as a whole or not at all: what is unknown or
//! cannot be read is an error that names the file, the line and the column.

pub(crate) mod contradiction;
mod fault;
mod file;
mod key;
mod load;
mod names;
mod net;
mod raw;
mod rule;
mod settings;
pub(crate) mod template;
mod value;

pub(crate) use fault::ConfigError;
pub(crate) use key::KEYS;
pub(crate) use load::{Loaded, load};
pub(crate) use raw::{LEAST_MEMORY, MAX_RETRIES, MIN_INTERVAL};
pub(crate) use settings::{
    CleanupSettings, ClientSettings, LogFormat, Repair, Settings, WitnessStart,
};
pub(crate) use template::Template;
