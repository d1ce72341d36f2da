//! What tmux prints: names and paths in it hold any bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wk_sources::tmux::{agent_name, parse_listing, parse_messages};

fuzz_target!(|data: &[u8]| {
    let _ = parse_listing(data, false);
    if let Some(listing) = parse_listing(data, true) {
        assert_ne!(listing.pid, 0);
        for session in &listing.sessions {
            assert!(session.id.starts_with('$') && session.id.len() > 1);
            assert!(listing.panes.iter().any(|pane| pane.session == session.id));
        }
    }
    for message in parse_messages(data) {
        assert!(!message.client.contains(' ') && message.command.chars().count() <= 1024);
    }
    let words: Vec<String> =
        data.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into()).collect();
    let _ = agent_name(words.first().map_or("", String::as_str), &words);
    // A name cannot pass itself off as another session.
    let name = String::from_utf8_lossy(data).into_owned();
    let field = |text: &str| format!("{}:{text}", text.len());
    let record = |kind: char, fields: &[&str]| {
        format!("{kind}{}\n", fields.iter().map(|text| field(text)).collect::<String>())
    };
    let mut text = record('i', &["3.3a", "42", "7"]);
    text += &record('s', &["$0", &name, "7", "0", "0"]);
    text += &record(
        'p',
        &[
            "$0", "@0", "0", &name, "l", "1", "7", "80", "24", "%0", "0", "1", "0", "43",
            "/dev/pts/0", &name,
        ],
    );
    let listing = parse_listing(text.as_bytes(), true).expect("this is a listing");
    assert_eq!((listing.sessions.len(), listing.panes.len()), (1, 1));
    assert_eq!(listing.sessions[0].name, name);
});
