//! Events as agents send them, and in any order.

use proptest::prelude::*;
use wk_model::{
    Compaction, Created, Kind, Moment, PermissionWaited, Prompt, Seq, Source, ToolFinished,
    ToolOutcome, ToolStarted,
};

use super::*;

fn id(number: u64) -> SessionId {
    SessionId::from_number(number)
}

fn event(seq: u64, session: u64, ms: i64, change: Change) -> Event {
    let time = Time::from_millis(ms);
    Event {
        seq: Seq(seq),
        at: Moment { time, boot: Default::default(), boot_ns: 0 },
        recorded_at: time,
        session_id: Some(id(session)),
        source: Source::daemon(),
        source_seq: seq,
        trace_parent: None,
        change,
    }
}

fn session(number: u64, parent: Option<u64>, external_id: Option<&str>) -> Session {
    let created = Created {
        session_kind: Kind::Agent,
        name: (parent.is_none()).then(|| "web".to_owned()),
        parent_id: parent.map(id),
        external_id: external_id.map(str::to_owned),
        ..Created::default()
    };
    Session::create(&event(0, number, 0, Change::SessionCreated(Box::new(created)))).unwrap()
}

fn starts(tool: &str, use_id: Option<&str>, agent: Option<&str>) -> Change {
    Change::ToolStarted(Box::new(ToolStarted {
        tool: tool.into(),
        tool_use_id: use_id.map(str::to_owned),
        agent_id: agent.map(str::to_owned),
        input: Excerpt { text: Some("ls".into()), bytes: 2 },
        ..ToolStarted::default()
    }))
}

fn ends(tool: &str, use_id: Option<&str>, agent: Option<&str>, outcome: ToolOutcome) -> Change {
    Change::ToolFinished(Box::new(ToolFinished {
        tool: tool.into(),
        tool_use_id: use_id.map(str::to_owned),
        agent_id: agent.map(str::to_owned),
        outcome,
        ..ToolFinished::default()
    }))
}

#[test]
fn an_agents_work_lies_on_one_axis() {
    let (main, child) = (session(1, None, Some("main")), session(2, Some(1), Some("sub")));
    let waits = PermissionWaited { tool: Some("Bash".into()), ..PermissionWaited::default() };
    let prompt =
        Prompt { prompt: Excerpt { text: Some("fix it".into()), bytes: 6 }, ..Prompt::default() };
    let compaction = |finished| Compaction { trigger: Some("auto".into()), finished };
    let explore = Subagent { agent_id: "sub".into(), agent_type: Some("Explore".into()) };
    let events = vec![
        event(1, 1, 10, Change::Prompt(prompt)),
        event(2, 1, 20, starts("Bash", Some("a"), None)),
        event(3, 1, 25, Change::PermissionWaited(waits.clone())),
        event(4, 1, 26, Change::PermissionWaited(waits)),
        event(5, 1, 120, ends("Bash", Some("a"), None, ToolOutcome::Failed)),
        event(6, 1, 130, Change::SubagentStarted(explore.clone())),
        // One of the subagent's own events comes by its parent, one by itself.
        event(7, 1, 140, starts("Grep", None, Some("sub"))),
        event(8, 1, 150, ends("Grep", None, Some("sub"), ToolOutcome::Succeeded)),
        event(9, 2, 160, starts("Read", None, Some("sub"))),
        event(10, 1, 170, Change::SubagentFinished(explore)),
        event(11, 1, 180, Change::Compaction(compaction(false))),
        event(12, 1, 190, Change::Compaction(compaction(true))),
        event(13, 3, 190, starts("Bash", None, None)),
    ];
    let timeline = fold(&[&main, &child], events);
    let [lane, sub] = &timeline.lanes[..] else { panic!("{timeline:#?}") };
    assert_eq!((lane.title.as_str(), lane.depth, lane.uses.len()), ("web", 0, 1));
    let bash = &lane.uses[0];
    assert_eq!((bash.duration_ms, bash.outcome), (Some(100), Some(ToolOutcome::Failed)));
    assert_eq!(bash.input.as_deref(), Some("ls"));
    let marks: Vec<_> = lane
        .marks
        .iter()
        .map(|mark| (mark.kind, mark.at.as_millis(), mark.until.map(Time::as_millis)))
        .collect();
    assert_eq!(
        marks,
        [
            (MarkKind::Prompt, 10, None),
            (MarkKind::PermissionWait, 25, Some(120)),
            (MarkKind::Compaction, 180, Some(190)),
        ]
    );
    assert_eq!((sub.title.as_str(), sub.depth), ("Explore", 1));
    assert_eq!(sub.end.map(Time::as_millis), Some(170));
    let tools: Vec<_> =
        sub.uses.iter().map(|used| (used.tool.as_str(), used.outcome.is_some())).collect();
    assert_eq!(tools, [("Grep", true), ("Read", false)]);
    assert!(sub.uses.iter().all(|used| used.end.is_some()), "nothing runs on in what is over");
}

#[test]
fn a_subagent_that_is_no_session_has_a_lane_behind_its_own() {
    let (main, other) = (session(1, None, None), session(2, Some(1), None));
    let events = vec![
        event(1, 2, 10, starts("Edit", None, None)),
        event(2, 1, 20, starts("Bash", None, Some("x"))),
        event(3, 1, 30, ends("Bash", None, Some("x"), ToolOutcome::Succeeded)),
    ];
    let lanes = fold(&[&main, &other], events).lanes;
    let shape: Vec<_> =
        lanes.iter().map(|lane| (lane.session_id, lane.depth, lane.uses.len())).collect();
    assert_eq!(shape, [(id(1), 0, 0), (id(1), 1, 1), (id(2), 1, 1)]);
}

#[test]
fn an_end_alone_has_the_start_that_it_tells() {
    let main = session(1, None, None);
    let Change::ToolFinished(mut told) = ends("Bash", None, None, ToolOutcome::Succeeded) else {
        unreachable!()
    };
    told.duration_ms = Some(30);
    let lanes = fold(&[&main], vec![event(1, 1, 100, Change::ToolFinished(told))]).lanes;
    assert_eq!(lanes[0].uses[0].start, Some(Time::from_millis(70)));
}

proptest! {
    #[test]
    fn every_use_is_in_one_lane_whatever_the_order(
        calls in prop::collection::vec(
            (any::<bool>(), "[AB]", prop::option::of("[1-3]"), prop::option::of("[xy]"), 0..50_i64),
            0..60,
        ),
    ) {
        let main = session(1, None, None);
        let made: Vec<Event> = calls.iter().zip(1..).map(|((begins, tool, use_id, agent, ms), seq)| {
            let (use_id, agent) = (use_id.as_deref(), agent.as_deref());
            let change = match begins {
                true => starts(tool, use_id, agent),
                false => ends(tool, use_id, agent, ToolOutcome::Succeeded),
            };
            event(seq, 1, *ms, change)
        }).collect();
        let mut turned = made.clone();
        turned.reverse();
        let timeline = fold(&[&main], made);
        prop_assert_eq!(&timeline, &fold(&[&main], turned));
        let uses = || timeline.lanes.iter().flat_map(|lane| &lane.uses);
        let (begun, ended) = (calls.iter().filter(|call| call.0).count(), calls.iter().filter(|call| !call.0).count());
        prop_assert_eq!(uses().filter(|used| used.end.is_some()).count(), ended);
        prop_assert!(uses().count() >= begun.max(ended) && uses().count() <= begun + ended);
        prop_assert!(uses().all(|used| used.start.is_none() || used.end.is_none() || used.start <= used.end));
    }
}
