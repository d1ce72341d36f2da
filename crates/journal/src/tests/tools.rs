//! Events of tools are found by themselves.

use wk_model::{Change, Time, ToolFinished, ToolOutcome, ToolStarted};

use crate::{ToolEnd, testing::*};

fn starts(tool: &str) -> Change {
    Change::ToolStarted(Box::new(ToolStarted { tool: tool.into(), ..ToolStarted::default() }))
}

fn ends(tool: &str) -> Change {
    Change::ToolFinished(Box::new(ToolFinished {
        tool: tool.into(),
        outcome: ToolOutcome::Failed,
        duration_ms: Some(7),
        ..ToolFinished::default()
    }))
}

#[test]
fn tools_are_told_of_one_session_or_all_and_of_no_time_before() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    let drafts = vec![
        draft(id(1), 0, created("a")),
        draft(id(1), 1, starts("Bash")),
        draft(id(2), 2, starts("Edit")),
        draft(id(1), 3, Change::ConfigReloaded),
        draft(id(1), 4, ends("Bash")),
    ];
    journal.append_blocking(drafts).unwrap();
    let told = |session, since: Option<i64>| {
        let mut told = Vec::new();
        let since = since.map(|ms| Time::from_millis(START + ms));
        journal
            .tool_events(session, since, |event| told.push((event.session, event.tool, event.end)))
            .unwrap();
        told
    };
    let end = ToolEnd { outcome: ToolOutcome::Failed, duration_ms: Some(7) };
    let all = [
        (Some(id(1)), "Bash".to_owned(), None),
        (Some(id(2)), "Edit".to_owned(), None),
        (Some(id(1)), "Bash".to_owned(), Some(end)),
    ];
    assert_eq!(told(None, None), all);
    assert_eq!(told(Some(id(1)), None), [all[0].clone(), all[2].clone()]);
    assert_eq!(told(None, Some(2)), all[1..]);

    let mut seen = Vec::new();
    let see = |event: wk_model::Event| {
        seen.push(event.at.time.as_millis() - START);
        seen.len() < 2
    };
    journal.each_event(id(1), &["tool_started", "session_created", "tool_finished"], see).unwrap();
    assert_eq!(seen, [0, 1], "and no more than was wanted");
    close(journal);
}

#[test]
fn what_transcripts_count_is_summed_for_sessions_that_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"));
    let tokens =
        |output| Change::TokensCounted(wk_model::Tokens { output, ..wk_model::Tokens::default() });
    let mut drafts = vec![draft(id(1), 0, created("a"))];
    drafts.extend(life(id(2), 0, "b", 0));
    drafts.extend([draft(id(1), 1, tokens(5)), draft(id(1), 2, tokens(7))]);
    drafts.push(draft(id(2), 3, tokens(100)));
    journal.append_blocking(drafts).unwrap();
    let sum = |since: Option<i64>| {
        let since = since.map(|ms| Time::from_millis(START + ms));
        let query = crate::StatsQuery { by: Some(crate::GroupBy::Kind), since };
        let mut told = Vec::new();
        let each = |group: Option<&str>, tokens: &wk_model::Tokens| {
            told.push((group.map(str::to_owned), tokens.output));
        };
        journal.each_tokens(&query, each).unwrap();
        told.sort();
        told
    };
    let group = Some("command".to_owned());
    assert_eq!(sum(None), [(group.clone(), 7), (group.clone(), 100)]);
    assert_eq!(sum(Some(1_000_000)), [(group, 7)], "the other had ended before");
    close(journal);
}
