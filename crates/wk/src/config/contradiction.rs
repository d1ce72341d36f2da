//! Settings that are right one by one, and of which no session could have both.
//!
//! The rules and their sentences are the same for a request; the settings are checked as a
//! whole, when all layers are laid over each other.

use std::time::Duration;

use super::{
    Settings, Template,
    template::{RETRIES, Setting},
};
use crate::text::span;

/// A contradiction, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Contradiction {
    pub whose: Whose,
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// Of these keys of a section, any may be the one that is wrong.
    Keys(&'static str, [&'static str; 2]),
    /// Of this template.
    Template(String),
}

/// All that contradict each other.
pub(super) fn all(settings: &Settings) -> Vec<Contradiction> {
    let session = &settings.session;
    // Without retries neither is asked for; a request that wants some is checked by itself.
    let retried = session.retries > 0;
    let own = retries(session.retry_delay, session.recovery_deadline).filter(|_| retried);
    let own = own.map(|message| {
        let whose = Whose::Keys("session", ["retry_delay", "recovery_deadline"]);
        Contradiction { whose, message: format!("session.retry_delay: {message}") }
    });
    let of_templates = settings.templates.iter().flat_map(|(name, template, _)| {
        let found = [of_limits(template), of_retries(template, settings)];
        found.into_iter().flatten().map(move |message| Contradiction {
            whose: Whose::Template(name.to_owned()),
            message: format!("template.{name}: {message}"),
        })
    });
    own.into_iter().chain(of_templates).collect()
}

/// Why an idle limit and a time limit do not go together.
pub(crate) fn limits(idle: Duration, time: Duration) -> Option<String> {
    (idle >= time).then(|| {
        format!(
            "an idle limit of {} is never reached before the time limit of {}: make it shorter, \
             or leave it out",
            span::exact(idle),
            span::exact(time)
        )
    })
}

/// Why a delay and a deadline do not go together.
pub(crate) fn retries(delay: Duration, deadline: Option<Duration>) -> Option<String> {
    let deadline = deadline.filter(|deadline| delay > *deadline)?;
    Some(format!(
        "no retry would ever start: its delay of {} is longer than the recovery deadline of {}",
        span::exact(delay),
        span::exact(deadline)
    ))
}

fn of_limits(template: &Template) -> Option<String> {
    match (template.limits.idle_timeout, template.limits.timeout) {
        (Setting::Value(idle), Setting::Value(time)) => limits(idle, time),
        _ => None,
    }
}

/// Where the template says something of it: else it is the section's own fault.
fn of_retries(template: &Template, settings: &Settings) -> Option<String> {
    let says = template.retry_delay.is_some() || template.recovery_deadline != Setting::Open;
    let never = template.recovery == Some(false) || template.retries.unwrap_or(RETRIES) == 0;
    if !says || never {
        return None;
    }
    let deadline = match template.recovery_deadline {
        Setting::Open => settings.session.recovery_deadline,
        Setting::Nothing => None,
        Setting::Value(deadline) => Some(deadline),
    };
    retries(template.retry_delay.unwrap_or(settings.session.retry_delay), deadline)
}
