//! Web tokens (RFC 7519) of the programs that share a secret with us: HS256, and nothing else.
//!
//! Two shapes are out there. Today's: `sub, iss, aud, iat, exp, jti, scopes[]`. An older one,
//! which names no audience: `user_id, iss, iat, exp, type="access"`.
//!
//! Checked by hand: one algorithm, chosen by us and never by the token, is less code than the
//! options of a library, and brings no second cryptography into the house.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use serde::Deserialize;
use serde_json::Value;
use sha2::Sha256;
use wk_model::Time;

use super::{Scope, Secret};

/// No honest token is longer.
const MAX_LENGTH: usize = 8 << 10;

/// Clocks of two machines differ by less, where one says that a token is of the future.
const SKEW_SECONDS: f64 = 60.0;

/// Whom we believe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtPolicy {
    pub secret: Secret,
    pub issuers: Vec<String>,
    pub audiences: Vec<String>,
}

/// What a token that was believed says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    pub subject: String,
    pub issuer: String,
    /// None: it is good for recording only.
    pub scope: Option<Scope>,
}

/// Why a token is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadJwt {
    #[error("it is not a web token")]
    Shape,
    #[error("its algorithm is not HS256")]
    Algorithm,
    #[error("its signature is wrong")]
    Signature,
    #[error("it has expired")]
    Expired,
    #[error("it is not valid yet")]
    NotYet,
    #[error("its issuer is not on the list `[auth] issuers`")]
    Issuer,
    #[error("it is for another audience")]
    Audience,
    #[error("it says nothing of `{0}`")]
    Missing(&'static str),
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    /// Extensions that whoever reads it must understand: we know of none.
    crit: Option<Value>,
}

/// Claims as they come; what has the wrong type is as good as missing.
#[derive(Deserialize)]
struct Raw {
    sub: Option<Value>,
    user_id: Option<Value>,
    iss: Option<Value>,
    aud: Option<Value>,
    exp: Option<Value>,
    nbf: Option<Value>,
    iat: Option<Value>,
    #[serde(rename = "type")]
    kind: Option<Value>,
    scopes: Option<Value>,
    scope: Option<Value>,
}

/// Believes a token, or says why not. Nothing in it is looked at before its signature.
pub fn verify(token: &str, policy: &JwtPolicy, now: Time) -> Result<Claims, BadJwt> {
    if token.len() > MAX_LENGTH {
        return Err(BadJwt::Shape);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(BadJwt::Shape)?;
    let (header, claims) = signed.split_once('.').ok_or(BadJwt::Shape)?;
    let header: Header = part(header)?;
    if header.alg != "HS256" || header.crit.is_some() {
        return Err(BadJwt::Algorithm);
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| BadJwt::Shape)?;
    let mut mac =
        Hmac::<Sha256>::new_from_slice(policy.secret.bytes()).map_err(|_| BadJwt::Shape)?;
    mac.update(signed.as_bytes());
    // Takes as long for any wrong signature.
    mac.verify_slice(&signature).map_err(|_| BadJwt::Signature)?;
    check(&part(claims)?, policy, now)
}

fn part<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, BadJwt> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadJwt::Shape)?;
    serde_json::from_slice(&bytes).map_err(|_| BadJwt::Shape)
}

fn check(raw: &Raw, policy: &JwtPolicy, now: Time) -> Result<Claims, BadJwt> {
    let now = now.as_millis() as f64 / 1000.0;
    if now >= seconds(raw.exp.as_ref()).ok_or(BadJwt::Missing("exp"))? {
        return Err(BadJwt::Expired);
    }
    let starts = [&raw.nbf, &raw.iat].into_iter().filter_map(|start| seconds(start.as_ref()));
    if starts.into_iter().any(|start| start > now + SKEW_SECONDS) {
        return Err(BadJwt::NotYet);
    }
    let issuer = text(raw.iss.as_ref()).ok_or(BadJwt::Missing("iss"))?;
    if !policy.issuers.contains(&issuer) {
        return Err(BadJwt::Issuer);
    }
    let kind = text(raw.kind.as_ref());
    // A token that only gets new tokens is not one that opens doors.
    if raw.kind.is_some() && kind.as_deref() != Some("access") {
        return Err(BadJwt::Audience);
    }
    let subject = text(raw.sub.as_ref()).or_else(|| text(raw.user_id.as_ref()));
    let subject = subject.ok_or(BadJwt::Missing("sub"))?;
    let scope = match &raw.aud {
        Some(audience) if !is_for(audience, &policy.audiences) => return Err(BadJwt::Audience),
        Some(_) => scopes(raw),
        // The older shape, which knew no scopes either: whoever had it could look at everything.
        None if kind.is_some() => scopes(raw).or(Some(Scope::Read)),
        None => return Err(BadJwt::Missing("aud")),
    };
    Ok(Claims { subject, issuer, scope })
}

fn seconds(value: Option<&Value>) -> Option<f64> {
    value?.as_f64().filter(|seconds| seconds.is_finite())
}

fn text(value: Option<&Value>) -> Option<String> {
    let text = value?.as_str()?;
    (!text.is_empty()).then(|| text.chars().take(100).collect())
}

fn is_for(audience: &Value, ours: &[String]) -> bool {
    let is_ours = |name: &str| ours.iter().any(|own| own == name);
    match audience {
        Value::String(name) => is_ours(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is_ours),
        _ => false,
    }
}

/// The highest scope among those that it names, as a list or as words.
fn scopes(raw: &Raw) -> Option<Scope> {
    let words = match (&raw.scopes, &raw.scope) {
        (Some(Value::Array(words)), _) => words.iter().filter_map(Value::as_str).collect(),
        (Some(Value::String(words)), _) | (None, Some(Value::String(words))) => {
            words.split_ascii_whitespace().collect::<Vec<_>>()
        }
        _ => Vec::new(),
    };
    words.into_iter().filter_map(|word| word.parse().ok()).max()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn policy() -> JwtPolicy {
        JwtPolicy {
            secret: Secret::new("4f9c1d77a0b84e7c9d02c1e8b5a6f310").unwrap(),
            issuers: vec!["mahavishnu".into()],
            audiences: vec!["session-buddy".into()],
        }
    }

    fn sign(header: &Value, claims: &Value, secret: &Secret) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.bytes()).unwrap();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    fn claims() -> Value {
        json!({
            "sub": "shell", "iss": "mahavishnu", "aud": "session-buddy", "iat": NOW - 10,
            "exp": NOW + 10, "jti": "1", "scopes": ["read", "write"],
        })
    }

    fn tell(header: &Value, claims: &Value) -> Result<Claims, BadJwt> {
        let token = sign(header, claims, &policy().secret);
        verify(&token, &policy(), Time::from_millis(NOW * 1000))
    }

    fn with(key: &str, value: Value) -> Result<Claims, BadJwt> {
        let mut claims = claims();
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(key),
            value => claims.as_object_mut().unwrap().insert(key.into(), value),
        };
        tell(&json!({ "alg": "HS256", "typ": "JWT" }), &claims)
    }

    #[test]
    fn a_token_made_elsewhere_is_read() {
        // By Python: hmac.new(b"4f9c1d77a0b84e7c9d02c1e8b5a6f310", b"…", "sha256").
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhIiwiaXNzIjoibWFoYXZpc2hudSIsImF1ZCI6InNlc3Npb24tYnVkZHkiLCJleHAiOjE5MDAwMDAwMDAsInNjb3BlcyI6WyJyZWFkIl19.\
             MH2VxYi8bPwQZuTeR_jwjaIDLr5q6skRo3voiyMRGzM";
        let claims = verify(token, &policy(), Time::from_millis(NOW * 1000)).unwrap();
        assert_eq!(claims.scope, Some(Scope::Read));
    }

    #[test]
    fn both_shapes_are_believed() {
        let good = with("jti", json!("2")).unwrap();
        assert_eq!((good.subject.as_str(), good.scope), ("shell", Some(Scope::Write)));
        let old = json!({
            "user_id": "ann", "iss": "mahavishnu", "iat": NOW - 10, "exp": NOW + 10,
            "type": "access",
        });
        let old = tell(&json!({ "alg": "HS256" }), &old).unwrap();
        assert_eq!((old.subject.as_str(), old.scope), ("ann", Some(Scope::Read)));
        assert_eq!(with("aud", json!(["x", "session-buddy"])).unwrap().scope, Some(Scope::Write));
        assert_eq!(with("scopes", json!([])).unwrap().scope, None);
        assert_eq!(with("scopes", json!(["admin", 7])).unwrap().scope, Some(Scope::Admin));
        assert_eq!(with("scopes", json!(["delete", "read"])).unwrap().scope, Some(Scope::Delete));
        assert_eq!(with("exp", json!(NOW as f64 + 0.5)).unwrap().scope, Some(Scope::Write));
    }

    #[test]
    fn whatever_is_wrong_with_one_is_said() {
        for (key, value, want) in [
            ("exp", json!(NOW - 1), BadJwt::Expired),
            ("exp", json!(NOW), BadJwt::Expired),
            ("exp", json!("soon"), BadJwt::Missing("exp")),
            ("exp", Value::Null, BadJwt::Missing("exp")),
            ("nbf", json!(NOW + 100), BadJwt::NotYet),
            ("iat", json!(NOW + 100), BadJwt::NotYet),
            ("iss", json!("somebody"), BadJwt::Issuer),
            ("iss", Value::Null, BadJwt::Missing("iss")),
            ("aud", json!("akosha"), BadJwt::Audience),
            ("aud", json!([]), BadJwt::Audience),
            ("aud", json!(7), BadJwt::Audience),
            ("aud", Value::Null, BadJwt::Missing("aud")),
            ("sub", Value::Null, BadJwt::Missing("sub")),
            ("type", json!("refresh"), BadJwt::Audience),
        ] {
            assert_eq!(with(key, value.clone()), Err(want), "{key} = {value}");
        }
    }

    #[test]
    fn no_algorithm_but_ours_is_taken() {
        for algorithm in ["none", "None", "HS512", "RS256", "hs256", ""] {
            let told = tell(&json!({ "alg": algorithm }), &claims());
            assert_eq!(told, Err(BadJwt::Algorithm), "{algorithm}");
        }
        assert_eq!(
            tell(&json!({ "alg": "HS256", "crit": ["b64"] }), &claims()),
            Err(BadJwt::Algorithm)
        );
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let unsigned = format!("{}.{}.", encode(json!({ "alg": "none" })), encode(claims()));
        let now = Time::from_millis(NOW * 1000);
        assert_eq!(verify(&unsigned, &policy(), now), Err(BadJwt::Algorithm));
        let emptied = format!("{}.{}.", encode(json!({ "alg": "HS256" })), encode(claims()));
        assert_eq!(verify(&emptied, &policy(), now), Err(BadJwt::Signature));
    }

    #[test]
    fn what_is_signed_with_another_secret_or_changed_is_refused() {
        let (header, now) = (json!({ "alg": "HS256" }), Time::from_millis(NOW * 1000));
        let other = Secret::new("another secret of enough characters").unwrap();
        let forged = sign(&header, &claims(), &other);
        assert_eq!(verify(&forged, &policy(), now), Err(BadJwt::Signature));
        let good = sign(&header, &claims(), &policy().secret);
        for cut in 0..good.len() {
            assert!(verify(&good[..cut], &policy(), now).is_err(), "{cut}");
        }
        for text in ["", ".", "..", "...", "a.b.c", "é.é.é", &"a.".repeat(10_000)] {
            assert!(verify(text, &policy(), now).is_err(), "{text}");
        }
    }
}
