//! Texts by hand, and texts of every shape.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{agent::Version, json::Dialect};

const HOOK: &str = "/usr/bin/wk-hook";

fn hooks(agent: Agent) -> Vec<Registration> {
    agent.hooks_of(Some(Version(9, 9, 9)), &[])
}

/// One event is enough to see where things go.
fn stop(agent: Agent) -> Vec<Registration> {
    hooks(agent).into_iter().filter(|hook| ["Stop", "AfterAgent"].contains(&hook.event)).collect()
}

#[track_caller]
fn lands(agent: Agent, before: &str, after: &str) {
    let installed = install(before, agent, &stop(agent), HOOK).unwrap();
    assert_eq!(installed.text, after);
    assert!(only_ours_differs(before, after, agent));
    assert_eq!(remove(after, agent, Some(&installed.record)).unwrap(), before);
}

#[test]
fn a_new_file_reads_well() {
    lands(
        Agent::Claude,
        "",
        r#"{
  "hooks": {
    "Stop": [
      {
        "hooks": [
          {
            "type": "command",
            "command": "/usr/bin/wk-hook",
            "args": ["claude"],
            "timeout": 10
          }
        ]
      }
    ]
  }
}
"#,
    );
}

#[test]
fn what_is_there_stays_and_gives_the_layout() {
    lands(
        Agent::Codex,
        "{\n\t\"b\" : 1,\n\t\"hooks\": {\n\t\t\"Stop\": [ {\"hooks\": []} ]\n\t}, \"a\": [ ]\n}",
        "{\n\t\"b\" : 1,\n\t\"hooks\": {\n\t\t\"Stop\": [ {\"hooks\": []}, {\"hooks\": [{\"type\": \"command\", \"command\": \"/usr/bin/wk-hook codex\", \"timeout\": 10}]} ]\n\t}, \"a\": [ ]\n}",
    );
    lands(
        Agent::Codex,
        "{\r\n    \"a\": 1\r\n}\r\n",
        "{\r\n    \"a\": 1,\r\n    \"hooks\": {\r\n        \"Stop\": [\r\n            {\r\n                \"hooks\": [\r\n                    {\r\n                        \"type\": \"command\",\r\n                        \"command\": \"/usr/bin/wk-hook codex\",\r\n                        \"timeout\": 10\r\n                    }\r\n                ]\r\n            }\r\n        ]\r\n    }\r\n}\r\n",
    );
}

#[test]
fn a_text_on_one_line_stays_on_it() {
    lands(
        Agent::Codex,
        r#"{"a":1}"#,
        r#"{"a":1,"hooks":{"Stop":[{"hooks":[{"type":"command","command":"/usr/bin/wk-hook codex","timeout":10}]}]}}"#,
    );
    lands(
        Agent::Codex,
        r#"{"a": 1, "hooks": {}}"#,
        r#"{"a": 1, "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "/usr/bin/wk-hook codex", "timeout": 10}]}]}}"#,
    );
}

#[test]
fn comments_stay_where_they_are() {
    lands(
        Agent::Gemini,
        "// mine\n{\n  \"a\": 1 // one\n  /* end */\n}\n",
        "// mine\n{\n  \"a\": 1, // one\n  /* end */\n  \"hooks\": {\n    \"AfterAgent\": [\n      {\n        \"hooks\": [\n          {\n            \"name\": \"watchkeeper\",\n            \"type\": \"command\",\n            \"command\": \"/usr/bin/wk-hook gemini\",\n            \"timeout\": 10000\n          }\n        ]\n      }\n    ]\n  }\n}\n",
    );
}

#[test]
fn what_would_not_be_read_is_refused_with_its_place() {
    for (text, want) in [
        ("{\n  \"a\": 1,\n}", "line 3, column 1: a key in double quotes is expected, not `}`"),
        ("[]", "line 1, column 1: settings are an object, not a list"),
        ("{\n  \"hooks\": []}", "line 2, column 12: `hooks` is a list, not an object"),
        ("{\"hooks\": {\"Stop\": {}}}", "line 1, column 20: `hooks.Stop` is an object, not a list"),
    ] {
        let refused = install(text, Agent::Claude, &stop(Agent::Claude), HOOK).unwrap_err();
        assert_eq!(refused.to_string(), want);
    }
}

#[test]
fn what_is_installed_is_known_again_however_it_was_written_since() {
    for agent in [Agent::Claude, Agent::Codex, Agent::Gemini] {
        let installed = install("{}", agent, &hooks(agent), HOOK).unwrap();
        let value: Value = serde_json::from_str(&installed.text).unwrap();
        let rewritten = serde_json::to_string(&value).unwrap();
        for text in [&installed.text, &rewritten] {
            let found = look(text, agent).unwrap();
            assert!(is_installed(&found, &hooks(agent), agent, HOOK), "{text}");
            assert!(!is_installed(&found, &hooks(agent), agent, "/opt/wk-hook"));
            assert!(!is_installed(&found, &stop(agent), agent, HOOK));
        }
        assert_eq!(remove(&rewritten, agent, Some(&installed.record)).unwrap(), "{}");
    }
}

#[test]
fn others_hooks_stay_whoever_wrote_the_file_since() {
    let before = r#"{"hooks": {"Stop": [], "PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "mine"}]}]}, "z": 1}"#;
    let installed = install(before, Agent::Claude, &hooks(Agent::Claude), HOOK).unwrap();
    let mut value: Value = serde_json::from_str(&installed.text).unwrap();
    value["permissions"] = json!({"allow": ["Bash(ls)"]});
    // Somebody moved our entry into a group of their own.
    let ours = value["hooks"]["PreToolUse"][1]["hooks"][0].clone();
    value["hooks"]["PreToolUse"][0]["hooks"].as_array_mut().unwrap().push(ours);
    let edited = serde_json::to_string_pretty(&value).unwrap();
    let after = remove(&edited, Agent::Claude, Some(&installed.record)).unwrap();
    let mut want: Value = serde_json::from_str(before).unwrap();
    want["permissions"] = json!({"allow": ["Bash(ls)"]});
    assert_eq!(serde_json::from_str::<Value>(&after).unwrap(), want);
    // Where nobody knows that `Stop` was empty before, it goes with what was in it.
    let after = remove(&edited, Agent::Claude, None).unwrap();
    want["hooks"].as_object_mut().unwrap().remove("Stop");
    assert_eq!(serde_json::from_str::<Value>(&after).unwrap(), want);
}

/// JSON written as nobody would write it.
fn odd_text(dialect: Dialect) -> BoxedStrategy<String> {
    let blank = match dialect {
        Dialect::Strict => "[ \t\r\n]{0,3}".boxed(),
        Dialect::WithComments => {
            prop_oneof![4 => "[ \t\n]{0,3}", 1 => "//[ a-z\"{}]{0,5}\n", 1 => "/\\*[ a-z\"{}\n]{0,5}\\*/"]
                .boxed()
        }
    };
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("-1.5e3".to_owned()),
        "\"([a-zé/* \\[\\]{}]|\\\\\"|\\\\n){0,6}\"",
        Just("\"wk-hook\"".to_owned()),
    ];
    let joined =
        |open: &'static str, parts: Vec<(String, String)>, close: &'static str, last: String| {
            let body: Vec<String> =
                parts.into_iter().map(|(before, part)| before + &part).collect();
            format!("{open}{}{last}{close}", body.join(","))
        };
    let (around, inner) = (blank.clone(), blank.clone());
    let value = scalar.prop_recursive(3, 12, 4, move |value| {
        let (key, blank) = ("\"[a-c]\"".boxed(), inner.clone());
        let spaced = (blank.clone(), value).prop_map(|(blank, value)| blank + &value);
        let item = (spaced.clone(), blank.clone());
        let item = item.prop_map(|(value, after)| (String::new(), value + &after));
        let member = (blank.clone(), key, blank.clone(), spaced, blank.clone()).prop_map(
            |(before, key, middle, value, after)| (before, format!("{key}{middle}:{value}{after}")),
        );
        prop_oneof![
            (prop::collection::vec(item, 0..4), blank.clone())
                .prop_map(move |(items, last)| joined("[", items, "]", last)),
            (prop::collection::vec(member, 0..4), blank.clone())
                .prop_map(move |(members, last)| joined("{", members, "}", last)),
        ]
    });
    let group = (blank.clone(), value.clone(), blank.clone()).prop_map(|(before, value, after)| {
        (String::new(), format!("{before}{{\"matcher\":\"x\",{before}\"hooks\":[{value}]}}{after}"))
    });
    let groups = (prop::collection::vec(group, 0..3), blank.clone())
        .prop_map(move |(groups, last)| joined("[", groups, "]", last));
    let event = prop_oneof![Just("\"Stop\""), Just("\"AfterAgent\""), Just("\"Other\"")];
    let events = (blank.clone(), event, blank.clone(), groups, blank.clone()).prop_map(
        |(before, event, middle, groups, after)| {
            (before, format!("{event}:{middle}{groups}{after}"))
        },
    );
    let hooks = (prop::collection::vec(events, 0..3), blank.clone())
        .prop_map(move |(events, last)| joined("{", events, "}", last));
    let member = (blank.clone(), "\"[a-c]\"", blank.clone(), value, blank.clone()).prop_map(
        |(before, key, middle, value, after)| (before, format!("{key}:{middle}{value}{after}")),
    );
    let hooks = (blank.clone(), hooks, blank.clone())
        .prop_map(|(before, hooks, after)| (before, format!("\"hooks\":{hooks}{after}")));
    let root = prop::collection::vec(prop_oneof![2 => member, 1 => hooks], 0..4);
    (around.clone(), root, blank.clone(), around)
        .prop_map(move |(before, members, last, after)| {
            format!("{before}{}{after}", joined("{", members, "}", last))
        })
        .boxed()
}

fn comes_and_goes(agent: Agent, before: &str) -> Result<(), TestCaseError> {
    let wanted = hooks(agent);
    let installed = install(before, agent, &wanted, HOOK)
        .map_err(|error| TestCaseError::fail(format!("{error} in {before}")))?;
    let text = &installed.text;
    prop_assert!(only_ours_differs(before, text, agent), "{}", text);
    prop_assert!(is_installed(&look(text, agent).unwrap(), &wanted, agent, HOOK), "{}", text);
    prop_assert_eq!(remove(text, agent, Some(&installed.record)).unwrap(), before);
    // Without knowing what was put in, all that is ours goes, and nothing else.
    let left = remove(text, agent, None).unwrap();
    prop_assert!(look(&left, agent).unwrap().is_empty(), "{}", left);
    prop_assert!(only_ours_differs(before, &left, agent), "{} became {}", text, left);
    // And the same after a change in another place.
    let edited = format!("{text}\n ");
    let left = remove(&edited, agent, Some(&installed.record)).unwrap();
    prop_assert!(look(&left, agent).unwrap().is_empty(), "{}", left);
    prop_assert!(only_ours_differs(before, &left, agent), "{} became {}", edited, left);
    Ok(())
}

proptest! {
    #[test]
    fn what_goes_in_comes_out_of_json(before in odd_text(Dialect::Strict)) {
        comes_and_goes(Agent::Claude, &before)?;
        comes_and_goes(Agent::Codex, &before)?;
    }

    #[test]
    fn what_goes_in_comes_out_of_json_with_comments(before in odd_text(Dialect::WithComments)) {
        comes_and_goes(Agent::Gemini, &before)?;
    }

    #[test]
    fn no_text_is_too_strange(text in "[\\[\\]{}\",:/*\\\\ \na-z0-9é]{0,60}", agent in 0..3_usize) {
        let agent = Agent::ALL[agent];
        if let Ok(installed) = install(&text, agent, &hooks(agent), HOOK) {
            prop_assert_eq!(remove(&installed.text, agent, Some(&installed.record)).unwrap(), text.as_str());
        }
        let _ = remove(&text, agent, None);
    }
}
