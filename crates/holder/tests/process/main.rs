//! The real holder, run by a small launcher.

// A test that cannot go on says so by a panic, in its helpers too.
#![allow(clippy::unwrap_used)]

mod cgroups;
mod harness;

mod attaching;
mod claiming;
mod command;
mod ending;
mod limits;
mod pipes;
mod recording;
mod terminal;
mod tree;
