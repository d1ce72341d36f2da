//! A journal with a past, as months of use leave it behind.

use std::{collections::BTreeMap, path::Path};

use wk_journal::Journal;
use wk_model::{
    AttemptExited, AttemptStarted, BootId, Change, Created, Draft, Ending, HolderUsage, Kind,
    Moment, Outcome, ProcessId, Reported, SessionId, Source, Time,
};

/// Milliseconds between two of them: 100,000 go back 100 days, so that some ended today.
const APART: i64 = 86_400;

/// Events of one batch.
const BATCH: usize = 4000;

/// Journals `count` sessions that ended before `now`.
pub async fn write(journal: &Path, count: usize, now: Time) -> anyhow::Result<()> {
    let journal = Journal::open(journal)?.journal;
    let mut drafts = Vec::with_capacity(BATCH);
    for number in (1..=count as i64).rev() {
        let at = now.as_millis() - number * APART;
        drafts.extend(life(number as u64, at));
        if drafts.len() >= BATCH {
            journal.append(std::mem::take(&mut drafts)).await?;
        }
    }
    journal.append(drafts).await?;
    journal.close().await;
    Ok(())
}

/// All that happened to one session.
fn life(number: u64, at: i64) -> [Draft; 4] {
    // Ids of an odd multiple never meet.
    let session_id = SessionId::from_random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let ending = Ending::Exited { code: i32::from(number.is_multiple_of(10)) };
    let outcome = if number.is_multiple_of(10) { Outcome::Failed } else { Outcome::Completed };
    let process = |pid| ProcessId { boot: BootId::default(), pid, start_time: 123_456 };
    let started = AttemptStarted {
        attempt: 1,
        process: Some(process(4711)),
        holder: Some(process(4710)),
        cgroup: None,
        cols: 80,
        rows: 24,
        limits: Vec::new(),
    };
    let usage = HolderUsage { output_bytes: 81_920, cpu_ms: Some(1200), ..HolderUsage::default() };
    let exited = AttemptExited { attempt: 1, ending, limit: None, usage, last_lines: None };
    // Most take a minute, one in a thousand a day and one in a hundred thousand three.
    let took = match number {
        n if n.is_multiple_of(100_000) => 3 * 86_400_000,
        n if n.is_multiple_of(1000) => 86_400_000,
        n => 60_000 + n as i64 % 977 * 100,
    };
    let holder = Source::holder(session_id, 1);
    let draft = |after: i64, source: &Source, source_seq, change| Draft {
        at: Moment {
            time: Time::from_millis(at + after),
            boot: BootId::default(),
            boot_ns: number * 1_000_000,
        },
        session_id: Some(session_id),
        source: source.clone(),
        source_seq,
        trace_parent: None,
        change,
    };
    let daemon = Source::daemon();
    [
        draft(0, &daemon, None, created(number)),
        draft(5, &holder, Some(1), Change::AttemptStarted(started)),
        draft(took, &holder, Some(2), Change::AttemptExited(exited)),
        draft(took + 5, &daemon, None, Change::SessionClosed { outcome }),
    ]
}

fn created(number: u64) -> Change {
    let words = ["claude", "--print", "Find out why the nightly build fails and fix it"];
    let labels = [("team", format!("team-{}", number % 10)), ("ticket", format!("T-{number}"))];
    let labels = labels.into_iter().map(|(key, value)| (key.to_owned(), value));
    // Every seventh is a shell that its client told of.
    let is_shell = number.is_multiple_of(7);
    let shells = ["MahavishnuShell", "bash", "zsh"];
    let kind = if number.is_multiple_of(3) { Kind::Agent } else { Kind::Command };
    Change::SessionCreated(Box::new(Created {
        name: Some(format!("job-{}", number % 20_000)),
        session_kind: if is_shell { Kind::Shell } else { kind },
        reported: is_shell.then(Reported::default),
        shell_type: is_shell.then(|| shells[number as usize / 7 % 3].to_owned()),
        component_name: Some(format!("component-{}", number % 12)),
        command: words.map(str::to_owned).to_vec(),
        working_directory: Some("/home/ann/src/project".to_owned()),
        uid: Some(1000),
        // One of them in 50,000 is of a user who is seldom here.
        username: Some(match number % 50_000 {
            49_999 => "seldom".to_owned(),
            _ => format!("user-{}", number % 9),
        }),
        hostname: Some("host".to_owned()),
        platform: Some("linux".to_owned()),
        labels: labels.collect::<BTreeMap<_, _>>(),
        agent_id: Some(format!("agent-{}", number % 50)),
        terminal: true,
        recorded: true,
        ..Created::default()
    }))
}
