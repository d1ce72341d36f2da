//! The daemon's face: HTTP routes over the journal, and orders for the driver.
//!
//! What is read comes from the journal and the sessions' folders, never from a holder, so
//! that a holder which does not answer slows nobody down. What is to be done is an [`Order`].

pub mod auth;
mod calendar;
mod collector;
mod connection;
mod error;
mod keys;
mod listener;
mod openapi;
mod order;
mod peer;
mod readers;
mod routes;
mod serve;
mod sessions;
mod sse;
mod table;
mod view;
mod whole;

pub use collector::{Collector, kept_events};
pub use error::{Failure, bad_request, conflict, gone, internal, not_found, unreachable};
pub use listener::{ADDRESS_FILE, Listener, ListenerTask, Switch};
pub use order::{Answer, CreateOrder, Order, TrackOrder};
pub use readers::{Readers, Reading};
pub use serve::{App, serve};
pub use sessions::{Board, Sessions};
