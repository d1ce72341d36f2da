//! What is known of agents: which hooks they call and where that is written, what their
//! transcripts count, and what their work looks like on one time axis.
//!
//! Pure: texts and events in, texts and numbers out. Files are read and written elsewhere.

pub mod agent;
pub mod diff;
pub mod json;
pub mod plugin;
pub mod privacy;
pub mod settings;
pub mod timeline;
pub mod tools;
pub mod transcript;
pub mod uses;
