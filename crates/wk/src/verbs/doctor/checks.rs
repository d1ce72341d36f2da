//! The looks that `wk doctor` takes at Watchkeeper itself.

use std::{
    env,
    fs::{self, OpenOptions},
    io::{self, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use wk_api::{DaemonStatus, ListenerView};
use wk_client::ClientError;
use wk_server::auth::Secret;

use super::{Finding, host};
use crate::{config, context::Context, text::bytes};

/// Less room than this is a warning.
const LITTLE_ROOM: u64 = 1 << 30;

/// Takes every look.
pub(super) async fn all(context: &Context) -> Vec<Finding> {
    let mut findings = daemon(context).await;
    let places = &context.places;
    findings.push(match places.make() {
        Ok(()) => Finding::good("folders", format!("sockets in {}", places.runtime.display())),
        Err(error) => {
            Finding::bad("folders", error.to_string(), "see above: the folders must be yours alone")
        }
    });
    findings.push(state(&places.state));
    findings.push(settings(&places.config));
    findings.push(host::holder());
    findings.push(host::cgroup());
    findings.push(host::pidfd());
    findings.push(witness(&places.config).await);
    findings.extend(host::linger());
    findings.extend(super::hooks::all(&places.state));
    findings.push(terminal());
    findings
}

async fn daemon(context: &Context) -> Vec<Finding> {
    let asked: Result<DaemonStatus, ClientError> =
        context.daemon.client().get("/daemon", &()).await;
    let status = match asked {
        Ok(status) => status,
        Err(error) if error.is_not_running() => {
            let seen = "not running; it starts when it is needed";
            return vec![Finding::weak("daemon", seen, "start it now: wk daemon start")];
        }
        Err(error) => {
            let remedy = "see its log below the state folder, or try `wk daemon restart`";
            return vec![Finding::bad("daemon", error.to_string(), remedy)];
        }
    };
    let seen = format!("running (pid {}), version {}", status.pid, status.version);
    let mut findings = vec![if status.version == env!("CARGO_PKG_VERSION") {
        Finding::good("daemon", seen)
    } else {
        Finding::weak("daemon", seen, "upgrade it to this version: wk daemon restart")
    }];
    findings.push(Finding::good("journal", format!("open, at event {}", status.last_seq)));
    if let Ok(view) = context.daemon.client().get("/listener", &()).await {
        findings.push(http(&view));
        findings.extend(web_tokens(&view, |name| env::var(name).ok()));
    }
    for warning in status.warnings {
        findings.push(Finding::weak("daemon says", warning, "`wk daemon restart` looks again"));
    }
    findings
}

/// Whether others can reach the daemon over TCP, and how it lets them in.
fn http(view: &ListenerView) -> Finding {
    let mode = &view.mode;
    match (&view.address, &view.error, &view.listen) {
        (Some(address), ..) if mode == "open" => Finding::weak(
            "http",
            format!("listens at {address} for everybody on this machine: mode \"open\""),
            "for anything but development: mode = \"token\" in [auth], then wk config reload",
        ),
        (Some(address), ..) => Finding::good("http", format!("listens at {address}, mode {mode}")),
        (None, Some(error), _) => Finding::weak(
            "http",
            error.as_str(),
            "free the port or choose another, then wk mcp restart",
        ),
        (None, None, Some(listen)) => {
            Finding::weak("http", format!("{listen} is switched off"), "wk mcp start")
        }
        (None, None, None) => Finding::good("http", "off, as the settings say"),
    }
}

/// Whether a secret that is set does what whoever set it may think.
fn web_tokens(view: &ListenerView, variable: impl Fn(&str) -> Option<String>) -> Option<Finding> {
    let mode = &view.mode;
    if view.secret {
        return (mode != "jwt").then(|| {
            let seen = format!("a secret is set; in mode {mode} they are good for recording only");
            Finding::good("web tokens", seen + ": mode = \"jwt\" in [auth] lets them do more")
        });
    }
    let (name, secret) = Secret::of_variables(variable)?;
    Some(match secret {
        Err(why) => {
            let remedy = "see docs/auth.md: at least 32 characters that nobody can guess";
            Finding::weak("web tokens", format!("{name} is not used: {why}"), remedy)
        }
        Ok(_) => {
            let then = if mode == "jwt" { "refused" } else { "taken for none" };
            Finding::weak(
                "web tokens",
                format!("{name} is set here, the daemon has no secret: they are {then}"),
                "wk daemon restart from here, or [auth] secret_file for good",
            )
        }
    })
}

fn state(state: &Path) -> Finding {
    let probe = state.join(format!(".doctor-{}", std::process::id()));
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&probe)?;
        file.write_all(b"x")?;
        file.sync_all()
    };
    let written = write();
    // It may not have been made.
    let _ = fs::remove_file(&probe);
    let place = state.display();
    if let Err(error) = written {
        return Finding::bad(
            "state",
            format!("{place}: {error}"),
            "make it writable, or set WK_STATE_DIR",
        );
    }
    match rustix::fs::statvfs(state) {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let seen = format!("{place}: {} free", bytes::brief(free));
            if free >= LITTLE_ROOM {
                Finding::good("state", seen)
            } else {
                Finding::weak("state", seen, "make room: recordings stop when the disk is full")
            }
        }
        Err(error) => Finding::weak("state", format!("{place}: {error}"), "check the file system"),
    }
}

fn settings(path: &Path) -> Finding {
    match config::load(path, |name| env::var_os(name)) {
        Ok(_) if path.exists() => Finding::good("settings", path.display().to_string()),
        Ok(_) => Finding::good("settings", "defaults"),
        Err(_) => Finding::bad(
            "settings",
            format!("{} cannot be used", path.display()),
            "`wk config check` says where it is wrong",
        ),
    }
}

/// Whether it can be told who killed a session.
async fn witness(config: &Path) -> Finding {
    let settings = config::load(config, |name| env::var_os(name));
    let folder = settings.map(|loaded| loaded.settings.witness.dir);
    let folder = folder.unwrap_or_else(|_| wk_witness::protocol::FOLDER.into());
    match wk_sources::witness::look(&wk_witness::protocol::socket(&folder)).await {
        Ok(looking) if looking.missing.is_empty() => {
            Finding::good("witness", "sees who sends which signal")
        }
        Ok(looking) => {
            let seen = format!("cannot see {}", looking.missing.join(", "));
            Finding::weak("witness", seen, "a newer kernel tells more")
        }
        Err(why) => {
            let remedy = match super::super::witness::obstacles().into_iter().next() {
                Some(obstacle) => obstacle,
                None => "sudo wk witness install; until then, `wk why` knows less".to_owned(),
            };
            Finding::weak("witness", why, remedy)
        }
    }
}

fn terminal() -> Finding {
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    if !io::stdout().is_terminal() {
        return Finding::good("terminal", "none here");
    }
    let term = variable("TERM").unwrap_or_else(|| "unset".into());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable).unwrap_or_default();
    let upper = locale.to_ascii_uppercase();
    if term == "dumb" || term == "unset" {
        Finding::weak("terminal", format!("TERM is {term}"), "set TERM to what your terminal is")
    } else if !upper.contains("UTF-8") && !upper.contains("UTF8") {
        Finding::weak(
            "terminal",
            format!("{term}, locale `{locale}`"),
            "use a UTF-8 locale: export LANG=C.UTF-8",
        )
    } else {
        Finding::good("terminal", format!("{term}, {locale}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::State, *};

    #[test]
    fn a_state_folder_is_good_when_it_can_be_written() {
        let dir = tempfile::tempdir().unwrap();
        assert_ne!(state(dir.path()).state, State::Bad);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert_eq!(state(&dir.path().join("none")).state, State::Bad);
    }

    #[test]
    fn a_secret_that_does_less_than_one_may_think_is_told() {
        let good = "4f9c1d77a0b84e7c9d02c1e8b5a6f310";
        for (mode, secret, variable, want) in [
            ("token", true, None, Some("recording only")),
            ("jwt", true, Some(good), None),
            ("token", false, None, None),
            ("token", false, Some(good), Some("taken for none")),
            ("jwt", false, Some(good), Some("refused")),
            ("token", false, Some("short"), Some("SESSION_BUDDY_SECRET is not used")),
        ] {
            let view = ListenerView { mode: mode.into(), secret, ..ListenerView::default() };
            let variable =
                |name: &str| variable.filter(|_| name == "SESSION_BUDDY_SECRET").map(str::to_owned);
            let found = web_tokens(&view, variable).map(|finding| finding.seen);
            let fits = match (&found, want) {
                (Some(seen), Some(want)) => seen.contains(want),
                (found, want) => found.is_none() && want.is_none(),
            };
            assert!(fits, "{mode} {secret}: {found:?}");
        }
    }

    #[test]
    fn bad_settings_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        assert_eq!(settings(&path).state, State::Good);
        fs::write(&path, "[session\n").unwrap();
        assert_eq!(settings(&path).state, State::Bad);
    }
}
