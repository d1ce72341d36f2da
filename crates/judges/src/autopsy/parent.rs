//! Its parent went, or the init of its pid namespace, and the kernel ended it for that.

use wk_model::{Cause, Confidence};

use super::{
    blow::is_sent,
    case::{BY_THE_KERNEL, Case, HUP, INT, KILL, QUIT},
    finding::Finding,
    words::{command, who},
};

pub(super) fn died(case: &Case) -> Option<Finding> {
    let blow = case.blow?;
    let (signal, sender) = (blow.signal(), blow.sender());
    // A process that ends sends nothing by itself, but for what the kernel sends in its name.
    if !signal.sender_exits || signal.sender_is_kernel || blow.is_by_itself() {
        return None;
    }
    let by_the_kernel = signal.code == BY_THE_KERNEL;
    let terminal = by_the_kernel && matches!(signal.signal, HUP | INT | QUIT);
    if terminal || !(is_sent(signal) || by_the_kernel) {
        return None;
    }
    let name = command(&sender.comm, &sender.argv);
    let pid = sender.process.pid;
    let what = if by_the_kernel && signal.signal == KILL && pid != signal.target.parent {
        format!("the init of its pid namespace, {name} ({pid}),")
    } else {
        format!("its parent {name} ({pid})")
    };
    let killer = case
        .shot_that_ended(&sender.process, blow.shot.age)
        .filter(|shot| is_sent(shot.signal) && shot.signal.sender.process != sender.process);
    let finding = |summary| Finding::new(Cause::ParentDied, Confidence::Certain, summary);
    let finding = match killer {
        Some(shot) => {
            let by = &shot.signal.sender;
            finding(format!("{what} was killed by {}, and it ended with it", who(by))).by_seen(by)
        }
        None => finding(format!("{what} ended, and it ended with it")).by_seen(sender),
    };
    Some(finding.signal(signal.signal))
}
