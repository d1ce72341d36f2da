//! Laying templates over each other.

use std::collections::BTreeMap;

use super::{Named, Template, TemplateLimits, TemplateOrigin, read::Written};
use crate::config::{names::unknown, value::Wrong};

/// All templates, each complete: `own` ones over `built_in` ones of the same name, and both
/// over what they extend.
pub(super) fn assemble(
    built_in: &BTreeMap<String, Template>,
    own: BTreeMap<String, Written>,
    wrongs: &mut Vec<Wrong>,
) -> BTreeMap<String, Named> {
    let mut merged: BTreeMap<String, Named> = built_in
        .iter()
        .map(|(name, template)| {
            let (template, origin) = (template.clone(), TemplateOrigin::BuiltIn);
            (name.clone(), Named { template, origin })
        })
        .collect();
    let mut spans = BTreeMap::new();
    for (name, written) in own {
        spans.insert(name.clone(), written.extends);
        let (template, origin) = match merged.remove(&name) {
            Some(below) => (over(written.template, &below.template), TemplateOrigin::Changed),
            None => (written.template, TemplateOrigin::File),
        };
        merged.insert(name, Named { template, origin });
    }
    let complete = merged.iter().map(|(name, named)| {
        let template = complete(name, &merged).unwrap_or_else(|message| {
            let span = spans.get(name).cloned().unwrap_or(0..0);
            wrongs.push(Wrong { span, message: format!("template.{name}.extends: {message}") });
            named.template.clone()
        });
        (name.clone(), Named { template, origin: named.origin })
    });
    complete.collect()
}

/// A template with all that it extends below it.
fn complete(name: &str, all: &BTreeMap<String, Named>) -> Result<Template, String> {
    let Some(first) = all.get(name) else { return Ok(Template::default()) };
    let (mut chain, mut whole) = (vec![name], first.template.clone());
    let mut next = first.template.extends.as_deref();
    while let Some(below) = next {
        if chain.contains(&below) {
            chain.push(below);
            return Err(format!("the templates extend each other: {}", chain.join(" → ")));
        }
        let Some(found) = all.get(below) else {
            let place = match chain.as_slice() {
                [_] => String::new(),
                chain => format!(" at the end of {}", chain.join(" → ")),
            };
            return Err(unknown("template", below, &place, all.keys().map(String::as_str)));
        };
        chain.push(below);
        whole = over(whole, &found.template);
        next = found.template.extends.as_deref();
    }
    Ok(whole)
}

/// What `top` says, and what `below` says where `top` says nothing. Tables are joined key by
/// key, lists are not.
fn over(top: Template, below: &Template) -> Template {
    let join = |top: BTreeMap<String, String>, below: &BTreeMap<String, String>| {
        let mut joined = below.clone();
        joined.extend(top);
        joined
    };
    Template {
        command: top.command.or_else(|| below.command.clone()),
        resume: top.resume.or_else(|| below.resume.clone()),
        resume_headless: top.resume_headless.or_else(|| below.resume_headless.clone()),
        headless: top.headless.or_else(|| below.headless.clone()),
        env: join(top.env, &below.env),
        cwd: top.cwd.or_else(|| below.cwd.clone()),
        kind: top.kind.or(below.kind),
        labels: join(top.labels, &below.labels),
        agent_id: top.agent_id.or_else(|| below.agent_id.clone()),
        component: top.component.or_else(|| below.component.clone()),
        limits: limits(top.limits, below.limits),
        retries: top.retries.or(below.retries),
        retry_delay: top.retry_delay.or(below.retry_delay),
        recovery: top.recovery.or(below.recovery),
        recovery_deadline: top.recovery_deadline.or(below.recovery_deadline),
        restore: top.restore.or(below.restore),
        patterns: top.patterns.or_else(|| below.patterns.clone()),
        health: wk_model::HealthOptions {
            interval_ms: top.health.interval_ms.or(below.health.interval_ms),
            stale_after_ms: top.health.stale_after_ms.or(below.health.stale_after_ms),
            hung_after_ms: top.health.hung_after_ms.or(below.health.hung_after_ms),
            on_stale: top.health.on_stale.or(below.health.on_stale),
        },
        max_concurrent: top.max_concurrent.or(below.max_concurrent),
        extends: top.extends.or_else(|| below.extends.clone()),
        instances: top.instances.or_else(|| below.instances.clone()),
    }
}

fn limits(top: TemplateLimits, below: TemplateLimits) -> TemplateLimits {
    TemplateLimits {
        max_memory: top.max_memory.or(below.max_memory),
        max_cpu_time: top.max_cpu_time.or(below.max_cpu_time),
        timeout: top.timeout.or(below.timeout),
        idle_timeout: top.idle_timeout.or(below.idle_timeout),
        max_processes: top.max_processes.or(below.max_processes),
        max_output: top.max_output.or(below.max_output),
    }
}
