//! Watchkeeper's own holder was killed, and the session with it.

use wk_model::{Cause, Confidence, Ending, signal_name};

use super::{
    blow::{Blow, is_sent},
    case::{BY_THE_KERNEL, Case, End},
    finding::Finding,
    words::{of_another, who},
};

pub(super) fn killed(case: &Case) -> Option<Finding> {
    let holder = case.evidence.subject.holder.as_ref()?;
    let blow = case.blow;
    // The kernel ends the leader when its parent, the holder, goes.
    let orphaned =
        blow.is_some_and(|blow| blow.signal().sender_exits && blow.sender().process == *holder);
    let lost = case.evidence.ending == Ending::HolderLost;
    if !orphaned && !lost {
        return None;
    }
    let until = blow.map_or(0, |blow| blow.shot.age);
    let struck = case.shot_that_ended(holder, if orphaned { until } else { 0 });
    if !orphaned && let Some(blow) = blow.filter(Blow::is_sent) {
        // Somebody ended the session itself before, and then the holder could not say so.
        let first = struck.is_none_or(|struck| struck.age < blow.shot.age);
        if first && !case.is_holder(&blow.sender().process) {
            return None;
        }
    }
    let finding =
        |summary: String, confidence| Finding::new(Cause::HolderKilled, confidence, summary);
    Some(match struck {
        Some(struck) if is_sent(struck.signal) => {
            let sender = &struck.signal.sender;
            let other = of_another(case, sender.uid);
            let summary = format!("its holder was killed by {}{other}", who(sender));
            finding(summary, Confidence::Certain).by_seen(sender).signal(struck.signal.signal)
        }
        Some(struck) if struck.signal.code != BY_THE_KERNEL => finding(
            format!("its holder crashed ({})", signal_name(struck.signal.signal)),
            Confidence::Certain,
        )
        .misses("a crash of the holder is a fault of Watchkeeper: its log says more"),
        _ => {
            let how = match case.end_of(holder) {
                End::Signal(signal) => format!(" ({})", signal_name(signal)),
                End::Code(code) => format!(" (it exited with code {code})"),
                End::Unknown => String::new(),
            };
            let confidence =
                if orphaned || lost { Confidence::Likely } else { Confidence::Possible };
            finding(format!("its holder is gone{how}, and the session with it"), confidence)
                .misses("nobody saw who ended the holder")
        }
    })
}
