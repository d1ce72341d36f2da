//! The table of routes: none is declared without saying what it is about.

use axum::{Router, routing::MethodRouter};

use crate::{
    App,
    auth::{Access, Gate, guard::guarded},
};

/// Routes, each with the [`Access`] that its callers need. There is no other way to add one.
pub(crate) struct Table {
    router: Router<App>,
    gate: Gate,
}

impl Table {
    pub(crate) fn new(gate: &Gate) -> Self {
        Self { router: Router::new(), gate: gate.clone() }
    }

    /// Adds methods of a path; those of one path may be about different things.
    pub(crate) fn route(self, path: &str, access: Access, methods: MethodRouter<App>) -> Self {
        let methods = guarded(&self.gate, access, methods);
        Self { router: self.router.route(path, methods), ..self }
    }

    pub(crate) fn router(self) -> Router<App> {
        self.router
    }
}
