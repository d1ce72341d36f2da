//! What a route lets its callers do, and what a token is good for.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a token is good for; each scope includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    Read,
    /// Only in web tokens of others: removes what has ended.
    Delete,
    /// Runs and ends sessions.
    Write,
    /// Ends the daemon, makes tokens.
    Admin,
}

/// What a route is about; where it is declared, it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Says no more than that the daemon is there.
    Public,
    /// Only adds to what is recorded.
    Record,
    /// Lets everybody in: what is asked for inside is looked at there.
    Inside,
    /// Reads what is known of sessions, but not what they printed.
    Look,
    /// Reads what sessions printed, or what may hold some of it.
    Read,
    Delete,
    /// Runs, types, ends.
    Write,
    /// Is about the daemon itself.
    Admin,
}

impl Access {
    /// The least scope that it takes; none where a token is not needed as a rule.
    pub fn scope(self) -> Option<Scope> {
        match self {
            Self::Public | Self::Record | Self::Inside => None,
            Self::Look | Self::Read => Some(Scope::Read),
            Self::Delete => Some(Scope::Delete),
            Self::Write => Some(Scope::Write),
            Self::Admin => Some(Scope::Admin),
        }
    }
}

impl Scope {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Delete => "delete",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "read" => Ok(Self::Read),
            "delete" => Ok(Self::Delete),
            "write" => Ok(Self::Write),
            "admin" => Ok(Self::Admin),
            _ => {
                let shown: String = text.chars().take(40).collect();
                Err(format!(
                    "`{}` is not a scope: use one of read, write, admin",
                    shown.escape_debug()
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_includes_those_before_it() {
        assert!(Scope::Admin > Scope::Write && Scope::Write > Scope::Delete);
        assert!(Scope::Delete > Scope::Read);
        for scope in [Scope::Read, Scope::Delete, Scope::Write, Scope::Admin] {
            assert_eq!(scope.as_str().parse(), Ok(scope));
        }
        assert!("root".parse::<Scope>().is_err());
    }
}
