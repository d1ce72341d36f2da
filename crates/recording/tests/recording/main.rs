//! Recordings written and read through the crate's public face.

#![allow(clippy::unwrap_used)]

mod common;
mod reading;
mod writing;
