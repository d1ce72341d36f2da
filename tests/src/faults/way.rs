//! A way to die, and what must be said of it.

use std::{future::Future, pin::Pin};

use super::Lane;

type Injecting<'a> = Pin<Box<dyn Future<Output = Result<Vec<Expected>, String>> + Send + 'a>>;

/// One row of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    pub name: &'static str,
    /// Makes sessions die so; an error says why this machine cannot.
    pub inject: for<'a> fn(&'a Lane) -> Injecting<'a>,
}

/// What the verdict on one session must be.
#[derive(Clone, Debug)]
pub struct Expected {
    pub session: String,
    /// One of these, where the kernel's witness looks on.
    pub causes: &'static [&'static str],
    /// One of these, where nobody does.
    pub blind: &'static [&'static str],
    pub culprit: Who,
    pub scope: &'static str,
}

/// Who must be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Nobody,
    /// This process, with its arguments and what started it.
    Process(u32),
    /// This process, or nobody: who is named otherwise is wrong.
    AtMost(u32),
}

impl Expected {
    /// A session that died alone, by nobody's hand.
    pub fn new(session: &str, causes: &'static [&'static str]) -> Self {
        Self {
            session: session.to_owned(),
            causes,
            blind: causes,
            culprit: Who::Nobody,
            scope: "targeted",
        }
    }

    #[must_use]
    pub fn by(self, pid: u32) -> Self {
        Self { culprit: Who::Process(pid), ..self }
    }

    #[must_use]
    pub fn at_most_by(self, pid: u32) -> Self {
        Self { culprit: Who::AtMost(pid), ..self }
    }

    #[must_use]
    pub fn blind(self, blind: &'static [&'static str]) -> Self {
        Self { blind, ..self }
    }

    #[must_use]
    pub fn with_others(self) -> Self {
        Self { scope: "systemic", ..self }
    }
}

/// Lists functions as ways.
macro_rules! ways {
    ($($name:literal => $inject:path,)+) => {
        pub(super) const WAYS: &[Way] = &[
            $(Way { name: $name, inject: |lane| Box::pin($inject(lane)) },)+
        ];
    };
}
pub(super) use ways;
