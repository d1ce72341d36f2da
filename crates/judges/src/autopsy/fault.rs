//! A fault that a program raised itself, and the heap of a runtime that is full.

use wk_model::{Cause, Confidence, signal_name};

use super::{
    LogNote, ScreenNote,
    blow::{Blow, How},
    case::{ABRT, Case, FAULTS},
    finding::Finding,
    words::{line, plain},
};

/// What runtimes say whose heap is full.
const HEAP_TEXTS: [&str; 6] = [
    "JavaScript heap out of memory",
    "Reached heap limit",
    "java.lang.OutOfMemoryError",
    "GC heap exhausted",
    "Heap exhausted",
    "fatal error: runtime: out of memory",
];

pub(super) fn crashed(case: &Case) -> Option<Finding> {
    let blow = case.blow.filter(|blow| FAULTS.contains(&blow.signal().signal))?;
    // A fault is raised by the process itself; all else is a signal that somebody sent.
    if !blow.is_by_itself() {
        return None;
    }
    let signal = blow.signal().signal;
    Some(of_signal(case, signal, Some(&blow), Confidence::Certain).signal(signal))
}

/// `blow`: none where nobody saw it.
pub(super) fn of_signal(
    case: &Case,
    signal: i32,
    blow: Option<&Blow>,
    confidence: Confidence,
) -> Finding {
    if let Some(text) = heap_text(case) {
        return heap(&text, confidence);
    }
    let name = signal_name(signal);
    let how = match signal {
        ABRT => "gave up",
        _ => "crashed",
    };
    let what = match blow {
        Some(blow) if blow.how == How::PassedOn => {
            let target = &blow.signal().target;
            format!("its process {} ({}) {how}", plain(&target.comm), target.process.pid)
        }
        _ => how.to_owned(),
    };
    let fault = fault_text(case).map(|text| format!(": {}", line(text))).unwrap_or_default();
    let summary = format!("{what} with {name}{fault}");
    Finding::new(Cause::Crashed, confidence, summary)
        .advises("a core dump, where they are kept, shows where: `coredumpctl` or `ulimit -c`")
}

pub(super) fn heap(text: &str, confidence: Confidence) -> Finding {
    let summary = format!("its runtime's heap was full: {}", line(text));
    Finding::new(Cause::HeapExhausted, confidence, summary).advises(
        "the runtime's own limit is too small: e.g. NODE_OPTIONS=--max-old-space-size=MB, or -Xmx",
    )
}

/// What it said of its heap at the end.
pub(super) fn heap_text(case: &Case) -> Option<String> {
    let noted = case.screens().find_map(|note| match note {
        ScreenNote::HeapExhausted(text) => Some(text.clone()),
        _ => None,
    });
    noted.or_else(|| said(case, &HEAP_TEXTS))
}

/// The line among its last ones that holds one of these.
pub(super) fn said(case: &Case, texts: &[&str]) -> Option<String> {
    let lines = case.evidence.last_lines.as_deref()?;
    let holds = |line: &&str| texts.iter().any(|text| line.contains(text));
    lines.lines().rev().find(holds).map(str::to_owned)
}

pub(super) fn fault_text<'a>(case: &Case<'a>) -> Option<&'a str> {
    let subject = &case.evidence.subject;
    let own = |pid: u32| subject.processes.iter().chain(&subject.leader).any(|own| own.pid == pid);
    case.logs().find_map(|note| match note {
        LogNote::KernelFault { pid, text, .. } if own(*pid) => Some(text.as_str()),
        _ => None,
    })
}
