//! The command line: its verbs, and what is common to them.

use std::{io::Write, path::PathBuf};

use anyhow::Context as _;
use clap::{CommandFactory, Parser, Subcommand};

use crate::{
    code::Code,
    color::{Paint, When},
    context::Context,
    verbs::{
        analytics, attach, clean, completions, config, daemon, deaths, doctor, end, events, health,
        hooks, instances, logs, ls, man, mcp, play, restart, rm, run, screen, send, session_id,
        shell_init, show, signal, stats, stop, templates, timeline, tmux, token, tools, wait, why,
        witness,
    },
};

/// Keeps watch over agent and terminal sessions
///
/// A session runs until it ends by itself or you stop it: closing the terminal, a crash or an
/// upgrade of Watchkeeper leave it alone. SESSION is a session's name, its id, or any
/// beginning of the id that no other has.
#[derive(Debug, Parser)]
#[command(
    name = "wk",
    version,
    max_term_width = 100,
    subcommand_help_heading = "Verbs",
    subcommand_value_name = "VERB",
    after_help = "Try:\n  wk run -- top              run a program; Ctrl-\\ leaves it running\n  \
                  wk run -d --name web -- ./serve\n  wk ls                      what runs\n  \
                  wk attach web              come back to it\n  \
                  wk logs -f web             what it prints\n  \
                  wk stop web\n\n`wk VERB --help` says more."
)]
pub(crate) struct Cli {
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "The settings' file [env: WK_CONFIG]",
        help_heading = "Everywhere"
    )]
    config: Option<PathBuf>,
    #[arg(
        long,
        help = "When to use colours (auto, always, never); NO_COLOR is respected",
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        help_heading = "Everywhere"
    )]
    color: When,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(Box<run::RunArgs>),
    Attach(attach::AttachArgs),
    Ls(ls::LsArgs),
    #[command(hide = true)]
    ListSessions(ls::ListSessionsArgs),
    #[command(visible_alias = "show-session")]
    Show(show::ShowArgs),
    Logs(logs::LogsArgs),
    Screen(screen::ScreenArgs),
    Send(send::SendArgs),
    Wait(wait::WaitArgs),
    Stop(stop::StopArgs),
    #[command(visible_alias = "end-session")]
    End(end::EndArgs),
    Restart(restart::RestartArgs),
    Signal(signal::SignalArgs),
    Rm(rm::RmArgs),
    Why(why::WhyArgs),
    Deaths(deaths::DeathsArgs),
    Clean(clean::CleanArgs),
    Stats(stats::StatsArgs),
    Analytics(analytics::AnalyticsArgs),
    Timeline(timeline::TimelineArgs),
    Tools(tools::ToolsArgs),
    Play(play::PlayArgs),
    Events(events::EventsArgs),
    Templates(templates::TemplatesArgs),
    SessionId(session_id::SessionIdArgs),
    Health(health::HealthArgs),
    Instances(instances::InstancesArgs),
    Witness(witness::WitnessArgs),
    Tmux(tmux::TmuxArgs),
    Token(token::TokenArgs),
    Hooks(hooks::HooksArgs),
    Mcp(mcp::McpArgs),
    Daemon(daemon::DaemonArgs),
    Doctor(doctor::DoctorArgs),
    Config(config::ConfigArgs),
    ShellInit(shell_init::ShellInitArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// Does what the command line asks for.
pub(crate) fn run(cli: Cli, out: &mut impl Write) -> anyhow::Result<Code> {
    let Some(verb) = cli.verb else {
        let help = Cli::command().render_help();
        match Paint::of_stdout(cli.color) {
            Paint(true) => write!(out, "{}", help.ansi())?,
            Paint(false) => write!(out, "{help}")?,
        }
        return Ok(Code::SUCCESS);
    };
    // These work wherever the user's places are, or are not.
    match verb {
        Verb::Completions(args) => return completions::run(&args, out),
        Verb::Man(args) => return man::run(&args, out),
        Verb::ShellInit(args) => return shell_init::run(&args, out),
        _ => {}
    }
    let context = Context::here(cli.config.as_deref(), cli.color)?;
    // The daemon brings its own runtime.
    if let Verb::Daemon(args) = &verb
        && let Some(foreground) = args.foreground()
    {
        return foreground.run(&context);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let code = runtime.block_on(dispatch(&context, verb, out));
    // Threads that wait for something need not be waited for.
    runtime.shutdown_background();
    code
}

async fn dispatch(context: &Context, verb: Verb, out: &mut impl Write) -> anyhow::Result<Code> {
    match verb {
        Verb::Run(args) => run::run(context, *args, out).await,
        Verb::Attach(args) => attach::run(context, args).await,
        Verb::Ls(args) => ls::run(context, args, out).await,
        Verb::ListSessions(args) => ls::run_history(context, args, out).await,
        Verb::Show(args) => show::run(context, args, out).await,
        Verb::Logs(args) => logs::run(context, args, out).await,
        Verb::Screen(args) => screen::run(context, args, out).await,
        Verb::Send(args) => send::run(context, args).await,
        Verb::Wait(args) => wait::run(context, args, out).await,
        Verb::Stop(args) => stop::run(context, args, out).await,
        Verb::End(args) => end::run(context, args, out).await,
        Verb::Restart(args) => restart::run(context, args, out).await,
        Verb::Signal(args) => signal::run(context, args).await,
        Verb::Rm(args) => rm::run(context, args, out).await,
        Verb::Why(args) => why::run(context, args, out).await,
        Verb::Deaths(args) => deaths::run(context, args, out).await,
        Verb::Clean(args) => clean::run(context, args, out).await,
        Verb::Stats(args) => stats::run(context, args, out).await,
        Verb::Analytics(args) => analytics::run(context, args, out).await,
        Verb::Timeline(args) => timeline::run(context, args, out).await,
        Verb::Tools(args) => tools::run(context, args, out).await,
        Verb::Play(args) => play::run(context, args).await,
        Verb::Events(args) => events::run(context, args, out).await,
        Verb::Templates(args) => templates::run(context, &args, out),
        Verb::SessionId(args) => session_id::run(context, &args, out),
        Verb::Health(args) => health::run(context, args, out).await,
        Verb::Instances(args) => instances::run(context, args, out).await,
        Verb::Witness(args) => witness::run(context, args, out).await,
        Verb::Tmux(args) => tmux::run(context, args, out).await,
        Verb::Token(args) => token::run(context, args, out).await,
        Verb::Hooks(args) => hooks::run(context, args, out).await,
        Verb::Mcp(args) => mcp::run(context, args, out).await,
        Verb::Daemon(args) => daemon::run(context, args, out).await,
        Verb::Doctor(args) => doctor::run(context, args, out).await,
        Verb::Config(args) => config::run(context, args, out).await,
        Verb::Completions(args) => completions::run(&args, out),
        Verb::Man(args) => man::run(&args, out),
        Verb::ShellInit(args) => shell_init::run(&args, out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_explains_itself_with_an_example() {
        let mut command = Cli::command();
        command.build();
        for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{}", verb.get_name());
            assert!(verb.get_about().is_some(), "{}", verb.get_name());
        }
    }

    #[test]
    fn what_follows_the_command_belongs_to_it() {
        let cli = Cli::try_parse_from(["wk", "run", "-d", "ls", "-l", "--all"]).unwrap();
        let Some(Verb::Run(args)) = cli.verb else { panic!("parsed as another verb") };
        assert_eq!(args.command, ["ls", "-l", "--all"]);
        assert!(Cli::try_parse_from(["wk", "run", "-d"]).is_err());
    }
}
