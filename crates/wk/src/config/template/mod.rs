//! Templates: `[template.NAME]`, how sessions of one sort are started, and kept going.
//!
//! Some come with Watchkeeper ([`builtin.toml`](builtin.toml)); what a user's file says of the
//! same name goes over them, field by field, and so does a template over the one it `extends`.

mod assemble;
mod read;
mod show;

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

use wk_model::{FailurePattern, HealthOptions, Kind};

use super::{
    names::unknown,
    value::{Value, Wrong},
};

/// The section's name.
pub(super) const SECTION: &str = "template";

/// Retries of a template that does not say.
pub(crate) const RETRIES: u32 = 3;

const BUILTIN: &str = include_str!("builtin.toml");

/// What a template says; what it does not say is none or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Template {
    /// With placeholders; none: what the caller says.
    pub command: Option<Vec<String>>,
    /// The command of later attempts.
    pub resume: Option<Vec<String>>,
    /// The same for a caller whose words say that the agent answers and exits.
    pub resume_headless: Option<Vec<String>>,
    /// The words that say so.
    pub headless: Option<Vec<String>>,
    pub env: BTreeMap<String, String>,
    pub cwd: Option<String>,
    pub kind: Option<Kind>,
    pub labels: BTreeMap<String, String>,
    pub agent_id: Option<String>,
    pub component: Option<String>,
    pub limits: TemplateLimits,
    pub retries: Option<u32>,
    pub retry_delay: Option<Duration>,
    pub recovery: Option<bool>,
    pub recovery_deadline: Setting<Duration>,
    pub restore: Option<bool>,
    pub patterns: Option<Vec<FailurePattern>>,
    pub health: HealthOptions,
    /// Sessions of it that run at a time.
    pub max_concurrent: Option<u32>,
    pub extends: Option<String>,
    pub instances: Option<Vec<Instance>>,
}

/// One way among several to run a template: another account, another folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Instance {
    pub name: String,
    pub env: BTreeMap<String, String>,
    pub cwd: Option<String>,
    pub max_concurrent: Option<u32>,
}

/// Limits on the tree, as `wk run` has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TemplateLimits {
    pub max_memory: Setting<u64>,
    pub max_cpu_time: Setting<Duration>,
    pub timeout: Setting<Duration>,
    pub idle_timeout: Setting<Duration>,
    pub max_processes: Setting<u64>,
    pub max_output: Setting<u64>,
}

/// Something that can be left open, or be set to nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Setting<T> {
    /// Somebody else may say.
    #[default]
    Open,
    Nothing,
    Value(T),
}

/// All templates there are, each complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Templates {
    known: BTreeMap<String, Named>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    template: Template,
    origin: TemplateOrigin,
}

/// Where a template is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TemplateOrigin {
    BuiltIn,
    /// The settings' file has something to say about a built-in one.
    Changed,
    File,
}

impl Templates {
    /// The template of this name; the error names the nearest.
    pub(crate) fn get(&self, name: &str) -> Result<&Template, String> {
        match self.known.get(name) {
            Some(named) => Ok(&named.template),
            None => Err(unknown("template", name, "", self.names())),
        }
    }

    /// All of them, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Template, TemplateOrigin)> {
        self.known.iter().map(|(name, named)| (name.as_str(), &named.template, named.origin))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.known.keys().map(String::as_str)
    }

    /// Takes over the file's section.
    pub(super) fn read(&mut self, section: &Value<'_>, wrongs: &mut Vec<Wrong>) {
        let own = read::section(section, wrongs);
        self.known = assemble::assemble(built_in(), own, wrongs);
    }
}

impl Default for Templates {
    fn default() -> Self {
        let known = assemble::assemble(built_in(), BTreeMap::new(), &mut Vec::new());
        Self { known }
    }
}

/// The templates that come with Watchkeeper, as they are written.
fn built_in() -> &'static BTreeMap<String, Template> {
    static PARSED: LazyLock<BTreeMap<String, Template>> = LazyLock::new(|| {
        let parsed = toml::de::DeTable::parse(BUILTIN).ok();
        let section = parsed.as_ref().and_then(|table| table.get_ref().get(SECTION));
        let own = section.map(|section| read::section(section, &mut Vec::new()));
        own.into_iter().flatten().map(|(name, own)| (name, own.template)).collect()
    });
    &PARSED
}

impl<T> Setting<T> {
    /// This, or what is below it.
    pub(crate) fn or(self, below: Self) -> Self {
        match self {
            Self::Open => below,
            said => said,
        }
    }

    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Setting<U> {
        match self {
            Self::Open => Setting::Open,
            Self::Nothing => Setting::Nothing,
            Self::Value(value) => Setting::Value(change(value)),
        }
    }
}

#[cfg(test)]
mod tests;
