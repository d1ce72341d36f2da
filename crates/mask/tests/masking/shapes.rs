//! Secrets that are known by their own form.

use crate::{ALNUM, HEX, UPPER, URL64, body, mask_string};

#[test]
fn tokens_keep_their_prefix_and_lose_their_body() {
    for (prefix, alphabet, length) in [
        ("wkt_", URL64, 43),
        ("sk-ant-", URL64, 95),
        ("sk-proj-", URL64, 120),
        ("sk-svcacct-", URL64, 60),
        ("sk-", ALNUM, 48),
        ("ghp_", ALNUM, 36),
        ("gho_", ALNUM, 36),
        ("ghu_", ALNUM, 36),
        ("ghs_", ALNUM, 36),
        ("ghr_", ALNUM, 36),
        ("github_pat_", ALNUM, 82),
        ("glpat-", URL64, 20),
        ("gldt-", URL64, 20),
        ("glrt-", URL64, 20),
        ("glsoat-", URL64, 20),
        ("GR1348941", URL64, 20),
        ("AKIA", UPPER, 16),
        ("ASIA", UPPER, 16),
        ("AIza", URL64, 35),
        ("ya29.", URL64, 100),
        ("GOCSPX-", URL64, 28),
        ("1//0", URL64, 60),
        ("xoxb-", ALNUM, 40),
        ("xoxp-", ALNUM, 60),
        ("xapp-", ALNUM, 60),
        ("hooks.slack.com/services/", ALNUM, 44),
        ("sk_live_", ALNUM, 24),
        ("sk_test_", ALNUM, 24),
        ("rk_live_", ALNUM, 24),
        ("whsec_", ALNUM, 32),
        ("npm_", ALNUM, 36),
        ("pypi-AgE", URL64, 150),
        ("cio", ALNUM, 32),
        ("rubygems_", HEX, 48),
        ("dckr_pat_", URL64, 27),
        ("hf_", ALNUM, 34),
        ("gsk_", ALNUM, 52),
        ("r8_", ALNUM, 37),
        ("pplx-", ALNUM, 48),
        ("xai-", ALNUM, 80),
        ("nvapi-", URL64, 64),
        ("lsv2_pt_", HEX, 43),
        ("123456789:AA", URL64, 33),
        ("discord.com/api/webhooks/1100000000000000001/", URL64, 68),
        ("SK", HEX, 32),
        ("xkeysib-", HEX, 64),
        ("dop_v1_", HEX, 64),
        ("dapi", HEX, 32),
        ("fm2_", ALNUM, 60),
        ("HRKU-", URL64, 36),
        ("nfp_", ALNUM, 36),
        ("tskey-", ALNUM, 40),
        ("sbp_", HEX, 40),
        ("pscale_tkn_", URL64, 43),
        ("lin_api_", ALNUM, 40),
        ("ntn_", ALNUM, 46),
        ("secret_", ALNUM, 43),
        ("figd_", URL64, 40),
        ("ATATT3", ALNUM, 180),
        ("PMAK-", HEX, 59),
        ("shpat_", HEX, 32),
        ("sq0csp-", URL64, 43),
        ("glsa_", ALNUM, 41),
        ("NRAK-", UPPER, 27),
        ("sntrys_", ALNUM, 60),
        ("hvs.", URL64, 90),
        ("dp.pt.", ALNUM, 43),
        ("AGE-SECRET-KEY-1", UPPER, 58),
    ] {
        let secret = body(alphabet, length);
        let stars = "*".repeat(length);
        for (before, after) in
            [("", ""), ("key ", " end"), ("\"", "\","), ("x=", "\r\n"), ("é", "é")]
        {
            assert_eq!(
                mask_string(&format!("{before}{prefix}{secret}{after}")),
                format!("{before}{prefix}{stars}{after}"),
            );
        }
        let inside = format!("x{prefix}{}", &secret[..16.min(length)]);
        assert_eq!(mask_string(&inside), inside, "part of a word");
    }
}

#[test]
fn bodies_with_dots_keep_them_between_their_parts() {
    let (short, long) = (body(URL64, 22), body(URL64, 43));
    assert_eq!(
        mask_string(&format!("SG.{short}.{long}")),
        format!("SG.{}.{}", "*".repeat(22), "*".repeat(43)),
    );
    // The first part is a user id, which is public.
    let id = "MTA4NzY1";
    assert_eq!(
        mask_string(&format!("{id}{}.{}.{}", body(ALNUM, 18), body(URL64, 6), body(URL64, 38))),
        format!("{id}{}.{}.{}", "*".repeat(18), "*".repeat(6), "*".repeat(38)),
    );
    assert_eq!(
        mask_string(&format!("eyJ{}.eyJ{}.{}\n", body(ALNUM, 33), body(ALNUM, 70), long)),
        format!("eyJ{}.eyJ{}\n", "*".repeat(33), "*".repeat(70 + 1 + 43)),
    );
}

#[test]
fn control_sequences_do_not_join_a_token_to_the_word_before() {
    let secret = body(ALNUM, 36);
    let stars = "*".repeat(36);
    for before in
        ["\x1b[32m", "a\x1b[1;38;5;240m", "\x1b[2K", "\x1b(B", "\x1bM", "\x1b[?25h", "\x1b]0;t\x07"]
    {
        assert_eq!(
            mask_string(&format!("{before}ghp_{secret}\x1b[0m")),
            format!("{before}ghp_{stars}\x1b[0m"),
            "{before:?}",
        );
    }
    // Without the escape this is one word.
    let word = format!("[32mghp_{secret}");
    assert_eq!(mask_string(&word), word);
}

#[test]
fn urls_lose_their_password_only() {
    for (url, masked) in [
        ("postgres://admin:hunter2@db:5432/app", "postgres://admin:*******@db:5432/app"),
        ("redis://:s3cr3t!@cache", "redis://:*******@cache"),
        ("https://user:p%40ss@example.com/a", "https://user:******@example.com/a"),
    ] {
        assert_eq!(mask_string(url), masked);
    }
    let token = body(ALNUM, 36);
    let stars = "*".repeat(36);
    for after in ["@github.com/a/b", ":x-oauth-basic@github.com/a/b"] {
        let masked = mask_string(&format!("https://ghp_{token}{after}"));
        assert!(masked.starts_with(&format!("https://ghp_{stars}")), "{masked}");
        assert!(masked.ends_with("@github.com/a/b"), "{masked}");
    }
}
