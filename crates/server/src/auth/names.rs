//! Which names a request may use for this machine, and which pages may send one.
//!
//! A page of a foreign site whose name is made to lead to 127.0.0.1 arrives with that site's
//! name as its host; a page that calls us across sites says where it is from. Both are refused.

/// The host part of `host` or `host:port`, in lower case; none where it is neither.
fn host_of(authority: &str) -> Option<String> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (format!("[{host}]"), rest.strip_prefix(':').or(rest.is_empty().then_some("0"))?)
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host.to_owned(), port),
            None => (authority.to_owned(), "0"),
        },
    };
    let is_port = !port.is_empty() && port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
    (is_port && !host.is_empty()).then(|| host.to_ascii_lowercase())
}

/// Whether a `Host` is one of ours: a name of the loopback, or one of `hosts`.
pub fn host_is_known(authority: &str, hosts: &[String]) -> bool {
    let Some(host) = host_of(authority) else { return false };
    let loopback = ["localhost", "127.0.0.1", "[::1]"].contains(&host.as_str());
    loopback || hosts.iter().any(|known| known.eq_ignore_ascii_case(&host))
}

/// Whether a page of this origin may call: our own, by the name that it used for us, or one of
/// `origins`.
pub fn origin_is_known(origin: &str, host: &str, origins: &[String]) -> bool {
    let own = origin.strip_prefix("http://").is_some_and(|rest| rest.eq_ignore_ascii_case(host));
    own || origins.iter().any(|known| known.eq_ignore_ascii_case(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_hosts() {
        for good in ["localhost", "LOCALHOST:8678", "127.0.0.1:1", "[::1]", "[::1]:8678"] {
            assert!(host_is_known(good, &[]), "{good}");
        }
        for bad in [
            "",
            ":",
            ":80",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8678",
            "127.0.0.1@evil.example",
            "127.0.0.1:x",
            "127.0.0.1:",
            "[::1",
            "[::1]x",
            "localhost:1:2",
            "2130706433",
            "0.0.0.0",
            "127.1",
            "localhost.",
            "localhost:123456",
        ] {
            assert!(!host_is_known(bad, &[]), "{bad}");
        }
        assert!(host_is_known("Box.lan:8678", &["box.lan".into()]));
    }

    #[test]
    fn only_our_own_pages_and_listed_ones_call() {
        let host = "127.0.0.1:8678";
        assert!(origin_is_known("http://127.0.0.1:8678", host, &[]));
        for bad in
            ["null", "", "http://127.0.0.1:5173", "https://127.0.0.1:8678", "http://evil.example"]
        {
            assert!(!origin_is_known(bad, host, &[]), "{bad}");
        }
        assert!(origin_is_known("http://localhost:5173", host, &["http://localhost:5173".into()]));
    }
}
