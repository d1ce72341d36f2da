//! The whole fault suite: every way to die, many times, in random order.
//!
//! `faults [--times N] [--lanes N] [--seed N] [--only TEXT] [--except TEXT] [--without-witness]
//! [--chaos]`

#![allow(clippy::unwrap_used, reason = "a wrong word on the command line ends it")]

use std::{env, process::ExitCode};

use wk_tests::faults::{Suite, end_witness};

#[tokio::main]
async fn main() -> ExitCode {
    let mut words = env::args().skip(1);
    let (mut times, mut lanes, mut seed, mut witnessed) = (20, 6, 1, true);
    let (mut only, mut except, mut chaos) = (None, None, false);
    while let Some(word) = words.next() {
        let mut number = || words.next().unwrap().parse::<u64>().unwrap();
        match word.as_str() {
            "--times" => times = usize::try_from(number()).unwrap(),
            "--lanes" => lanes = usize::try_from(number()).unwrap(),
            "--seed" => seed = number(),
            "--only" => only = words.next(),
            "--except" => except = words.next(),
            "--without-witness" => witnessed = false,
            "--chaos" => chaos = true,
            other => panic!("no option `{other}`"),
        }
    }
    let folder = tempfile::Builder::new().prefix("wk-witness-").tempdir_in("/tmp").unwrap();
    let suite = Suite {
        misbehave: env::current_exe().unwrap().with_file_name("misbehave"),
        witness: witnessed.then(|| folder.path().to_owned()),
        times,
        lanes,
        seed,
        only,
        except,
        chaos,
    };
    let tally = suite.run(|run| eprintln!("WRONG {}: {}", run.way, run.shown)).await;
    end_witness(folder.path());
    println!("{}", tally.table());
    if chaos {
        println!("{}", tally.chaos_table());
    }
    tally.twice().iter().for_each(|twice| eprintln!("TWICE {twice}"));
    tally.missing().iter().for_each(|missing| eprintln!("MISSING {missing}"));
    let untold = tally.twice().len() + tally.missing().len();
    let (all, wrong) = (tally.compared().count(), tally.wrong().count());
    let accused = tally.compared().filter(|run| run.wrong_culprit).count();
    println!("{all} deaths, {wrong} of them not right, {accused} wrong culprits; seed {seed}");
    if wrong + untold == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
