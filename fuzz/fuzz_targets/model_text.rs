//! Ids, names, labels, system text and events, read from text that anybody may have written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wk_model::{Change, Label, Name, OsText, SessionId};

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        if let Ok(id) = text.parse::<SessionId>() {
            assert_eq!(id.as_str(), text);
        }
        if let Ok(name) = text.parse::<Name>() {
            assert_eq!(name.as_str(), text);
        }
        if let Ok(label) = text.parse::<Label>() {
            assert!(Label::new(&label.key, &label.value).is_ok());
        }
    }
    if let Ok(text) = serde_json::from_slice::<OsText>(data) {
        let again = serde_json::to_vec(&text).expect("it has a JSON form");
        assert_eq!(serde_json::from_slice::<OsText>(&again).ok(), Some(text));
    }
    if let Ok(change) = serde_json::from_slice::<Change>(data) {
        let again = serde_json::to_vec(&change).expect("it has a JSON form");
        assert_eq!(serde_json::from_slice::<Change>(&again).ok(), Some(change));
    }
});
