//! Says who a caller is, by the settings of the moment.

use std::{
    fmt,
    net::SocketAddr,
    str::FromStr,
    sync::{Arc, PoisonError, RwLock},
};

use wk_api::Problem;
use wk_holder::host;
use wk_model::Time;

use super::{
    Identity, JwtPolicy, Secret, Tokens,
    bucket::Bucket,
    identity::{Records, UNCHECKED},
    verify_jwt,
};
use crate::error::{too_many, unauthorized};

/// Wrong tokens that are looked at: a few at once, then so many per second.
const FAILURES: (u32, u32) = (20, 100);

/// How callers show who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// By tokens of our own; by web tokens, who records.
    #[default]
    Token,
    /// By web tokens, too.
    Jwt,
    /// For development: on the loopback, anybody may look.
    Open,
}

/// Who may tell what it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tracking {
    /// Programs of this machine, without a token.
    #[default]
    Loopback,
    /// Only with a token.
    Token,
}

/// The settings that are about access.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    pub mode: Mode,
    pub tracking: Tracking,
    /// For web tokens.
    pub secret: Option<Secret>,
    pub issuers: Vec<String>,
    pub audiences: Vec<String>,
    /// Names of this machine beside those of the loopback.
    pub hosts: Vec<String>,
    /// Pages that may call, beside our own.
    pub origins: Vec<String>,
    /// Recordings per second that are taken without a token.
    pub unverified_rate: u32,
}

/// What a request shows of its sender.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) token: Option<&'a str>,
    /// It was passed on by somebody: the address is not the sender's.
    pub(crate) forwarded: bool,
    /// It comes from a page in a browser.
    pub(crate) of_page: bool,
    /// Its body is declared as JSON.
    pub(crate) json: bool,
}

/// Decides about callers. Clones share it.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    tokens: Tokens,
    policy: RwLock<(Arc<Policy>, Arc<Bucket>)>,
    failures: Bucket,
}

impl Gate {
    pub fn new(tokens: Tokens, policy: Policy) -> Self {
        let failures = Bucket::new(FAILURES.0, FAILURES.1);
        let policy = RwLock::new(with_bucket(policy));
        Self(Arc::new(Shared { tokens, policy, failures }))
    }

    /// Takes new settings over.
    pub fn set(&self, policy: Policy) {
        let mut held = self.0.policy.write().unwrap_or_else(PoisonError::into_inner);
        if *held.0 != policy {
            *held = with_bucket(policy);
        }
    }

    pub fn policy(&self) -> Arc<Policy> {
        self.0.policy.read().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    pub fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    /// Who has this token: one that a caller showed in whatever way.
    ///
    /// None: it counts as none, since it is of a kind that cannot be checked here. Programs that
    /// share a secret among themselves sign whatever they send, to whomever.
    pub fn verify(&self, token: &str) -> Result<Option<Identity>, Problem> {
        let refused = match self.look(token, host::now().time) {
            Ok(identity) => return Ok(identity),
            Err(refused) => refused,
        };
        self.0.failures.take(1).map_err(too_many)?;
        Err(unauthorized(refused))
    }

    /// Lets so many recordings of one caller pass, or says when to come again.
    pub fn count(&self, identity: &Identity, recordings: u32) -> Result<(), Problem> {
        if identity.is_verified() {
            return Ok(());
        }
        let held = self.0.policy.read().unwrap_or_else(PoisonError::into_inner);
        held.1.take(recordings).map_err(too_many)
    }

    /// Who sent a request.
    pub(crate) fn identify(&self, shown: Shown<'_>) -> Result<Identity, Problem> {
        if let Some(identity) = shown.token.map(|token| self.verify(token)).transpose()?.flatten() {
            return Ok(identity);
        }
        let policy = self.policy();
        let here = shown.address.ip().to_canonical().is_loopback() && !shown.forwarded;
        let tells = policy.tracking == Tracking::Loopback && policy.mode != Mode::Jwt;
        let records = match here && tells && !shown.of_page {
            true if shown.json => Records::Yes,
            true => Records::AsJson,
            false => Records::No,
        };
        let looks = here && policy.mode == Mode::Open;
        Ok(Identity::Unknown { records, looks, unchecked: shown.token.is_some() })
    }

    fn look(&self, token: &str, now: Time) -> Result<Option<Identity>, String> {
        if let Some(found) = self.0.tokens.find(token, now) {
            return match found.expired {
                true => Err(format!("the token `{}` has expired", found.name)),
                false => Ok(Some(Identity::Holder { name: found.name, scope: Some(found.scope) })),
            };
        }
        if !is_web_token(token) {
            return Err("this token is not one of ours: `wk token` prints one".into());
        }
        let policy = self.policy();
        let Some(secret) = policy.secret.clone() else {
            return match policy.mode {
                Mode::Jwt => Err(UNCHECKED.into()),
                Mode::Token | Mode::Open => Ok(None),
            };
        };
        let (issuers, audiences) = (policy.issuers.clone(), policy.audiences.clone());
        let claims = verify_jwt(token, &JwtPolicy { secret, issuers, audiences }, now)
            .map_err(|bad| format!("this token is refused: {bad}"))?;
        let name = format!("{} of {}", claims.subject, claims.issuer);
        // A secret that lies in the environment opens nothing that the settings do not open.
        let scope = claims.scope.filter(|_| policy.mode == Mode::Jwt);
        Ok(Some(Identity::Holder { name, scope }))
    }
}

/// By its look: three parts with dots between them. None of ours has any.
fn is_web_token(token: &str) -> bool {
    token.bytes().filter(|byte| *byte == b'.').count() == 2
}

fn with_bucket(policy: Policy) -> (Arc<Policy>, Arc<Bucket>) {
    let rate = policy.unverified_rate;
    let bucket = Bucket::new(rate, rate.saturating_mul(5));
    (Arc::new(policy), Arc::new(bucket))
}

impl Mode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Jwt => "jwt",
            Self::Open => "open",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "token" => Ok(Self::Token),
            "jwt" => Ok(Self::Jwt),
            "open" => Ok(Self::Open),
            _ => Err(must_be("\"token\", \"jwt\" or \"open\"", text)),
        }
    }
}

impl Tracking {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Token => "token",
        }
    }
}

impl FromStr for Tracking {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "loopback" => Ok(Self::Loopback),
            "token" => Ok(Self::Token),
            _ => Err(must_be("\"loopback\" or \"token\"", text)),
        }
    }
}

fn must_be(want: &str, text: &str) -> String {
    let shown: String = text.chars().take(40).collect();
    format!("must be {want}, not `{}`", shown.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Access;

    fn gate(mode: Mode, tracking: Tracking) -> (tempfile::TempDir, Gate) {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(folder.path()).unwrap();
        let policy = Policy { mode, tracking, unverified_rate: 10, ..Policy::default() };
        (folder, Gate::new(tokens, policy))
    }

    fn shown(address: &str) -> Shown<'static> {
        let address = address.parse().unwrap();
        Shown { address, token: None, forwarded: false, of_page: false, json: true }
    }

    #[test]
    fn only_programs_of_this_machine_record_without_a_token() {
        let (_folder, gate) = gate(Mode::Token, Tracking::Loopback);
        let records = |shown| gate.identify(shown).unwrap().may(Access::Record).is_ok();
        let here = shown("127.0.0.1:5");
        assert!(
            records(here) && records(shown("[::1]:5")) && records(shown("[::ffff:127.0.0.1]:5"))
        );
        assert!(!records(shown("192.0.2.1:5")));
        assert!(!records(Shown { of_page: true, ..here }));
        assert!(!records(Shown { json: false, ..here }));
        assert!(!records(Shown { forwarded: true, ..here }));
    }

    #[test]
    fn modes_and_settings_close_it() {
        for (mode, tracking, records, looks) in [
            (Mode::Token, Tracking::Loopback, Records::Yes, false),
            (Mode::Token, Tracking::Token, Records::No, false),
            (Mode::Jwt, Tracking::Loopback, Records::No, false),
            (Mode::Open, Tracking::Loopback, Records::Yes, true),
            (Mode::Open, Tracking::Token, Records::No, true),
        ] {
            let (_folder, gate) = gate(mode, tracking);
            let want = Identity::Unknown { records, looks, unchecked: false };
            assert_eq!(gate.identify(shown("127.0.0.1:5")), Ok(want), "{mode} {tracking:?}");
            let far = Identity::Unknown { records: Records::No, looks: false, unchecked: false };
            assert_eq!(gate.identify(shown("192.0.2.1:5")), Ok(far), "{mode} {tracking:?}");
        }
    }

    #[test]
    fn a_wrong_token_is_refused_even_where_none_is_needed_and_not_for_ever_politely() {
        let (_folder, gate) = gate(Mode::Open, Tracking::Loopback);
        let wrong = Shown { token: Some("wkt_nonsense"), ..shown("127.0.0.1:5") };
        assert_eq!(gate.identify(wrong).unwrap_err().status, 401);
        let statuses = (0..500).map(|_| gate.identify(wrong).unwrap_err().status);
        assert!(statuses.collect::<Vec<_>>().contains(&429));
    }

    #[test]
    fn a_web_token_that_cannot_be_checked_counts_as_none() {
        let token = Some("a.b.c");
        for (mode, records) in [(Mode::Token, true), (Mode::Open, true), (Mode::Jwt, false)] {
            let (_folder, gate) = gate(mode, Tracking::Loopback);
            let identity = gate.identify(Shown { token, ..shown("127.0.0.1:5") });
            assert_eq!(identity.is_ok_and(|who| who.may(Access::Record).is_ok()), records);
            // Where a secret is set, it is a wrong one.
            let secret = Secret::new("4f9c1d77a0b84e7c9d02c1e8b5a6f310").ok();
            gate.set(Policy { secret, ..(*gate.policy()).clone() });
            let refused = gate.identify(Shown { token, ..shown("127.0.0.1:5") }).unwrap_err();
            assert_eq!(refused.status, 401, "{mode}");
        }
        let (_folder, gate) = gate(Mode::Token, Tracking::Loopback);
        let far = gate.identify(Shown { token, ..shown("192.0.2.1:5") }).unwrap();
        let told = far.may(Access::Record).unwrap_err();
        assert!(told.detail.contains("no secret is set"), "{told}");
    }

    #[test]
    fn what_is_unverified_is_taken_at_a_rate() {
        let (_folder, gate) = gate(Mode::Token, Tracking::Loopback);
        let unknown = gate.identify(shown("127.0.0.1:5")).unwrap();
        assert!(gate.count(&unknown, 50).is_ok());
        assert_eq!(gate.count(&unknown, 1).unwrap_err().status, 429);
        assert!(gate.count(&Identity::Owner, 1_000_000).is_ok());
    }
}
