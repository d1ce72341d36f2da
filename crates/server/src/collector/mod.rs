//! Events that others send.

/// Takes events in.
#[derive(Clone, Debug, Default)]
pub struct Collector;
