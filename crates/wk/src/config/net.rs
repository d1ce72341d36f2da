//! Values of `[server]`, `[auth]` and `[client]`.

use std::{net::SocketAddr, path::PathBuf, str::FromStr};

use super::raw::{Raw, absolute_path, mismatch, text};

/// No list of names is longer.
const MOST: usize = 256;

/// Where to listen; none: nowhere.
pub(super) fn address(raw: Raw<'_>) -> Result<Option<SocketAddr>, String> {
    const WANT: &str = "an address with a port like \"127.0.0.1:8678\", or \"none\"";
    match text(raw, WANT)? {
        "none" => Ok(None),
        text => text.parse().map(Some).map_err(|_| mismatch(Raw::Text(text), WANT)),
    }
}

/// Where somebody listens who speaks MCP over HTTP.
pub(super) fn endpoint(raw: Raw<'_>) -> Result<String, String> {
    const WANT: &str = "an address like \"http://127.0.0.1:8678/mcp\"";
    let found = text(raw, WANT)?;
    let rest = found.strip_prefix("http://").or_else(|| found.strip_prefix("https://"));
    let host = rest.and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default();
    let is_plain = !found.contains(|c: char| c.is_whitespace() || c.is_control());
    // A name and a password before the host would be shown wherever the address is.
    match !host.is_empty() && !host.contains('@') && is_plain {
        true => Ok(found.to_owned()),
        false => Err(mismatch(Raw::Text(found), WANT)),
    }
}

/// One of a few words.
pub(super) fn word<T: FromStr<Err = String>>(raw: Raw<'_>, want: &str) -> Result<T, String> {
    text(raw, want)?.parse()
}

/// Names without white space, like those of issuers.
pub(super) fn names(raw: Raw<'_>) -> Result<Vec<String>, String> {
    list(raw, "a list of names", |name| !name.contains(char::is_whitespace))
}

/// Names of hosts, without ports.
pub(super) fn hosts(raw: Raw<'_>) -> Result<Vec<String>, String> {
    list(raw, "a list of host names without ports", |host| {
        let in_brackets = host.starts_with('[') && host.ends_with(']');
        in_brackets || !host.contains([':', '/', '@', ' ', '*'])
    })
}

/// Origins of pages, as browsers write them.
pub(super) fn origins(raw: Raw<'_>) -> Result<Vec<String>, String> {
    list(raw, "a list of origins like \"http://localhost:5173\"", |origin| {
        let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        rest.is_some_and(|host| !host.is_empty() && !host.contains(['/', ' ', '*']))
    })
}

/// A file, or none.
pub(super) fn optional_path(raw: Raw<'_>) -> Result<Option<PathBuf>, String> {
    match raw {
        Raw::Text("none") | Raw::Variable("none") => Ok(None),
        raw => absolute_path(raw).map(Some),
    }
}

/// A list as `config.toml` would have it.
pub(super) fn show(list: &[String]) -> String {
    toml::Value::Array(list.iter().map(|text| toml::Value::from(text.as_str())).collect())
        .to_string()
}

/// Texts; a variable has commas between them.
fn list(raw: Raw<'_>, want: &str, fits: impl Fn(&str) -> bool) -> Result<Vec<String>, String> {
    let found: Vec<&str> = match raw {
        Raw::List(values) => {
            let texts = values.iter().map(|value| value.get_ref().as_str());
            texts.collect::<Option<_>>().ok_or_else(|| format!("must be {want}"))?
        }
        Raw::Variable(text) => {
            text.split(',').map(str::trim).filter(|text| !text.is_empty()).collect()
        }
        other => return Err(mismatch(other, want)),
    };
    match found.iter().find(|text| text.is_empty() || text.len() > 256 || !fits(text)) {
        Some(bad) => Err(mismatch(Raw::Text(bad), want)),
        None if found.len() > MOST => Err(format!("must be at most {MOST}")),
        None => Ok(found.into_iter().map(str::to_owned).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_lists_are_checked() {
        assert_eq!(address(Raw::Text("none")), Ok(None));
        assert_eq!(address(Raw::Variable("[::1]:0")), Ok(Some("[::1]:0".parse().unwrap())));
        for bad in ["", "8678", "localhost:8678", "127.0.0.1", "127.0.0.1:99999"] {
            assert!(address(Raw::Text(bad)).is_err(), "{bad}");
        }
        assert_eq!(names(Raw::Variable("a, b")), Ok(vec!["a".into(), "b".into()]));
        assert_eq!(hosts(Raw::Variable("box.lan,[fe80::1]")).unwrap().len(), 2);
        assert!(hosts(Raw::Variable("box:80")).is_err() && hosts(Raw::Variable("*")).is_err());
        assert!(origins(Raw::Variable("http://localhost:5173")).is_ok());
        for bad in ["localhost:5173", "http://", "http://a/b", "https://*", "null"] {
            assert!(origins(Raw::Variable(bad)).is_err(), "{bad}");
        }
    }
}
