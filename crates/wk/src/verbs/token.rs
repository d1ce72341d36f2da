//! `wk token`: tokens for callers over TCP.

use std::{io::Write, time::Duration};

use anyhow::{Context as _, ensure};
use wk_api::{CreateToken, DaemonStatus, NewToken, TokenView};
use wk_client::Client;
use wk_server::auth::FIRST_TOKEN;

use super::ShortFormat;
use crate::{
    code::Code,
    color::Style,
    complaint,
    context::Context,
    json,
    table::{self, Cell, Column},
    text::span,
};

/// Print the token that callers over TCP need, or make others
///
/// The first token lies in the state folder and may do everything. Give others only what they
/// need: `read` looks, `write` also runs and ends sessions, `admin` also ends the daemon.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk token\n  wk token create --scope read --ttl 30d --name board\n  \
                  wk token list\n  wk token revoke board\n  \
                  curl -H \"Authorization: Bearer $(wk token)\" http://127.0.0.1:8678/api/sessions"
)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a token, and print it this once
    Create {
        #[arg(long, default_value = "read")]
        scope: ScopeArg,
        /// It expires after so long, as 30d; by default never
        #[arg(long, value_parser = span::parse_positive, allow_hyphen_values = true)]
        ttl: Option<Duration>,
        /// What to call it
        #[arg(long)]
        name: Option<String>,
        #[arg(long, default_value = "table")]
        format: ShortFormat,
    },
    /// List the tokens that were made
    List {
        #[arg(long, default_value = "table")]
        format: ShortFormat,
    },
    /// Make a token useless
    Revoke {
        /// Its id or name
        token: String,
    },
}

/// What a token is good for.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ScopeArg {
    Read,
    Write,
    Admin,
}

pub(crate) async fn run(
    context: &Context,
    args: TokenArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    match args.action {
        None => first(context, out).await?,
        Some(Action::Create { scope, ttl, name, format }) => {
            let scope = match scope {
                ScopeArg::Read => "read",
                ScopeArg::Write => "write",
                ScopeArg::Admin => "admin",
            };
            let ttl_seconds = ttl.map(|ttl| ttl.as_secs().max(1));
            let request = CreateToken { scope: scope.into(), name, ttl_seconds };
            let made: NewToken = context.daemon.post("/tokens", &(), &request).await?;
            match format {
                ShortFormat::Json => json::write(out, &made)?,
                ShortFormat::Table => writeln!(out, "{}", made.token)?,
            }
        }
        Some(Action::List { format }) => list(context, format, out).await?,
        Some(Action::Revoke { token }) => {
            let path = format!("/tokens/{}", Client::segment(&token));
            context.daemon.call(async |client| client.delete(&path).await).await?;
        }
    }
    Ok(Code::SUCCESS)
}

async fn first(context: &Context, out: &mut impl Write) -> anyhow::Result<()> {
    let path = context.places.state.join(FIRST_TOKEN);
    if !path.exists() {
        // The daemon makes it when it starts.
        let _: DaemonStatus = context.daemon.get("/daemon", &()).await?;
    }
    let token = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    ensure!(
        !token.trim().is_empty(),
        "`{}` is empty: `wk daemon restart` makes one",
        path.display()
    );
    writeln!(out, "{}", token.trim())?;
    Ok(())
}

const COLUMNS: [Column; 5] = [
    Column { title: "ID", least: 0, right: false },
    Column { title: "NAME", least: 8, right: false },
    Column { title: "SCOPE", least: 0, right: false },
    Column { title: "MADE", least: 0, right: false },
    Column { title: "EXPIRES", least: 0, right: false },
];

async fn list(context: &Context, format: ShortFormat, out: &mut impl Write) -> anyhow::Result<()> {
    let tokens: Vec<TokenView> = context.daemon.get("/tokens", &()).await?;
    match format {
        ShortFormat::Json => json::write(out, &tokens)?,
        ShortFormat::Table if tokens.is_empty() => {
            complaint::say("there is only the first token, which `wk token` prints");
        }
        ShortFormat::Table => {
            let rows: Vec<_> = tokens.iter().map(|token| row(token, context)).collect();
            table::write(out, &COLUMNS, &rows, context.width, context.paint)?;
        }
    }
    Ok(())
}

fn row(token: &TokenView, context: &Context) -> Vec<Cell> {
    let (expires, style) = match token.expires_at {
        None => ("never".to_owned(), Style::Plain),
        Some(at) if token.expired => (context.clock.show(at), Style::Bad),
        Some(at) => (context.clock.show(at), Style::Plain),
    };
    vec![
        Cell::plain(&token.id),
        Cell::plain(token.name.as_deref().unwrap_or("-")),
        Cell::plain(&token.scope),
        Cell::plain(&context.clock.show(token.created_at)),
        Cell::new(&expires, style),
    ]
}
