//! Lines as agents write them, whole and in pieces.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn claude(id: &str, output: u64) -> String {
    json!({"type": "assistant", "requestId": "r", "message": {"id": id, "model": "m-1",
        "content": [{"type": "text", "text": "…"}],
        "usage": {"input_tokens": 2, "cache_read_input_tokens": 100,
            "cache_creation_input_tokens": 30, "output_tokens": output,
            "server_tool_use": {"web_search_requests": 0}}}})
    .to_string()
}

fn counted(lines: &[String]) -> Option<Tokens> {
    let mut counter = Counter::default();
    for line in lines {
        counter.feed(format!("{line}\n").as_bytes());
    }
    counter.tokens()
}

#[test]
fn a_message_counts_once_with_its_largest_numbers() {
    let lines = [
        claude("a", 5),
        claude("a", 90),
        claude("a", 90),
        json!({"type": "user", "message": {"content": "\"usage\""}}).to_string(),
        claude("b", 10),
        // Said again after a resume.
        claude("a", 90),
    ];
    let want = Tokens {
        input: 4,
        output: 100,
        cache_read: 200,
        cache_creation: 60,
        messages: 2,
        model: Some("m-1".into()),
        cost_usd: None,
    };
    assert_eq!(counted(&lines), Some(want));
}

#[test]
fn what_an_agent_says_that_it_cost_is_told_and_nothing_else() {
    let mut line: serde_json::Value = serde_json::from_str(&claude("a", 1)).unwrap();
    line["costUSD"] = json!(0.0421);
    let other = line.to_string().replace("\"a\"", "\"b\"");
    let tokens = counted(&[line.to_string(), line.to_string(), other]).unwrap();
    assert_eq!(tokens.cost_usd.as_deref(), Some("0.0842"));
}

#[test]
fn money_reads_back() {
    for nano in [0, 1, 42_100_000, 1_000_000_000, 123_456_789_012] {
        assert_eq!(nano_dollars(&dollars(nano)), Some(nano));
    }
    for bad in ["", ".5", "1.0000000001", "-1", "1e3", "99999999999999999999"] {
        assert_eq!(nano_dollars(bad), None, "{bad}");
    }
}

#[test]
fn codex_says_what_it_has_come_to() {
    let total = |input: u64| {
        json!({"timestamp": "…", "type": "event_msg", "payload": {"type": "token_count", "info":
            {"total_token_usage": {"input_tokens": input, "cached_input_tokens": 10,
                "output_tokens": 7, "reasoning_output_tokens": 3, "total_tokens": input + 7}}}})
        .to_string()
    };
    let lines = [
        json!({"type": "turn_context", "payload": {"model": "m-5"}}).to_string(),
        json!({"type": "event_msg", "payload": {"type": "token_count", "info": null}}).to_string(),
        total(20),
        total(20),
        total(50),
    ];
    let tokens = counted(&lines).unwrap();
    assert_eq!((tokens.input, tokens.cache_read, tokens.output), (40, 10, 7));
    assert_eq!((tokens.messages, tokens.model.as_deref()), (2, Some("m-5")));
}

#[test]
fn gemini_writes_a_message_anew_when_it_knows_more() {
    let message = |output: u64| {
        json!({"id": "x", "type": "gemini", "model": "m-3", "tokens": {"input": 100,
            "output": output, "cached": 40, "thoughts": 6, "tool": 1, "total": 0}})
    };
    let lines = [
        json!({"sessionId": "s", "kind": "main"}).to_string(),
        message(0).to_string(),
        message(20).to_string(),
        json!({"$set": {"messages": [message(20), {"id": "y", "type": "user"}]}}).to_string(),
    ];
    let tokens = counted(&lines).unwrap();
    assert_eq!((tokens.input, tokens.cache_read, tokens.output), (61, 40, 26));
    assert_eq!(tokens.messages, 1);
}

#[test]
fn what_is_no_transcript_counts_nothing() {
    let deep = format!("{{\"type\":\"assistant\",\"usage\":{}", "[".repeat(100_000));
    let bad = [
        "".into(),
        "not json \"usage\"".into(),
        deep,
        json!({"type": "assistant", "message": {"usage": 7}}).to_string(),
        json!({"type": "assistant", "message": "\"usage\""}).to_string(),
        json!({"type": 1, "usage": {}}).to_string(),
        json!([{"usage": {}}]).to_string(),
    ];
    assert_eq!(counted(&bad), None);
    let strange = json!({"type": "assistant", "message": {"id": 7, "model": "a\u{1b}[2Jb",
        "usage": {"input_tokens": -1, "output_tokens": "x", "cache_read_input_tokens": u64::MAX}}});
    let tokens = counted(&[strange.to_string(), strange.to_string()]).unwrap();
    assert_eq!((tokens.input, tokens.output, tokens.messages), (0, 0, 2));
    assert_eq!(tokens.model.as_deref(), Some("a[2Jb"));
}

#[test]
fn a_line_without_an_end_does_not_fill_the_memory() {
    let mut counter = Counter::default();
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..40 {
        counter.feed(&piece);
        assert!(counter.rest.capacity() <= 2 * LONGEST_LINE);
    }
    assert!(counter.rest.is_empty());
    counter.feed(format!("\n{}\n", claude("a", 1)).as_bytes());
    assert_eq!(counter.tokens().unwrap().messages, 1);
}

#[test]
fn ever_new_messages_do_not_fill_the_memory() {
    let mut counter = Counter::default();
    for number in 0..REMEMBERED + 100 {
        counter.message(Some(number as u64), Usage { output: 1, ..Usage::default() });
    }
    assert_eq!((counter.messages.len(), counter.order.len()), (REMEMBERED, REMEMBERED));
    assert_eq!(counter.tokens().unwrap().output, REMEMBERED as u64 + 100);
}

proptest! {
    #[test]
    fn pieces_count_like_the_whole(
        messages in prop::collection::vec(("[a-c]", 0..9_u64), 0..12),
        cuts in prop::collection::vec(0..4000_usize, 0..6),
    ) {
        let text: String = messages.iter().map(|(id, output)| claude(id, *output) + "\n").collect();
        let mut whole = Counter::default();
        whole.feed(text.as_bytes());
        let (mut pieces, mut from) = (Counter::default(), 0);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.sort_unstable();
        for cut in cuts.into_iter().chain([text.len()]) {
            pieces.feed(&text.as_bytes()[from..cut]);
            from = cut;
        }
        prop_assert_eq!(whole.tokens(), pieces.tokens());
        let mut largest = HashMap::new();
        for (id, output) in messages {
            let known = largest.entry(id).or_insert(0);
            *known = output.max(*known);
        }
        let tokens = whole.tokens().unwrap_or_default();
        prop_assert_eq!(tokens.output, largest.values().sum::<u64>());
        prop_assert_eq!(tokens.messages, largest.len() as u64);
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut counter = Counter::default();
        counter.feed(&bytes);
        let _ = counter.tokens();
    }
}
