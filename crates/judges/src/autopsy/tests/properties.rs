//! What holds for any evidence: no panic, and no culprit whom nobody saw.

use proptest::prelude::*;
use wk_model::{
    Cause, Confidence, Culprit, Delivery, Ending, Kind, Outcome, SeenProcess, SignalSeen,
};

use super::make::*;
use crate::autopsy::{Coverage, Evidence, Fact, LogNote, ScreenNote, What, examine};

const PIDS: [u32; 8] = [LEADER, CHILD, HOLDER, SERVER, 1, 95, 400, 4711];

fn pid() -> impl Strategy<Value = u32> {
    prop::sample::select(PIDS.to_vec())
}

fn process_seen() -> impl Strategy<Value = SeenProcess> {
    let lines = [
        "pkill -9 -f claude",
        "tmux kill-session -t work",
        "tmux kill-server",
        "tmux respawn-pane -k",
        "systemd --user",
        "earlyoom",
        "wk-holder",
        "\u{1b}[2J; rm -rf `x`",
        "",
    ];
    let above = prop::collection::vec((pid(), Just("bash")), 0..3);
    (pid(), prop::sample::select(lines.to_vec()), above, 0_u32..2).prop_map(
        |(pid, line, above, uid)| SeenProcess {
            uid: uid * 1000,
            tty: Some(TTY),
            ..below(pid, line, &above)
        },
    )
}

fn signal() -> impl Strategy<Value = What> {
    let numbers = prop::sample::select(vec![1, 2, 3, 6, 9, 11, 13, 15, 24, 25, 31]);
    let codes = prop::sample::select(vec![0, 0, 0x80, 1, -6, -1]);
    let deliveries =
        prop::sample::select(vec![Delivery::Delivered, Delivery::Delivered, Delivery::Ignored]);
    let flags = (any::<bool>(), any::<bool>(), prop::option::of(any::<i32>()));
    (numbers, codes, deliveries, process_seen(), pid(), flags).prop_map(
        |(number, code, delivery, sender, to, (exits, kernel, argument))| {
            What::Signal(SignalSeen {
                code,
                delivery,
                sender_exits: exits,
                sender_is_kernel: kernel,
                kill_argument: argument,
                ..shot(number, to, sender)
            })
        },
    )
}

fn other() -> impl Strategy<Value = What> {
    let code = prop::option::of(-1_i32..256);
    let number = prop::option::of(-1_i32..70);
    let text = "\\PC{0,12}";
    prop_oneof![
        (pid(), code.clone(), number.clone()).prop_map(|(pid, code, signal)| What::Waited {
            process: process(pid),
            code,
            signal
        }),
        (pid(), code, number).prop_map(|(pid, code, signal)| { exited(0, pid, code, signal).what }),
        pid().prop_map(|pid| victim(0, pid).what),
        process_seen().prop_map(|process| command(0, process).what),
        (text, pid()).prop_map(|(client, pid)| What::TmuxMessage {
            client,
            client_process: Some(Culprit { pid, comm: "tmux".into(), ..Culprit::default() }),
            command: "kill-session -t work".into(),
        }),
        (text, 0_u64..3).prop_map(|(cgroup, kills)| What::OomCounter { cgroup, kills }),
        (pid(), text).prop_map(|(pid, comm)| {
            What::Log(LogNote::KernelOom { pid, memcg: Some(comm.clone()), comm })
        }),
        text.prop_map(|unit| What::Log(LogNote::UnitStopped { text: unit.clone(), unit })),
        text.prop_map(|line| What::Screen(ScreenNote::NoSpace(line))),
        any::<i32>().prop_map(|signal| What::Typed { signal }),
        Just(What::OtherBoot),
        Just(What::Bystander(Culprit { pid: 666, ..Culprit::default() })),
    ]
}

pub(super) fn facts() -> impl Strategy<Value = Vec<Fact>> {
    let what = prop_oneof![3 => signal(), 2 => other()];
    prop::collection::vec((-3_000_i64..40_000, what), 0..12)
        .prop_map(|facts| facts.into_iter().map(|(ms, what)| fact(ms, what)).collect())
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        any::<i32>().prop_map(by_code),
        (0_i32..200).prop_map(by_code),
        prop::sample::select(vec![1, 2, 9, 11, 15]).prop_map(by_signal),
        any::<i32>().prop_map(by_signal),
        Just(Ending::HolderLost),
        Just(Ending::Gone),
        Just(Ending::Rebooted),
        Just(Ending::NeverRan { why: String::new() }),
    ]
}

fn any_evidence() -> impl Strategy<Value = Evidence> {
    let coverage = prop::sample::select(vec![
        Coverage::Full,
        Coverage::Partial { why: "lost".into() },
        Coverage::None { why: "none".into() },
    ]);
    let kind = prop::sample::select(Kind::ALL.to_vec());
    (ending(), facts(), any::<bool>(), any::<bool>(), coverage, kind).prop_map(
        |(ending, facts, tmux, alive, coverage, kind)| {
            let mut evidence =
                if tmux { in_tmux(ending, alive, facts) } else { evidence(ending, facts) };
            evidence.subject.kind = kind;
            Evidence { coverage, ..evidence }
        },
    )
}

/// Whether somebody was seen to send a deadly signal that arrived, or to ask tmux for the end.
fn was_seen(evidence: &Evidence, culprit: &Culprit) -> bool {
    evidence.facts.iter().any(|fact| match &fact.what {
        What::Signal(signal) => {
            signal.sender.process.pid == culprit.pid
                && signal.delivery == Delivery::Delivered
                && (signal.code <= 0 || signal.sender_exits)
                && !signal.sender_is_kernel
        }
        What::Command(seen) => {
            seen.process.process.pid == culprit.pid
                && seen.process.argv.first().is_some_and(|program| program == "tmux")
        }
        What::TmuxMessage { client_process: Some(client), .. } => client.pid == culprit.pid,
        _ => false,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_evidence_makes_a_culprit_whom_nobody_saw(evidence in any_evidence()) {
        let opinion = examine(&evidence);
        if let Some(culprit) = &opinion.culprit {
            prop_assert!(was_seen(&evidence, culprit), "{opinion:#?}");
            prop_assert!(culprit.pid != 666, "a bystander");
            let by_kernel = matches!(
                opinion.cause,
                Cause::OomCgroup | Cause::OomSystem | Cause::Crashed | Cause::Rlimit
                    | Cause::Seccomp | Cause::Completed | Cause::Failed | Cause::Unknown
                    | Cause::Rebooted | Cause::Interrupted
            );
            prop_assert!(!by_kernel, "{opinion:#?}");
        }
    }

    #[test]
    fn any_evidence_makes_a_verdict_that_can_be_read(evidence in any_evidence()) {
        let opinion = examine(&evidence);
        prop_assert!(!opinion.summary.is_empty());
        let texts = opinion.evidence.iter().map(|line| &line.text);
        let texts = texts.chain(&opinion.advice).chain([&opinion.summary]);
        for text in texts {
            prop_assert!(!text.chars().any(char::is_control), "{text:?}");
        }
        prop_assert!(opinion.evidence.len() <= 50 && opinion.alternatives.len() <= 8);
        prop_assert!(opinion.evidence.windows(2).all(|two| two[0].at <= two[1].at));
        if opinion.cause == Cause::Unknown {
            prop_assert!(opinion.confidence < Confidence::Certain);
            prop_assert!(!opinion.missing.is_empty());
        }
        if opinion.cause == Cause::Completed {
            prop_assert_eq!((opinion.outcome, opinion.unexpected), (Outcome::Completed, false));
        }
    }
}
