//! Who asks, as far as is known.

use wk_api::Problem;

use super::{Access, Scope};
use crate::error::{forbidden, unauthorized};

/// Whoever sent a request. Handlers find it among the request's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The daemon's own user, on the Unix socket.
    Owner,
    /// Somebody who showed a token.
    Holder {
        /// What the token is called, or whom it names.
        name: String,
        /// None: it is good for recording only.
        scope: Option<Scope>,
    },
    /// Somebody who showed none.
    Unknown {
        records: Records,
        /// Development: anybody here may look.
        looks: bool,
        /// There was a web token, which counts as none: no secret is set to check it with.
        unchecked: bool,
    },
}

/// Whether somebody who is not known may tell what it does, as a program of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records {
    Yes,
    /// It might, but a page of a browser could have sent a body that is declared so.
    AsJson,
    No,
}

/// What is said of a web token where nothing can be said of it.
pub(super) const UNCHECKED: &str = "web tokens cannot be checked: no secret is set";

impl Identity {
    /// Whether this one may do that; else what is said.
    pub fn may(&self, access: Access) -> Result<(), Problem> {
        let scope = match self {
            Self::Owner => return Ok(()),
            Self::Holder { scope, .. } => *scope,
            Self::Unknown { records, looks, unchecked } => {
                return unknown(access, *records, *looks, *unchecked);
            }
        };
        match access.scope() {
            Some(needed) if scope.is_none_or(|scope| scope < needed) => {
                let has = scope.map_or("only records", Scope::as_str);
                Err(forbidden(format!("this takes the scope `{needed}`; this token has `{has}`")))
            }
            _ => Ok(()),
        }
    }

    /// False: whatever it says of itself is marked as unverified.
    pub fn is_verified(&self) -> bool {
        !matches!(self, Self::Unknown { .. })
    }
}

fn unknown(access: Access, records: Records, looks: bool, unchecked: bool) -> Result<(), Problem> {
    let fine = match access {
        Access::Public | Access::Inside => true,
        Access::Record => records == Records::Yes,
        Access::Look => looks,
        Access::Read | Access::Delete | Access::Write | Access::Admin => false,
    };
    if fine {
        return Ok(());
    }
    let mut said =
        "this takes a token: send `Authorization: Bearer …` (`wk token` prints one)".to_owned();
    if access == Access::Record && records == Records::AsJson {
        said += ", or declare the body as JSON: `Content-Type: application/json`";
    }
    if unchecked {
        said += &format!("; {UNCHECKED}");
    }
    Err(unauthorized(said))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Access; 8] = [
        Access::Public,
        Access::Record,
        Access::Inside,
        Access::Look,
        Access::Read,
        Access::Delete,
        Access::Write,
        Access::Admin,
    ];

    fn allowed(identity: &Identity) -> String {
        ALL.iter().map(|access| if identity.may(*access).is_ok() { 'y' } else { '-' }).collect()
    }

    #[test]
    fn everybody_may_what_the_table_says() {
        let holder = |scope| Identity::Holder { name: "a".into(), scope };
        let unknown = |records, looks| Identity::Unknown { records, looks, unchecked: false };
        for (identity, want) in [
            (Identity::Owner, "yyyyyyyy"),
            (holder(Some(Scope::Admin)), "yyyyyyyy"),
            (holder(Some(Scope::Write)), "yyyyyyy-"),
            (holder(Some(Scope::Delete)), "yyyyyy--"),
            (holder(Some(Scope::Read)), "yyyyy---"),
            (holder(None), "yyy-----"),
            (unknown(Records::Yes, false), "yyy-----"),
            (unknown(Records::No, false), "y-y-----"),
            // Even in mode `open` nothing is run, and nothing is read that was printed.
            (unknown(Records::Yes, true), "yyyy----"),
        ] {
            assert_eq!(allowed(&identity), want, "{identity:?}");
        }
    }

    #[test]
    fn who_is_unknown_is_asked_for_a_token_and_who_is_known_is_told_what_is_missing() {
        let records = Records::AsJson;
        let unknown = Identity::Unknown { records, looks: true, unchecked: false };
        assert_eq!(unknown.may(Access::Write).unwrap_err().status, 401);
        let told = unknown.may(Access::Record).unwrap_err();
        assert!(told.status == 401 && told.detail.contains("application/json"), "{told}");
        let known = Identity::Holder { name: "a".into(), scope: Some(Scope::Read) };
        let told = known.may(Access::Write).unwrap_err();
        assert!(told.status == 403 && told.detail.contains("`write`"), "{told}");
    }
}
