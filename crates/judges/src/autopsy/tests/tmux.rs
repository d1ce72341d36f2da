//! Sessions of tmux, and in its panes.

use wk_model::{Cause::*, Confidence::*, Ending, Kind, Outcome, SeenProcess, SignalSeen};

use super::make::*;
use crate::autopsy::{Coverage, Evidence, Fact, Shared, What, examine};

const OTHER_TTY: u32 = 0x8802;

fn server() -> SeenProcess {
    SeenProcess { ancestry: Vec::new(), ..outsider(SERVER, "tmux:-server") }
}

/// The living server takes the shell's terminal away.
fn closed() -> Fact {
    seen(10, kernel(1, LEADER, server()))
}

/// The server is ending, and takes the shell's terminal away.
fn abandoned() -> Fact {
    seen(10, SignalSeen { sender_exits: true, ..kernel(1, LEADER, server()) })
}

fn client(pid: u32, tty: u32, line: &str) -> SeenProcess {
    let above = [(200, "bash"), (SERVER, "tmux: server")];
    SeenProcess { tty: Some(tty), ..below(pid, line, &above) }
}

fn ask(pid: u32, line: &str) -> Fact {
    command(30, client(pid, OTHER_TTY, line))
}

fn message(client: &str, line: &str) -> Fact {
    let what =
        What::TmuxMessage { client: client.into(), client_process: None, command: line.into() };
    Fact { source: "tmux".into(), ..fact(20, what) }
}

fn hung_up(facts: Vec<Fact>) -> Evidence {
    in_tmux(by_signal(1), true, facts)
}

fn with_option(mut evidence: Evidence, name: &str) -> Evidence {
    if let Some(tmux) = &mut evidence.subject.tmux {
        tmux.options = vec![name.into()];
    }
    evidence
}

#[test]
fn the_client_that_closed_it_is_named_where_it_is_the_only_one() {
    let at = |label: &str| ask(400, &format!("tmux -L {label} kill-session -t work"));
    check(vec![
        (
            "kill-session from another pane",
            hung_up(vec![ask(400, "tmux kill-session -t work"), closed()]),
            TmuxKill,
            Certain,
            Some(400),
        ),
        (
            "kill-pane by number",
            hung_up(vec![ask(400, "tmux kill-pane -t %7"), closed()]),
            TmuxKill,
            Likely,
            Some(400),
        ),
        (
            "respawn -k",
            hung_up(vec![ask(400, "tmux respawn-pane -k -t work:0.0"), closed()]),
            TmuxKill,
            Certain,
            Some(400),
        ),
        (
            "all others were closed",
            hung_up(vec![ask(400, "tmux kill-session -a -t main"), closed()]),
            TmuxKill,
            Certain,
            Some(400),
        ),
        (
            "one names it, one may mean it",
            hung_up(vec![
                ask(400, "tmux kill-session -t work"),
                ask(500, "tmux kill-window -t @3"),
                closed(),
            ]),
            TmuxKill,
            Certain,
            Some(400),
        ),
        (
            "two name it",
            hung_up(vec![
                ask(400, "tmux kill-session -t work"),
                ask(500, "tmux kill-session -t $3"),
                closed(),
            ]),
            TmuxKill,
            Likely,
            None,
        ),
        (
            "another session was meant",
            hung_up(vec![ask(400, "tmux kill-session -t other"), closed()]),
            TmuxKill,
            Likely,
            None,
        ),
        ("another server was meant", hung_up(vec![at("x"), closed()]), TmuxKill, Likely, None),
        ("this server was", hung_up(vec![at("default"), closed()]), TmuxKill, Certain, Some(400)),
        (
            "after the fact",
            hung_up(vec![
                closed(),
                command(5, client(400, OTHER_TTY, "tmux kill-session -t work")),
            ]),
            TmuxKill,
            Likely,
            None,
        ),
        (
            "tmux itself told, but the client was gone",
            hung_up(vec![message("client-400", "kill-session -t work"), closed()]),
            TmuxKill,
            Certain,
            None,
        ),
        ("nothing was seen", hung_up(vec![closed()]), TmuxKill, Likely, None),
        (
            "an option",
            with_option(hung_up(vec![closed()]), "destroy-unattached"),
            TmuxOption,
            Certain,
            None,
        ),
        (
            "a command weighs more than an option",
            with_option(
                hung_up(vec![ask(400, "tmux kill-session -t work"), closed()]),
                "destroy-unattached",
            ),
            TmuxKill,
            Certain,
            Some(400),
        ),
    ]);
}

#[test]
fn panes_are_told_apart_by_their_ids() {
    for (line, culprit) in [("tmux kill-pane -t %7", Some(400)), ("tmux killw -t @9", None)] {
        let mut evidence = hung_up(vec![ask(400, line), closed()]);
        if let Some(tmux) = &mut evidence.subject.tmux {
            tmux.parts = vec!["@3".into(), "%7".into()];
        }
        assert_eq!(culprit_of(&examine(&evidence)), culprit, "{line}");
    }
}

#[test]
fn a_dead_server_takes_all_its_sessions_along() {
    let gone = |facts| in_tmux(by_signal(1), false, facts);
    let term = |by| sent(25, 15, SERVER, by);
    let ended = |code, signal| exited(12, SERVER, code, signal);
    let fault = SignalSeen { code: 1, ..shot(11, SERVER, server()) };
    let killer = || outsider(4711, "kill -9 50");
    check(vec![
        (
            "kill-server",
            gone(vec![
                ask(400, "tmux kill-server"),
                term(server()),
                closed(),
                ended(Some(0), None),
            ]),
            TmuxServerKilled,
            Certain,
            Some(400),
        ),
        (
            "kill-server by somebody unseen",
            gone(vec![term(server()), closed(), ended(Some(0), None)]),
            TmuxServerKilled,
            Certain,
            None,
        ),
        (
            "TERM",
            gone(vec![term(outsider(4711, "kill 50")), closed(), ended(Some(0), None)]),
            TmuxServerKilled,
            Certain,
            Some(4711),
        ),
        (
            "KILL",
            gone(vec![sent(12, 9, SERVER, killer()), ended(None, Some(9)), abandoned()]),
            TmuxServerKilled,
            Certain,
            Some(4711),
        ),
        (
            "KILL, and the server's end not told",
            gone(vec![sent(12, 9, SERVER, killer()), abandoned()]),
            TmuxServerKilled,
            Certain,
            Some(4711),
        ),
        (
            "it crashed",
            gone(vec![seen(12, fault), ended(None, Some(11)), abandoned()]),
            TmuxServerCrashed,
            Certain,
            None,
        ),
        (
            "it was chosen by the OOM killer",
            gone(vec![victim(14, SERVER), ended(None, Some(9)), abandoned()]),
            OomSystem,
            Likely,
            None,
        ),
        ("nobody saw why", gone(vec![abandoned()]), TmuxServerKilled, Likely, None),
        (
            "a session was closed, and with its last one the server ended",
            gone(vec![
                ask(400, "tmux kill-session -t work"),
                closed(),
                exited(2, SERVER, Some(0), None),
            ]),
            TmuxKill,
            Certain,
            Some(400),
        ),
        (
            "its shell ended, and with its last one the server",
            in_tmux(by_code(0), false, vec![exited(2, SERVER, Some(0), None)]),
            Completed,
            Certain,
            None,
        ),
    ]);
    let opinion = examine(&gone(vec![sent(12, 9, SERVER, killer()), abandoned()]));
    assert_eq!(opinion.shared, Some(Shared::TmuxServer(process(SERVER))));
    assert!(opinion.advice.iter().any(|it| it.contains("`wk tmux keep work`")));
}

#[test]
fn a_pane_whose_program_was_killed_was_not_closed_by_tmux() {
    let killed = vec![sent(10, 9, LEADER, outsider(4711, "kill -9 100"))];
    check(vec![
        ("its shell", in_tmux(by_signal(9), true, killed), Killed, Certain, Some(4711)),
        ("it left", in_tmux(by_code(1), true, vec![]), Completed, Certain, None),
        ("gone", in_tmux(Ending::Gone, true, vec![]), Unknown, Possible, None),
    ]);
}

#[test]
fn an_agent_in_a_pane_is_chased_back_to_the_client() {
    let shell = below(95, "bash", &[(SERVER, "tmux: server")]);
    let mut evidence = in_tmux(
        by_signal(1),
        true,
        vec![
            ask(400, "tmux kill-session -t work"),
            seen(20, kernel(1, 95, server())),
            seen(10, SignalSeen { sender_exits: true, ..kernel(1, LEADER, shell) }),
        ],
    );
    evidence.subject.kind = Kind::Agent;
    check(vec![("an agent", evidence, TmuxKill, Certain, Some(400))]);
}

#[test]
fn what_its_own_user_closes_is_completed() {
    let typed = |line| command(30, client(400, TTY, line));
    let by_agent = {
        let above = [(210, "claude"), (200, "bash"), (SERVER, "tmux: server")];
        let seen = SeenProcess { tty: Some(TTY), ..below(400, "tmux kill-session", &above) };
        command(30, seen)
    };
    let mut by_key = hung_up(vec![message("/dev/pts/9", "kill-pane"), closed()]);
    if let Some(tmux) = &mut by_key.subject.tmux {
        tmux.attached = true;
    }
    for (case, evidence, outcome) in [
        ("typed in it", hung_up(vec![typed("tmux kill-session"), closed()]), Outcome::Completed),
        (
            "typed elsewhere",
            hung_up(vec![ask(400, "tmux kill-session -t work"), closed()]),
            Outcome::Failed,
        ),
        ("by an agent in it", hung_up(vec![by_agent, closed()]), Outcome::Failed),
        ("by a key", by_key, Outcome::Completed),
        ("left", in_tmux(by_code(0), true, vec![]), Outcome::Completed),
    ] {
        let opinion = examine(&evidence);
        let unexpected = outcome == Outcome::Failed;
        assert_eq!((opinion.outcome, opinion.unexpected), (outcome, unexpected), "{case}");
    }
}

#[test]
fn without_a_witness_tmux_is_asked() {
    let blind = |evidence: Evidence| Evidence {
        coverage: Coverage::None { why: "no right to".into() },
        ..evidence
    };
    let waited = |signal| {
        fact(10, What::Waited { process: process(SERVER), code: None, signal: Some(signal) })
    };
    check(vec![
        (
            "its log names the command",
            blind(hung_up(vec![message("client-400", "kill-session -t work")])),
            TmuxKill,
            Certain,
            None,
        ),
        ("its shell was hung up", blind(hung_up(vec![])), TmuxKill, Possible, None),
        (
            "an option",
            blind(with_option(in_tmux(Ending::Gone, true, vec![]), "destroy-unattached")),
            TmuxOption,
            Likely,
            None,
        ),
        (
            "the server was killed",
            blind(in_tmux(by_signal(1), false, vec![waited(9)])),
            TmuxServerKilled,
            Likely,
            None,
        ),
        (
            "the server crashed",
            blind(in_tmux(Ending::Gone, false, vec![waited(11)])),
            TmuxServerCrashed,
            Likely,
            None,
        ),
        (
            "the server is gone",
            blind(in_tmux(Ending::Gone, false, vec![])),
            TmuxServerKilled,
            Possible,
            None,
        ),
    ]);
}
