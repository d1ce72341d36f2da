//! Our own tokens: the first, which lies in the state folder for its user to read, and made
//! ones, of which only digests are kept.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use wk_api::TokenView;
use wk_model::{SessionId, Time};

use super::Scope;

/// The file of the first token, in the state folder.
pub const FIRST: &str = "token";
/// The file of made tokens.
const MADE: &str = "tokens.json";
/// What all of them begin with, so that they are recognised where they should not be.
const PREFIX: &str = "wkt_";
/// Neither file is longer.
const MAX_FILE: u64 = 1 << 20;
/// Tokens that are kept at a time.
const MOST: usize = 1000;
/// A token that somebody put into the file himself has at least so many characters.
const LEAST: usize = 32;

type Digest = [u8; 32];

/// All tokens of one daemon.
#[derive(Debug)]
pub struct Tokens {
    folder: PathBuf,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    first: Option<Digest>,
    made: Vec<Made>,
}

/// A made token, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Made {
    id: String,
    name: Option<String>,
    scope: Scope,
    /// SHA-256 of the token, in base 64. It is random: no salt is needed.
    digest: String,
    created_at: Time,
    /// None: never.
    expires_at: Option<Time>,
}

/// Whom a token belongs to, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) scope: Scope,
    pub(crate) expired: bool,
}

impl Tokens {
    /// Reads the tokens of a state folder; makes the first where there is none.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let tokens = Self { folder: folder.to_owned(), kept: Mutex::default() };
        let first = first(&folder.join(FIRST))?;
        let made = match read(&folder.join(MADE))? {
            Some(text) => serde_json::from_str(&text).map_err(io::Error::from)?,
            None => Vec::new(),
        };
        *tokens.kept() = Kept { first: Some(digest(&first)), made };
        Ok(tokens)
    }

    /// No token is known: nobody gets in by one.
    pub fn none(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), kept: Mutex::default() }
    }

    /// Whose token this is. Takes as long wherever it is in the list, or nowhere.
    pub(crate) fn find(&self, token: &str, now: Time) -> Option<Found> {
        let digest = digest(token);
        let kept = self.kept();
        let mut found = None;
        for made in &kept.made {
            if decode(&made.digest).is_some_and(|known| is_same(&known, &digest)) {
                let name = made.name.as_ref().unwrap_or(&made.id).clone();
                let expired = made.expires_at.is_some_and(|end| end <= now);
                found = Some(Found { name, scope: made.scope, expired });
            }
        }
        if kept.first.is_some_and(|first| is_same(&first, &digest)) {
            found = Some(Found { name: "first".into(), scope: Scope::Admin, expired: false });
        }
        found
    }

    /// Makes a token and answers it; nobody can read it again.
    pub fn make(
        &self,
        scope: Scope,
        name: Option<String>,
        ttl_seconds: Option<u64>,
        now: Time,
    ) -> io::Result<(TokenView, String)> {
        let token = new_token()?;
        let id = SessionId::from_random(u64::from_le_bytes(random()?)).as_str()[..8].to_owned();
        let ttl =
            ttl_seconds.map(|ttl| i64::try_from(ttl.saturating_mul(1000)).unwrap_or(i64::MAX));
        let expires_at = ttl.map(|ttl| Time::from_millis(now.as_millis().saturating_add(ttl)));
        let digest = URL_SAFE_NO_PAD.encode(digest(&token));
        let made = Made { id, name, scope, digest, created_at: now, expires_at };
        let view = view(&made, now);
        let mut kept = self.kept();
        let mut all = kept.made.clone();
        all.retain(|made| made.expires_at.is_none_or(|end| end > now));
        if all.len() >= MOST {
            return Err(io::Error::other(format!("there are {MOST} tokens: revoke some first")));
        }
        all.push(made);
        self.write(&all)?;
        kept.made = all;
        Ok((view, token))
    }

    /// Forgets a token, by its id or name; false: there is none.
    pub fn revoke(&self, name: &str) -> io::Result<bool> {
        let mut kept = self.kept();
        let mut left = kept.made.clone();
        left.retain(|made| made.id != name && made.name.as_deref() != Some(name));
        if left.len() == kept.made.len() {
            return Ok(false);
        }
        self.write(&left)?;
        kept.made = left;
        Ok(true)
    }

    /// All made tokens, oldest first.
    pub fn list(&self, now: Time) -> Vec<TokenView> {
        self.kept().made.iter().map(|made| view(made, now)).collect()
    }

    fn write(&self, made: &[Made]) -> io::Result<()> {
        let text = serde_json::to_string_pretty(made)?;
        replace(&self.folder.join(MADE), &text)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn view(made: &Made, now: Time) -> TokenView {
    TokenView {
        id: made.id.clone(),
        name: made.name.clone(),
        scope: made.scope.to_string(),
        created_at: made.created_at,
        expires_at: made.expires_at,
        expired: made.expires_at.is_some_and(|end| end <= now),
    }
}

/// The first token; made where there is none, or none that could be one.
fn first(path: &Path) -> io::Result<String> {
    if let Some(text) = read(path)? {
        let text = text.trim();
        if text.len() >= LEAST && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
            return Ok(text.to_owned());
        }
        tracing::warn!(path = %path.display(), "no token is in the file: made a new one");
    }
    let token = new_token()?;
    replace(path, &format!("{token}\n"))?;
    Ok(token)
}

fn read(path: &Path) -> io::Result<Option<String>> {
    let file = OpenOptions::new().read(true).custom_flags(libc_nofollow()).open(path);
    let file = match file {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut text = String::new();
    file.take(MAX_FILE).read_to_string(&mut text)?;
    Ok(Some(text))
}

fn libc_nofollow() -> i32 {
    rustix::fs::OFlags::NOFOLLOW.bits() as i32
}

/// Puts a file in its place, whole or not at all, for its user only.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

fn new_token() -> io::Result<String> {
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random::<32>()?)))
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    if filled == N { Ok(bytes) } else { Err(io::Error::other("too few random bytes")) }
}

fn digest(token: &str) -> Digest {
    Sha256::digest(token.as_bytes()).into()
}

fn decode(text: &str) -> Option<Digest> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// Compares all bytes, wherever the first difference is.
fn is_same(a: &Digest, b: &Digest) -> bool {
    let difference = a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b));
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    #[test]
    fn the_first_token_is_made_once_and_for_its_user_only() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(folder.path()).unwrap();
        let path = folder.path().join(FIRST);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let token = fs::read_to_string(&path).unwrap();
        assert_eq!(tokens.find(token.trim(), at(0)).unwrap().scope, Scope::Admin);
        assert_eq!(tokens.find("wkt_wrong", at(0)), None);
        assert_eq!(tokens.find("", at(0)), None);
        Tokens::open(folder.path()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), token);
        fs::write(&path, "short\n").unwrap();
        Tokens::open(folder.path()).unwrap();
        assert_ne!(fs::read_to_string(&path).unwrap(), "short\n");
    }

    #[test]
    fn a_made_token_is_good_for_its_scope_until_it_expires_or_is_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(folder.path()).unwrap();
        let (view, token) =
            tokens.make(Scope::Read, Some("board".into()), Some(60), at(0)).unwrap();
        let kept = fs::read_to_string(folder.path().join(MADE)).unwrap();
        assert!(!kept.contains(&token) && !kept.contains(&token[4..20]), "{kept}");
        let again = Tokens::open(folder.path()).unwrap();
        let found = again.find(&token, at(59)).unwrap();
        assert_eq!(
            (found.name.as_str(), found.scope, found.expired),
            ("board", Scope::Read, false)
        );
        assert!(again.find(&token, at(60)).unwrap().expired);
        assert!(again.revoke(&view.id).unwrap() && !again.revoke(&view.id).unwrap());
        assert_eq!(again.find(&token, at(0)), None);
        assert!(Tokens::open(folder.path()).unwrap().list(at(0)).is_empty());
    }

    #[test]
    fn without_an_end_a_token_stays() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(folder.path()).unwrap();
        let (view, token) = tokens.make(Scope::Write, None, None, at(0)).unwrap();
        assert_eq!(view.expires_at, None);
        assert!(!tokens.find(&token, at(i64::MAX / 2000)).unwrap().expired);
        assert!(
            tokens.make(Scope::Read, None, Some(u64::MAX), at(1)).unwrap().0.expires_at.is_some()
        );
    }
}
