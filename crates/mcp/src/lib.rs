//! The Model Context Protocol: what programs of agents may tell Watchkeeper, and ask of it.
//!
//! ```text
//! streamable HTTP ─┐                       ┌─▶ the daemon's own routes, as the same caller
//! stdio (`wk mcp`) ┴─▶ tools, resources ───┴─▶ the daemon's socket
//! ```
//!
//! Each tool is one call of the HTTP API: what a tool may do is decided there, once. Nothing is
//! kept between two requests, so there are no MCP sessions.

mod ask;
mod backend;
mod check;
mod front;
mod outcome;
mod resources;
mod server;
mod tools;
mod transport;

pub use backend::Backend;
pub use server::Server;
pub use transport::{http, stdio};
