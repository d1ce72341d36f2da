//! Who may do what over TCP.
//!
//! ```text
//! connection ─▶ guard: Host, Origin ─▶ route ─▶ its Access ─▶ Gate ─▶ Identity ─▶ handler
//! ```
//!
//! The Unix socket needs none of this: the kernel says who is at its other end. Every route
//! names its [`Access`] where it is declared; there is no other way to declare one.
//!
//! Invariants: secrets are compared in constant time, and made tokens are kept as digests only;
//! without a token nothing is run, and nothing is read that a session printed.

mod access;
mod bucket;
mod gate;
pub(crate) mod guard;
mod identity;
mod jwt;
mod names;
mod secret;
mod tokens;

pub use access::{Access, Scope};
pub use gate::{Gate, Mode, Policy, Tracking};
pub use identity::Identity;
pub use jwt::{BadJwt, Claims, JwtPolicy, verify as verify_jwt};
pub use names::{host_is_known, origin_is_known};
pub use secret::{BadSecret, Secret, VARIABLES as SECRET_VARIABLES};
pub use tokens::{FIRST as FIRST_TOKEN, Tokens};
