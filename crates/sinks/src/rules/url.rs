//! Where to post to.

use std::{fmt, str::FromStr};

use hyper::Uri;

/// An `http://` address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    host: String,
    port: u16,
    path: String,
}

impl Url {
    /// Name or address, as it is looked up.
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// As the header `Host` has it.
    pub fn authority(&self) -> String {
        match self.port {
            80 => self.host.clone(),
            port => format!("{}:{port}", self.host),
        }
    }

    /// Path and query.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shown: String = text.chars().take(60).collect();
        let shown = shown.escape_debug();
        let bad =
            |why: &str| format!("`{shown}` {why}: write for example http://localhost:8080/hook");
        let uri: Uri = text.parse().map_err(|_| bad("is no URL"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => {
                return Err(format!(
                    "`{shown}`: https is not built in; let a program do it: \
                     run = [\"curl\", \"-sSf\", \"-H\", \"content-type: application/json\", \
                     \"--data-binary\", \"@-\", \"https://…\"]"
                ));
            }
            _ => return Err(bad("is no http:// URL")),
        }
        let authority = uri.authority().ok_or_else(|| bad("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("has a user in it, which is not sent"));
        }
        if authority.host().is_empty() {
            return Err(bad("names no host"));
        }
        // A port that is none reads as none at all.
        let after = &authority.as_str()[authority.host().len()..];
        let port = match after.strip_prefix(':') {
            None => 80,
            Some(port) => {
                port.parse().ok().filter(|port| *port > 0).ok_or_else(|| bad("has a bad port"))?
            }
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self { host: authority.host().to_owned(), port, path: path.to_owned() })
    }
}

/// Without the path, which may be a secret.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, host, port, path, shown) in [
            ("http://localhost", "localhost", 80, "/", "http://localhost"),
            ("http://a.b:8080/x?y=z", "a.b", 8080, "/x?y=z", "http://a.b:8080"),
            ("http://[::1]:9/", "::1", 9, "/", "http://[::1]:9"),
        ] {
            let url: Url = text.parse().unwrap();
            let read = (url.host(), url.port(), url.path(), url.to_string());
            assert_eq!(read, (host, port, path, shown.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_posted_to_says_what_could() {
        for (text, want) in [
            ("", "is no URL"),
            ("localhost:80", "is no"),
            ("ftp://x/", "is no http:// URL"),
            ("http://", "is no URL"),
            ("http://user:pw@host/", "has a user in it"),
            ("http://host:99999/", "bad port"),
            ("http://host:/", "bad port"),
            ("http://ho st/", "is no URL"),
            ("https://host/", "run = [\"curl\""),
        ] {
            let error = text.parse::<Url>().unwrap_err();
            assert!(error.contains(want), "{text}: {error}");
        }
    }
}
