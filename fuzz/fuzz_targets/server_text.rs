//! What strangers send over TCP: tokens, names of hosts, origins, events of other programs.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wk_model::Time;
use wk_server::{
    auth::{JwtPolicy, Secret, host_is_known, origin_is_known, verify_jwt},
    kept_events,
};

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = data.split_first() else { return };
    if kind % 2 == 0 {
        // Nothing that is taken in is longer than the bound says, or no JSON.
        for text in kept_events(bytes, 4096).unwrap_or_default() {
            assert!(text.len() <= 4096, "{}", text.len());
            let value = serde_json::from_str::<serde_json::Value>(&text).expect("it is JSON");
            assert!(value.is_object());
        }
        return;
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let secret = Secret::new("4f9c1d77a0b84e7c9d02c1e8b5a6f310").expect("a secret");
    let policy = JwtPolicy { secret, issuers: vec!["a".into()], audiences: vec!["b".into()] };
    // Nobody here knows how to sign.
    assert!(verify_jwt(text, &policy, Time::from_millis(0)).is_err());
    if host_is_known(text, &[]) {
        let host = text.rsplit_once(':').map_or(text, |(host, _)| host).to_ascii_lowercase();
        assert!(["localhost", "127.0.0.1", "[::1]", "[:"].contains(&host.as_str()), "{text}");
    }
    let _ = origin_is_known(text, "localhost", &[]);
});
