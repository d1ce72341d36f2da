//! What looks a little like a secret and is none.

use std::borrow::Cow;

use wk_mask::mask_text;

use crate::{ALNUM, body, mask_string};

#[test]
fn ordinary_text_is_left_alone() {
    for text in [
        "",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "id 7d444840-9dc0-11d1-b245-5ffdce74fad2 done",
        "tokenizer=sentencepiece-model-v2",
        "wk run --max-tokens=100000 --name a",
        "max_tokens: 1000000000",
        "task-abcdefghijklmnopqrstuvwxyz0123456789",
        "risk-abcdefghijklmnopqrstuvwxyz0123456789",
        "class=\"sk-folding-cube sk-chasing-dot-before-animation\"",
        "hf_transformers_model_loading_utilities_for_tests",
        "npm_config_user_agent npm_lifecycle_script_name_of_the_package",
        "github_pat_is_missing",
        "use secret::SecretString; if token == other_token_value {",
        "fn token(&self) -> Option<Token>",
        "password: ",
        "Password:",
        "token=",
        "token: null, secret: false",
        "--token <your-token-here>",
        "--password --verbose-output",
        "\"token\": \"\", \"b\": \"something long\"",
        "http://localhost:8080/path http://127.0.0.1:5173/",
        "https://example.com:443/@scope/package@1.2.3",
        "ssh://git@github.com/a/b.git user@host:/path/to/file.txt",
        "12:34:56.789012 [1234567890:12] 2024-11-20T18:24:52Z",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
        "data:application/json;base64,eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpbXX0=",
        "eyJhbGciOiJIUzI1NiJ9.notjson.x",
        "AKIA AKIASHORT ASIAN markets, SKILLS",
        "SG.com.example.some.module",
        "dapian circonference ciotola",
        "bearer of good news, Bearer token required",
        "the secret: keep calm",
        "ask(prompt='Password: ', stream=None); print(\"token=\" + shown)",
        "let token: Option<Token>; semi_token: Token![;], pw: input.parse()?",
        "MTDzADDw Monday NDTw MTA4",
        "\"-----BEGIN PRIVATE KEY-----\" marks a key",
        "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQsw\n",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7x user@host",
        "Zurück über Größe — “quoted” 日本語 ✔",
    ] {
        assert_eq!(mask_string(text), text);
        assert!(matches!(mask_text(text), Cow::Borrowed(same) if same == text));
    }
}

#[test]
fn single_strings_are_masked_like_streams() {
    let secret = body(ALNUM, 36);
    assert_eq!(
        mask_text(&format!("curl -H ghp_{secret} – ü")),
        format!("curl -H ghp_{} – ü", "*".repeat(36)),
    );
    let short = "curl ghp_tooshort";
    assert!(matches!(mask_text(short), Cow::Borrowed(same) if same == short));
}
