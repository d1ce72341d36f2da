//! What was acknowledged is there after the writer was killed.

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::{EventQuery, Taken, testing::*};

const JOURNAL: &str = "WK_JOURNAL_OF_THE_CRASH_TEST";

#[test]
fn what_was_acknowledged_outlives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut taken = 0;
    for round in 1..=3u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "tests::crash::appends_until_it_is_killed",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .env(JOURNAL, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let acknowledged = lines.map_while(Result::ok).filter_map(|line| {
            line.strip_prefix("acknowledged ").and_then(|number| number.parse::<u64>().ok())
        });
        // Killed while it works, since it never stops.
        let acknowledged = acknowledged.take_while(|number| *number < round * 500).last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();

        let opened = crate::Journal::open(&path).unwrap();
        assert_eq!(opened.set_aside, None);
        let journal = opened.journal;
        let events = journal.events(&EventQuery::default()).unwrap();
        assert!(events.len() as u64 >= acknowledged && acknowledged > taken);
        assert!(events.iter().zip(1..).all(|(event, number)| event.seq.0 == number));
        taken = events.len() as u64;
        let again = numbered("child", taken, draft(None, taken, note("again")));
        assert!(matches!(journal.append_blocking(vec![again]).unwrap()[..], [Taken::Known(_)]));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(journal.rebuild()).unwrap().differing, []);
        runtime.block_on(journal.close());
    }
}

#[test]
#[ignore = "is the child of the crash test"]
fn appends_until_it_is_killed() {
    let path = PathBuf::from(std::env::var_os(JOURNAL).unwrap());
    let journal = open(&path);
    let mut number = journal.last().0;
    let mut out = std::io::stdout();
    loop {
        let session = id(number);
        let changes = [created("a"), note("x"), started(1), note("y"), exited(1, 0)];
        let batch: Vec<_> = changes
            .into_iter()
            .map(|change| {
                number += 1;
                numbered("child", number, draft(session, number, change))
            })
            .collect();
        journal.append_blocking(batch).unwrap();
        if writeln!(out, "acknowledged {number}").is_err() {
            return;
        }
    }
}
