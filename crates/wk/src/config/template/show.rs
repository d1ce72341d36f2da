//! Templates as the settings' file would have them.

use std::time::Duration;

use toml::{Table, Value};
use wk_model::{FailurePattern, OnStale};

use super::{Instance, Setting, Template, read::CATEGORIES};
use crate::text::{bytes, span};

impl Template {
    /// What it says, under the keys of the settings.
    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new();
        put(&mut table, "extends", self.extends.clone());
        put(&mut table, "command", self.command.clone());
        put(&mut table, "resume", self.resume.clone());
        put(&mut table, "headless", self.headless.clone());
        put(&mut table, "resume_headless", self.resume_headless.clone());
        put(&mut table, "kind", self.kind.map(|kind| kind.to_string()));
        put(&mut table, "agent_id", self.agent_id.clone());
        put(&mut table, "component", self.component.clone());
        put(&mut table, "cwd", self.cwd.clone());
        put(&mut table, "retries", self.retries.map(i64::from));
        put(&mut table, "retry_delay", self.retry_delay.map(span::exact));
        put(&mut table, "recovery", self.recovery.map(|on| if on { "on" } else { "off" }));
        put(&mut table, "recovery_deadline", time(self.recovery_deadline));
        put(&mut table, "restore", self.restore);
        put(&mut table, "max_concurrent", self.max_concurrent.map(i64::from));
        put_table(&mut table, "env", texts(&self.env));
        put_table(&mut table, "labels", texts(&self.labels));
        put_table(&mut table, "limits", self.limits());
        put_table(&mut table, "health", self.health());
        let patterns = self.patterns.iter().flatten().map(|known| Value::Table(pattern(known)));
        put_list(&mut table, "patterns", patterns.collect());
        let instances = self.instances.iter().flatten().map(|one| Value::Table(instance(one)));
        put_list(&mut table, "instance", instances.collect());
        table
    }

    fn limits(&self) -> Table {
        let (mut table, limits) = (Table::new(), &self.limits);
        put(&mut table, "max_memory", words(limits.max_memory.map(bytes::exact)));
        put(&mut table, "max_cpu_time", time(limits.max_cpu_time));
        put(&mut table, "timeout", time(limits.timeout));
        put(&mut table, "idle_timeout", time(limits.idle_timeout));
        put(&mut table, "max_processes", words(limits.max_processes.map(|n| n.to_string())));
        put(&mut table, "max_output", words(limits.max_output.map(bytes::exact)));
        table
    }

    fn health(&self) -> Table {
        let (mut table, health) = (Table::new(), &self.health);
        let time = |ms: Option<u64>| match ms? {
            0 => Some("none".to_owned()),
            ms => Some(span::exact(Duration::from_millis(ms))),
        };
        put(&mut table, "interval", time(health.interval_ms));
        put(&mut table, "stale_after", time(health.stale_after_ms));
        put(&mut table, "hung_after", time(health.hung_after_ms));
        let on_stale = health.on_stale.map(|on_stale| match on_stale {
            OnStale::Report => "report",
            OnStale::Stop => "stop",
            OnStale::Restart => "restart",
        });
        put(&mut table, "on_stale", on_stale);
        table
    }
}

fn pattern(pattern: &FailurePattern) -> Table {
    let mut table = Table::new();
    let category = CATEGORIES.iter().find(|(_, known)| *known == pattern.category);
    put(&mut table, "category", category.map(|(name, _)| *name));
    put(&mut table, "screen", pattern.screen.clone());
    put(&mut table, "exit_code", pattern.exit_code.map(i64::from));
    table
}

fn instance(instance: &Instance) -> Table {
    let mut table = Table::new();
    put(&mut table, "name", Some(instance.name.clone()));
    put(&mut table, "cwd", instance.cwd.clone());
    put(&mut table, "max_concurrent", instance.max_concurrent.map(i64::from));
    put_table(&mut table, "env", texts(&instance.env));
    table
}

fn texts(texts: &std::collections::BTreeMap<String, String>) -> Table {
    texts.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect()
}

fn time(setting: Setting<Duration>) -> Option<String> {
    words(setting.map(span::exact))
}

fn words(setting: Setting<String>) -> Option<String> {
    match setting {
        Setting::Open => None,
        Setting::Nothing => Some("none".to_owned()),
        Setting::Value(text) => Some(text),
    }
}

fn put<T: Into<Value>>(table: &mut Table, key: &str, value: Option<T>) {
    if let Some(value) = value {
        table.insert(key.to_owned(), value.into());
    }
}

fn put_table(table: &mut Table, key: &str, value: Table) {
    if !value.is_empty() {
        table.insert(key.to_owned(), Value::Table(value));
    }
}

fn put_list(table: &mut Table, key: &str, value: Vec<Value>) {
    if !value.is_empty() {
        table.insert(key.to_owned(), Value::Array(value));
    }
}
