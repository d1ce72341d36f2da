//! The gate of the TCP listener, by the settings.

use std::{
    env, fs,
    io::{self, Read},
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Mutex,
};

use wk_client::Places;
use wk_server::auth::{Gate, Policy, Secret, Tokens};

use crate::config::Settings;

/// No secret is longer.
const MAX_SECRET: u64 = 4096;

/// The secret of a variable, taken out of the environment when the daemon starts.
static VARIABLE: Mutex<Option<Secret>> = Mutex::new(None);

/// Takes the secret out of the environment. To be called before there are threads.
///
/// It is in nobody's environment from here on, and what a child of the daemon shows of its own
/// cannot hold it.
pub(super) fn take_secret() {
    let found = Secret::of_variables(|name| env::var(name).ok());
    for name in wk_server::auth::SECRET_VARIABLES {
        // SAFETY: no other thread runs yet that could read the environment meanwhile.
        unsafe { env::remove_var(name) };
    }
    match found {
        Some((_, Ok(secret))) => *held() = Some(secret),
        Some((name, Err(why))) => eprintln!("wk: {name} is not used: {why}"),
        None => {}
    }
}

/// The gate as the daemon starts; what is wrong with it is a warning.
pub(super) fn open(places: &Places, settings: &Settings, warnings: &mut Vec<String>) -> Gate {
    let tokens = Tokens::open(&places.state).unwrap_or_else(|error| {
        let place = places.state.display();
        tracing::warn!(%error, "cannot read the tokens");
        warnings.push(format!("the tokens in `{place}` cannot be used ({error}): none is known"));
        Tokens::none(&places.state)
    });
    Gate::new(tokens, policy(settings))
}

/// What the settings say of access.
pub(super) fn policy(settings: &Settings) -> Policy {
    let (server, auth) = (&settings.server, &settings.auth);
    Policy {
        mode: auth.mode,
        tracking: auth.tracking,
        secret: secret(auth.secret_file.as_deref()),
        issuers: auth.issuers.clone(),
        audiences: auth.audiences.clone(),
        hosts: server.hosts.iter().cloned().chain(own_name(server.listen)).collect(),
        origins: server.origins.clone(),
        unverified_rate: server.unverified_rate,
    }
}

/// The address that was asked for is a name of ours, too.
fn own_name(listen: Option<SocketAddr>) -> Option<String> {
    let ip = listen?.ip();
    (!ip.is_unspecified()).then(|| match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    })
}

fn secret(file: Option<&Path>) -> Option<Secret> {
    if let Some(secret) = held().clone() {
        return Some(secret);
    }
    let path = file?;
    let read = || -> io::Result<String> {
        let mut text = String::new();
        fs::File::open(path)?.take(MAX_SECRET).read_to_string(&mut text)?;
        Ok(text)
    };
    let path = path.display();
    match read().map(|text| Secret::new(&text)) {
        Ok(Ok(secret)) => return Some(secret),
        Ok(Err(why)) => tracing::warn!(%path, %why, "the file holds no secret"),
        Err(error) => tracing::warn!(%path, %error, "cannot read the secret"),
    }
    None
}

fn held() -> std::sync::MutexGuard<'static, Option<Secret>> {
    VARIABLE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
