//! How values are written and read on the command line and in settings.

pub(crate) mod bytes;
pub(crate) mod cleaner;
pub(crate) mod count;
pub(crate) mod moment;
pub(crate) mod span;
pub(crate) mod visible;
