//! `wk config`: the settings in effect.

use std::{env, io::Write};

use serde_json::{Value, json};

use crate::{
    code::Code,
    color::{Paint, Style},
    config::{self, KEYS, Loaded},
    context::Context,
    text::visible::{visible, width},
};

/// Show and check the settings
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk config show\n  wk config check && wk config reload\n  $EDITOR \"$(wk config path)\""
)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Copy, Debug, clap::Subcommand)]
enum Action {
    /// Show every setting, and where it comes from
    Show,
    /// Say whether the settings can be used
    Check,
    /// Print where the settings' file is
    Path,
    /// Have the daemon take the settings over
    Reload,
}

pub(crate) async fn run(
    context: &Context,
    args: ConfigArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let load = || config::load(&context.places.config, |name| env::var_os(name));
    match args.action {
        Action::Show => show(&load()?, context.paint, out)?,
        Action::Check => {
            load()?;
            let path = visible(&context.places.config.to_string_lossy()).into_owned();
            let missing = !context.places.config.exists();
            let found = if missing { "not there: defaults are in effect" } else { "good" };
            writeln!(out, "{path}: {found}")?;
        }
        Action::Path => writeln!(out, "{}", context.places.config.display())?,
        Action::Reload => {
            // What is wrong is told with line and column before the daemon is asked.
            load()?;
            let _: Value = context.daemon.post("/daemon/reload", &(), &json!({})).await?;
            writeln!(out, "reloaded")?;
        }
    }
    Ok(Code::SUCCESS)
}

/// Writes what `config.toml` would have to say, with origins as comments.
fn show(loaded: &Loaded, paint: Paint, out: &mut impl Write) -> anyhow::Result<()> {
    let lines: Vec<_> = KEYS
        .iter()
        .map(|key| (key, format!("{} = {}", key.name, (key.show)(&loaded.settings))))
        .collect();
    let widest = lines.iter().map(|(_, line)| width(line)).max().unwrap_or(0);
    let mut section = "";
    for (key, line) in lines {
        if key.section != section {
            let gap = if section.is_empty() { "" } else { "\n" };
            section = key.section;
            writeln!(out, "{gap}{}", paint.apply(Style::Title, &format!("[{section}]")))?;
        }
        let origin = loaded.origin(&key.path()).to_string();
        let comment = paint.apply(Style::Past, &format!("# {}", visible(&origin)));
        let padding = " ".repeat(widest - width(&line));
        writeln!(out, "{line}{padding}  {comment}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_shown_is_a_configuration_with_origins() {
        let env = |name: &str| (name == "WK_SESSION_GRACE").then(|| "1m".into());
        let loaded = config::load(Path::new("/nonexistent/config.toml"), env).unwrap();
        let mut out = Vec::new();
        show(&loaded, Paint(false), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap();
        assert!(text.starts_with("[session]\ntimeout = \"none\" "), "{text}");
        assert!(line("grace").ends_with("  # WK_SESSION_GRACE"), "{text}");
        assert!(line("max_size").ends_with("  # default"), "{text}");
        assert!(line("detach_key").contains("'C-\\'"), "{text}");
        assert_eq!(text.lines().filter(|line| line.contains(" = ")).count(), config::KEYS.len());
        assert!(text.parse::<toml::Table>().is_ok());
    }
}
