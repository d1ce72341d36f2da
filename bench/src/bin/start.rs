//! How long it takes to start a session, from the caller's side: `wk run -d -- true` beside
//! `tmux new-session -d true`, both with a server that runs.

use clap::Parser;
use wk_bench::{
    arguments::Common,
    house::{House, time},
    report::{Bar, Table},
    samples::Samples,
    tmux::Tmux,
};

/// Measure the start of a session
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
}

fn main() -> anyhow::Result<()> {
    let Args { common } = Args::parse();
    let mut table = Table::begin("start")?;
    let runs = common.count(100, 20);
    let house = House::new(&common.folder()?)?;
    house.start()?;
    let tmux = Tmux::start("start")?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // The first of each finds nothing in the caches.
    for run in 0..runs + 2 {
        let of_wk = time(&mut house.wk(["run", "-d", "--", "true"]))?;
        let of_tmux = time(&mut tmux.command(&["new-session", "-d", "true"]))?;
        if run >= 2 {
            ours.push(of_wk);
            theirs.push(of_tmux);
        }
    }
    let (ours, theirs) = (Samples::of_times(&ours), Samples::of_times(&theirs));
    let ms = |value: f64| format!("{value:.2} ms");
    table.note(
        &format!("whole process, median of {runs}"),
        &ms(ours.median()),
        &ms(theirs.median()),
    );
    table.note("p99", &ms(ours.p99()), &ms(theirs.p99()));
    let ratio = ours.median() / theirs.median();
    let row = "`wk run -d -- true` ÷ `tmux new-session -d true`, medians";
    table.row(row, &format!("{ratio:.2} ×"), "1", ratio, &Bar::AtMost(2.0, " ×"));
    println!("{table}");
    Ok(())
}
