//! Every key of the settings: its name, how it is read and how it is shown.

use std::time::Duration;

use wk_holder::spec::LimitMechanism;

use super::{
    net,
    raw::{
        LEAST_MEMORY, Raw, absolute_path, at_least_one, boolean, count_to, detach_key, interval,
        length, limit_mechanism, log_format, on_stale, optional_count, optional_interval,
        optional_length, optional_size, optional_span, paths, payload_size, repair, retries, size,
        witness_start,
    },
    settings::{LogFormat, Repair, Settings, WitnessStart},
};
use crate::text::{bytes, span};

/// One key of one section.
#[derive(Debug)]
pub(crate) struct Key {
    pub section: &'static str,
    pub name: &'static str,
    /// Takes a value over; the error says what would be one.
    pub set: fn(&mut Settings, Raw<'_>) -> Result<(), String>,
    /// The value in effect, as `config.toml` would have it.
    pub show: fn(&Settings) -> String,
}

/// All of them, in the order of the sections.
pub(crate) const KEYS: &[Key] = &[
    Key {
        section: "session",
        name: "timeout",
        set: |settings, raw| put(&mut settings.session.timeout, optional_span(raw)),
        show: |settings| settings.session.timeout.map_or_else(|| quote("none"), quote_span),
    },
    Key {
        section: "session",
        name: "max_concurrent",
        set: |settings, raw| put(&mut settings.session.max_concurrent, count_to(raw, 100_000)),
        show: |settings| settings.session.max_concurrent.to_string(),
    },
    Key {
        section: "session",
        name: "retries",
        set: |settings, raw| put(&mut settings.session.retries, retries(raw)),
        show: |settings| settings.session.retries.to_string(),
    },
    Key {
        section: "session",
        name: "retry_delay",
        set: |settings, raw| put(&mut settings.session.retry_delay, length(raw)),
        show: |settings| quote_span(settings.session.retry_delay),
    },
    Key {
        section: "session",
        name: "max_retry_delay",
        set: |settings, raw| put(&mut settings.session.max_retry_delay, length(raw)),
        show: |settings| quote_span(settings.session.max_retry_delay),
    },
    Key {
        section: "session",
        name: "recovery_deadline",
        set: |settings, raw| put(&mut settings.session.recovery_deadline, optional_span(raw)),
        show: |settings| {
            settings.session.recovery_deadline.map_or_else(|| quote("none"), quote_span)
        },
    },
    Key {
        section: "session",
        name: "healthy_after",
        set: |settings, raw| put(&mut settings.session.healthy_after, length(raw)),
        show: |settings| quote_span(settings.session.healthy_after),
    },
    Key {
        section: "session",
        name: "retry_memory",
        set: |settings, raw| put(&mut settings.session.retry_memory, boolean(raw)),
        show: |settings| settings.session.retry_memory.to_string(),
    },
    Key {
        section: "session",
        name: "idle_timeout",
        set: |settings, raw| put(&mut settings.session.idle_timeout, optional_span(raw)),
        show: |settings| settings.session.idle_timeout.map_or_else(|| quote("none"), quote_span),
    },
    Key {
        section: "session",
        name: "max_memory",
        set: |settings, raw| {
            put(&mut settings.session.max_memory, optional_size(raw, LEAST_MEMORY))
        },
        show: |settings| quote_size(settings.session.max_memory),
    },
    Key {
        section: "session",
        name: "max_cpu_time",
        set: |settings, raw| put(&mut settings.session.max_cpu_time, optional_span(raw)),
        show: |settings| settings.session.max_cpu_time.map_or_else(|| quote("none"), quote_span),
    },
    Key {
        section: "session",
        name: "max_processes",
        set: |settings, raw| put(&mut settings.session.max_processes, optional_count(raw, 1)),
        show: |settings| {
            settings.session.max_processes.map_or_else(|| quote("none"), |count| count.to_string())
        },
    },
    Key {
        section: "session",
        name: "max_output",
        set: |settings, raw| put(&mut settings.session.max_output, optional_size(raw, 1)),
        show: |settings| quote_size(settings.session.max_output),
    },
    Key {
        section: "session",
        name: "limit_mechanism",
        set: |settings, raw| put(&mut settings.session.limit_mechanism, limit_mechanism(raw)),
        show: |settings| match settings.session.limit_mechanism {
            LimitMechanism::Auto => quote("auto"),
            LimitMechanism::Sampling => quote("sampling"),
        },
    },
    Key {
        section: "session",
        name: "grace",
        set: |settings, raw| put(&mut settings.session.grace, length(raw)),
        show: |settings| quote_span(settings.session.grace),
    },
    Key {
        section: "recording",
        name: "enabled",
        set: |settings, raw| put(&mut settings.recording.enabled, boolean(raw)),
        show: |settings| settings.recording.enabled.to_string(),
    },
    Key {
        section: "recording",
        name: "max_size",
        set: |settings, raw| put(&mut settings.recording.max_size, size(raw, 64 << 10)),
        show: |settings| quote(&bytes::exact(settings.recording.max_size)),
    },
    Key {
        section: "recording",
        name: "mask",
        set: |settings, raw| put(&mut settings.recording.mask, boolean(raw)),
        show: |settings| settings.recording.mask.to_string(),
    },
    Key {
        section: "log",
        name: "format",
        set: |settings, raw| put(&mut settings.log.format, log_format(raw)),
        show: |settings| match settings.log.format {
            LogFormat::Json => quote("json"),
            LogFormat::Text => quote("text"),
        },
    },
    Key {
        section: "log",
        name: "max_size",
        set: |settings, raw| put(&mut settings.log.max_size, size(raw, 64 << 10)),
        show: |settings| quote(&bytes::exact(settings.log.max_size)),
    },
    Key {
        section: "log",
        name: "backups",
        set: |settings, raw| put(&mut settings.log.backups, count_to(raw, 1000)),
        show: |settings| settings.log.backups.to_string(),
    },
    Key {
        section: "attach",
        name: "detach_key",
        set: |settings, raw| put(&mut settings.attach.detach_key, detach_key(raw)),
        show: |settings| quote(&settings.attach.detach_key.to_string()),
    },
    Key {
        section: "health",
        name: "interval",
        set: |settings, raw| put(&mut settings.health.interval, optional_interval(raw)),
        show: |settings| settings.health.interval.map_or_else(|| quote("none"), quote_span),
    },
    Key {
        section: "health",
        name: "stale_after",
        set: |settings, raw| put(&mut settings.health.stale_after, optional_span(raw)),
        show: |settings| settings.health.stale_after.map_or_else(|| quote("none"), quote_span),
    },
    Key {
        section: "health",
        name: "hung_after",
        set: |settings, raw| put(&mut settings.health.hung_after, length(raw)),
        show: |settings| quote_span(settings.health.hung_after),
    },
    Key {
        section: "health",
        name: "on_stale",
        set: |settings, raw| put(&mut settings.health.on_stale, on_stale(raw)),
        show: |settings| quote(settings.health.on_stale.as_str()),
    },
    Key {
        section: "health",
        name: "heartbeat_timeout",
        set: |settings, raw| put(&mut settings.health.heartbeat_timeout, interval(raw)),
        show: |settings| quote_span(settings.health.heartbeat_timeout),
    },
    Key {
        section: "deaths",
        name: "window",
        set: |settings, raw| put(&mut settings.deaths.window, length(raw)),
        show: |settings| quote_span(settings.deaths.window),
    },
    Key {
        section: "witness",
        name: "start",
        set: |settings, raw| put(&mut settings.witness.start, witness_start(raw)),
        show: |settings| match settings.witness.start {
            WitnessStart::Auto => quote("auto"),
            WitnessStart::Off => quote("off"),
        },
    },
    Key {
        section: "witness",
        name: "dir",
        set: |settings, raw| put(&mut settings.witness.dir, absolute_path(raw)),
        show: |settings| quote(&settings.witness.dir.to_string_lossy()),
    },
    Key {
        section: "cleanup",
        name: "interval",
        set: |settings, raw| put(&mut settings.cleanup.interval, interval(raw)),
        show: |settings| quote_span(settings.cleanup.interval),
    },
    Key {
        section: "cleanup",
        name: "live_state_after",
        set: |settings, raw| put(&mut settings.cleanup.live_state_after, optional_length(raw)),
        show: |settings| quote_optional_span(settings.cleanup.live_state_after),
    },
    Key {
        section: "cleanup",
        name: "recordings_after",
        set: |settings, raw| put(&mut settings.cleanup.recordings_after, optional_length(raw)),
        show: |settings| quote_optional_span(settings.cleanup.recordings_after),
    },
    Key {
        section: "cleanup",
        name: "recordings_max",
        set: |settings, raw| put(&mut settings.cleanup.recordings_max, optional_size(raw, 0)),
        show: |settings| {
            let max = settings.cleanup.recordings_max;
            quote(&max.map_or_else(|| "none".into(), bytes::exact))
        },
    },
    Key {
        section: "cleanup",
        name: "recordings_count",
        set: |settings, raw| put(&mut settings.cleanup.recordings_count, optional_count(raw, 0)),
        show: |settings| {
            let count = settings.cleanup.recordings_count;
            count.map_or_else(|| quote("none"), |count| count.to_string())
        },
    },
    Key {
        section: "cleanup",
        name: "journal_after",
        set: |settings, raw| put(&mut settings.cleanup.journal_after, optional_length(raw)),
        show: |settings| quote_optional_span(settings.cleanup.journal_after),
    },
    Key {
        section: "tmux",
        name: "watch",
        set: |settings, raw| put(&mut settings.tmux.watch, boolean(raw)),
        show: |settings| settings.tmux.watch.to_string(),
    },
    Key {
        section: "tmux",
        name: "repair",
        set: |settings, raw| put(&mut settings.tmux.repair, repair(raw)),
        show: |settings| match settings.tmux.repair {
            Repair::Report => quote("report"),
            Repair::Auto => quote("auto"),
        },
    },
    Key {
        section: "tmux",
        name: "health_interval",
        set: |settings, raw| put(&mut settings.tmux.health_interval, interval(raw)),
        show: |settings| quote_span(settings.tmux.health_interval),
    },
    Key {
        section: "tmux",
        name: "sockets",
        set: |settings, raw| put(&mut settings.tmux.sockets, paths(raw)),
        show: |settings| {
            let paths = settings.tmux.sockets.iter().map(|path| toml::Value::from(path.as_str()));
            toml::Value::Array(paths.collect()).to_string()
        },
    },
    Key {
        section: "hooks",
        name: "session_file_dir",
        set: |settings, raw| put(&mut settings.hooks.session_file_dir, absolute_path(raw)),
        show: |settings| quote(&settings.hooks.session_file_dir.to_string_lossy()),
    },
    Key {
        section: "hooks",
        name: "session_file_ttl",
        set: |settings, raw| put(&mut settings.hooks.session_file_ttl, interval(raw)),
        show: |settings| quote_span(settings.hooks.session_file_ttl),
    },
    Key {
        section: "hooks",
        name: "session_file_fsync",
        set: |settings, raw| put(&mut settings.hooks.session_file_fsync, boolean(raw)),
        show: |settings| settings.hooks.session_file_fsync.to_string(),
    },
    Key {
        section: "hooks",
        name: "cleanup_interval",
        set: |settings, raw| put(&mut settings.hooks.cleanup_interval, interval(raw)),
        show: |settings| quote_span(settings.hooks.cleanup_interval),
    },
    Key {
        section: "hooks",
        name: "max_payload",
        set: |settings, raw| put(&mut settings.hooks.max_payload, payload_size(raw)),
        show: |settings| quote(&bytes::exact(settings.hooks.max_payload)),
    },
    Key {
        section: "privacy",
        name: "prompts",
        set: |settings, raw| put(&mut settings.privacy.prompts, boolean(raw)),
        show: |settings| settings.privacy.prompts.to_string(),
    },
    Key {
        section: "privacy",
        name: "tool_input",
        set: |settings, raw| put(&mut settings.privacy.tool_input, boolean(raw)),
        show: |settings| settings.privacy.tool_input.to_string(),
    },
    Key {
        section: "privacy",
        name: "tool_output",
        set: |settings, raw| put(&mut settings.privacy.tool_output, boolean(raw)),
        show: |settings| settings.privacy.tool_output.to_string(),
    },
    Key {
        section: "privacy",
        name: "payloads",
        set: |settings, raw| put(&mut settings.privacy.payloads, boolean(raw)),
        show: |settings| settings.privacy.payloads.to_string(),
    },
    Key {
        section: "server",
        name: "listen",
        set: |settings, raw| put(&mut settings.server.listen, net::address(raw)),
        show: |settings| {
            quote(&settings.server.listen.map_or_else(|| "none".into(), |at| at.to_string()))
        },
    },
    Key {
        section: "server",
        name: "hosts",
        set: |settings, raw| put(&mut settings.server.hosts, net::hosts(raw)),
        show: |settings| net::show(&settings.server.hosts),
    },
    Key {
        section: "server",
        name: "origins",
        set: |settings, raw| put(&mut settings.server.origins, net::origins(raw)),
        show: |settings| net::show(&settings.server.origins),
    },
    Key {
        section: "server",
        name: "unverified_rate",
        set: |settings, raw| put(&mut settings.server.unverified_rate, count_to(raw, 1_000_000)),
        show: |settings| settings.server.unverified_rate.to_string(),
    },
    Key {
        section: "auth",
        name: "mode",
        set: |settings, raw| {
            put(&mut settings.auth.mode, net::word(raw, "\"token\", \"jwt\" or \"open\""))
        },
        show: |settings| quote(settings.auth.mode.as_str()),
    },
    Key {
        section: "auth",
        name: "tracking",
        set: |settings, raw| {
            put(&mut settings.auth.tracking, net::word(raw, "\"loopback\" or \"token\""))
        },
        show: |settings| quote(settings.auth.tracking.as_str()),
    },
    Key {
        section: "auth",
        name: "issuers",
        set: |settings, raw| put(&mut settings.auth.issuers, net::names(raw)),
        show: |settings| net::show(&settings.auth.issuers),
    },
    Key {
        section: "auth",
        name: "audiences",
        set: |settings, raw| put(&mut settings.auth.audiences, net::names(raw)),
        show: |settings| net::show(&settings.auth.audiences),
    },
    Key {
        section: "auth",
        name: "secret_file",
        set: |settings, raw| put(&mut settings.auth.secret_file, net::optional_path(raw)),
        show: |settings| {
            let path = settings.auth.secret_file.as_ref();
            quote(&path.map_or_else(|| "none".into(), |path| path.to_string_lossy()))
        },
    },
    Key {
        section: "client",
        name: "endpoint",
        set: |settings, raw| put(&mut settings.client.endpoint, net::endpoint(raw)),
        show: |settings| quote(&settings.client.endpoint),
    },
    Key {
        section: "client",
        name: "breaker_failures",
        set: |settings, raw| put(&mut settings.client.breaker_failures, at_least_one(raw)),
        show: |settings| settings.client.breaker_failures.to_string(),
    },
    Key {
        section: "client",
        name: "breaker_open",
        set: |settings, raw| put(&mut settings.client.breaker_open, length(raw)),
        show: |settings| quote_span(settings.client.breaker_open),
    },
    Key {
        section: "client",
        name: "attempts",
        set: |settings, raw| put(&mut settings.client.attempts, at_least_one(raw)),
        show: |settings| settings.client.attempts.to_string(),
    },
];

impl Key {
    /// The variable that sets it.
    pub(crate) fn variable(&self) -> String {
        format!("WK_{}_{}", self.section, self.name).to_ascii_uppercase()
    }

    /// Its name for people: `session.grace`.
    pub(crate) fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }
}

fn put<T>(place: &mut T, value: Result<T, String>) -> Result<(), String> {
    *place = value?;
    Ok(())
}

fn quote(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn quote_size(size: Option<u64>) -> String {
    quote(&size.map_or_else(|| "none".to_owned(), bytes::exact))
}

fn quote_span(span: Duration) -> String {
    quote(&span::exact(span))
}

fn quote_optional_span(span: Option<Duration>) -> String {
    span.map_or_else(|| quote("none"), quote_span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shown_value_reads_back() {
        for key in KEYS {
            let shown = (key.show)(&Settings::default());
            let mut settings = Settings::default();
            let text = format!("value = {shown}");
            let parsed = toml::de::DeTable::parse(&text).unwrap();
            let raw = super::super::value::raw(parsed.get_ref().get("value").unwrap());
            (key.set)(&mut settings, raw).unwrap();
            assert_eq!(settings, Settings::default(), "{}", key.path());
        }
    }

    #[test]
    fn variables_are_named_after_section_and_key() {
        let names: Vec<_> = KEYS.iter().map(Key::variable).collect();
        assert!(names.iter().any(|name| name == "WK_RECORDING_MAX_SIZE"), "{names:?}");
    }
}
