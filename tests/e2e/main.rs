//! End to end: what a user gets, and how it behaves, one module per topic.

// A test that cannot go on says so by a panic, in its helpers too.
#![allow(clippy::unwrap_used)]

mod acting;
mod agents;
mod api;
mod attach;
mod chaos;
mod cleanup;
mod clients;
mod collector;
mod config;
mod daemon_death;
mod documents;
mod faults;
mod full_disk;
mod health;
mod holder_killed;
mod hooks;
mod hooks_install;
mod hooks_unseen;
mod journal;
mod lifecycle;
mod limits;
mod listing;
mod mcp;
mod on_finish;
mod programs;
mod queue;
mod quick_start;
mod reading;
mod recording;
mod recovery;
mod restarting;
mod rules;
mod run;
mod security;
mod shells;
mod silent_holder;
mod streams;
mod tcp;
mod templates;
mod tmux;
mod tokens;
mod tracker;
mod tracking;
mod waiting;
mod witness;
mod zones;
