//! The developers' commands: `cargo xtask COMMAND`.
//!
//! Light on purpose: it is compiled before anything else can be checked.

mod audit;
mod bench;
mod command;
mod demo;
mod docs;
mod faults;
mod fuzz;
mod layers;
mod licence;
mod lint;
mod mcp;
mod metadata;
mod packages;
mod python;
mod schema;
mod start;
mod steps;
mod test;
mod unused;

use std::process::ExitCode;

use clap::Parser;

/// The developers' commands of Watchkeeper
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
enum Xtask {
    /// Build wk, put it where you can call it, and start the daemon
    Start(start::StartArgs),
    /// Check everything: what `lint` checks, and all tests
    Test,
    /// Check format, layers, dependencies, documentation, and clippy
    Lint,
    /// Measure wk beside its peers
    Bench(bench::BenchArgs),
    /// Show a short story: three sessions outlive their daemon
    Demo,
    /// Let sessions die in every way there is, and compare what is said with what was done
    Faults(faults::FaultsArgs),
    /// Feed hostile bytes to the parsers
    Fuzz(fuzz::FuzzArgs),
    /// Send requests by the OpenAPI document, and look for answers that blame the server
    Schema(schema::SchemaArgs),
}

fn main() -> ExitCode {
    let done = match Xtask::parse() {
        Xtask::Start(args) => start::run(&args),
        Xtask::Test => test::run(),
        Xtask::Lint => lint::run(),
        Xtask::Bench(args) => bench::run(&args),
        Xtask::Demo => demo::run(),
        Xtask::Faults(args) => faults::run(&args),
        Xtask::Fuzz(args) => fuzz::run(&args),
        Xtask::Schema(args) => schema::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
