//! The witness itself: one per folder, one for a machine.
//!
//! One thread that waits for the kernel's bell and for peers; it holds no records: they stay in
//! the pinned ring, and each peer has its place in it. A slow peer is overtaken and told so.

mod board;
mod kernel;
mod peer;
mod places;
mod privileges;
mod ring;
mod serve;
mod tell;

pub use kernel::{KernelError, chain, object_is_built};
pub use places::Places;
pub use serve::{Options, ServeError, run};
