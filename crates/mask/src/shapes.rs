//! The shapes of secrets that are known. Where several openers end at one place, the first wins.
//!
//! Minimum lengths are at or a little below what the issuer documents: a secret that a terminal
//! wrapped is then still recognised by its first line.

use crate::byte_set::ByteSet;
use crate::shape::Opener::{Anywhere, Apart, Name, Token};
use crate::shape::{Beyond, Body, Part, Shape, bounded, run};

const ALNUM: ByteSet = ByteSet::of("A-Za-z0-9");
const UPPER: ByteSet = ByteSet::of("A-Z0-9");
const HEX: ByteSet = ByteSet::of("0-9a-fA-F");
const BASE64: ByteSet = ByteSet::of("A-Za-z0-9+/=");
const URL64: ByteSet = ByteSet::of("A-Za-z0-9_-");
const DOTTED: ByteSet = ByteSet::of("A-Za-z0-9_.-");
const PATH: ByteSet = ByteSet::of("A-Za-z0-9_/-");
const CREDENTIAL: ByteSet = ByteSet::of("A-Za-z0-9_.~+/=:-");
/// What may stand in a quoted value; the quote itself is taken out below.
const PRINTED: ByteSet = ByteSet::of(" -~");
/// A backslash ends a bare value, for it may begin an escaped quote or newline of JSON.
const BARE: ByteSet = ByteSet::of("!-~").without("\"'`\\");
/// Neither `==`, `::`, a placeholder such as `<token>` nor the beginning of a list.
const BARE_FIRST: ByteSet = BARE.without("=:<>()[]{},;|&");
const USER: ByteSet = ByteSet::of("A-Za-z0-9._~%!$&'()*+,;=-");
/// A password in a URL; what else it may hold has to be percent-encoded there.
const PASSWORD: ByteSet = ByteSet::of("!-~").without("@/?#\"'`<>\\");

/// What begins a quoted value. Behind a closing quote, as in `"Password: ", x`, other bytes follow.
const QUOTED_FIRST: ByteSet = ByteSet::of("!-~").without("\"'`,.;:)]}>\\");

const VALUE: Body = Body::Parts(&[bounded(BARE_FIRST, 1, 1, Beyond::NoSecret), run(BARE, 7)]);

pub(crate) static SHAPES: &[Shape] = &[
    // Our own
    token("wkt_", &[run(URL64, 40)]),
    // Anthropic
    token("sk-ant-", &[run(URL64, 20)]),
    // OpenAI: project, service account, admin and user keys; then keys of OpenRouter, Langfuse
    token("sk-(?:proj|svcacct|admin|None|or-v1|lf)-", &[run(URL64, 20)]),
    // OpenAI's older keys, and the many services that took over their form
    token("sk-", &[run(ALNUM, 20)]),
    // GitHub: personal, OAuth, user, server and refresh tokens; fine-grained ones
    token("gh[pousr]_", &[run(ALNUM, 30)]),
    token("github_pat_", &[run(ByteSet::of("A-Za-z0-9_"), 36)]),
    // GitLab: personal, deploy, runner, job, trigger, feed, mail, agent, OAuth, SCIM tokens
    token("gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat)-", &[run(DOTTED, 20)]),
    token("GR1348941", &[run(URL64, 20)]),
    // AWS key ids; secret keys are in the table by their name
    token("A(?:KIA|SIA|BIA|CCA)", &[run(UPPER, 16)]),
    // Google: API keys, access tokens, client secrets, refresh tokens
    token("AIza", &[run(URL64, 35)]),
    token(r"ya29\.", &[run(DOTTED, 20)]),
    token("GOCSPX-", &[run(URL64, 20)]),
    token("1//0", &[run(URL64, 40)]),
    // Slack: tokens of bots, users, apps, refresh, sessions; app-level tokens; webhooks
    token("xox[abeoprs]-", &[run(ByteSet::of("A-Za-z0-9-"), 20)]),
    token("xapp-", &[run(ByteSet::of("A-Za-z0-9-"), 20)]),
    token(r"hooks\.slack\.com/(?:services|workflows|triggers)/", &[run(PATH, 20)]),
    // Stripe: secret and restricted keys, signing secrets of webhooks
    token("[rs]k_(?:live|test)_", &[run(ALNUM, 16)]),
    token("whsec_", &[run(BASE64, 24)]),
    // Package registries: of JavaScript, Python, Rust, Ruby and containers
    token("npm_", &[run(ALNUM, 30)]),
    token("pypi-AgE", &[run(URL64, 40)]),
    token("cio", &[run(ALNUM, 32)]),
    token("rubygems_", &[run(HEX, 40)]),
    token("dckr_[op]at_", &[run(URL64, 20)]),
    // Hosts of models: Hugging Face, Groq, Replicate, Perplexity, xAI, NVIDIA, LangSmith
    token("hf_", &[run(ALNUM, 30)]),
    token("gsk_", &[run(ALNUM, 40)]),
    token("r8_", &[run(ALNUM, 30)]),
    token("pplx-", &[run(ALNUM, 40)]),
    token("xai-", &[run(ALNUM, 40)]),
    token("nvapi-", &[run(URL64, 40)]),
    token("lsv2_[ps][tk]_", &[run(ByteSet::of("0-9a-f_"), 32)]),
    // Telegram bots
    token("[0-9]{8,10}:AA", &[run(URL64, 30)]),
    // Discord bots: the opener is the beginning of a user id, which is public
    token(
        "(?:[MNO][DTjz][AEIMQUYcgk][w-z0-5]){2}",
        &[
            bounded(ALNUM, 14, 20, Beyond::NoSecret),
            Part::Literal(b"."),
            bounded(URL64, 5, 8, Beyond::NoSecret),
            Part::Literal(b"."),
            run(URL64, 27),
        ],
    ),
    // Discord webhooks
    token(r"discord(?:app)?\.com/api/webhooks/[0-9]+/", &[run(URL64, 60)]),
    // SendGrid
    token(
        r"SG\.",
        &[bounded(URL64, 16, 64, Beyond::NoSecret), Part::Literal(b"."), run(URL64, 16)],
    ),
    // Twilio API keys, Brevo
    token("SK", &[run(HEX, 32)]),
    token("xkeysib-", &[run(HEX, 32)]),
    // Clouds: DigitalOcean, Databricks, Fly, Heroku, Netlify, Tailscale, Supabase, PlanetScale
    token("do[opr]_v1_", &[run(HEX, 40)]),
    token("dapi", &[run(HEX, 32)]),
    token("fm[12][ar]?_", &[run(BASE64, 40)]),
    token("HRKU-", &[run(URL64, 36)]),
    token("nfp_", &[run(ALNUM, 36)]),
    token("tskey-", &[run(ByteSet::of("A-Za-z0-9-"), 20)]),
    token("sbp_", &[run(HEX, 40)]),
    token("pscale_(?:tkn|pw|oauth)_", &[run(DOTTED, 32)]),
    // Tools: Linear, Notion, Figma, Atlassian, Postman, Shopify, Square
    token("lin_(?:api|oauth)_", &[run(ALNUM, 20)]),
    token("ntn_", &[run(ALNUM, 40)]),
    token("secret_", &[run(ALNUM, 43)]),
    token("figd_", &[run(URL64, 36)]),
    token("ATATT3", &[run(ByteSet::of("A-Za-z0-9_=-"), 60)]),
    token("PMAK-", &[run(ByteSet::of("0-9a-f-"), 50)]),
    token("shp(?:at|ca|pa|ss)_", &[run(HEX, 32)]),
    token("sq0(?:atp|csp)-", &[run(URL64, 22)]),
    // Monitoring: Grafana, New Relic, Sentry
    token("gl(?:sa|c)_", &[run(ByteSet::of("A-Za-z0-9_+/="), 32)]),
    token("NRAK-", &[run(UPPER, 27)]),
    token("sntry[su]_", &[run(ByteSet::of("A-Za-z0-9_+/="), 40)]),
    // Keepers of secrets: Vault, Doppler, age
    token(r"hv[bsr]\.", &[run(URL64, 24)]),
    token(r"dp\.(?:pt|st|ct|sa|scim|audit)\.", &[run(DOTTED, 40)]),
    token("AGE-SECRET-KEY-1", &[run(UPPER, 50)]),
    // JSON web tokens: header, payload, signature
    Shape {
        opener: Apart("eyJ"),
        body: Body::Parts(&[
            bounded(URL64, 10, 4000, Beyond::Secret),
            Part::Literal(b".eyJ"),
            run(DOTTED, 10),
        ]),
    },
    // Private keys, also of PGP, OpenSSH and SSH2
    Shape {
        opener: Anywhere(
            "-----BEGIN (?:(?:RSA|DSA|EC|ANY|PGP|OPENSSH|ENCRYPTED) )*PRIVATE KEY(?: BLOCK)?-----|\
             ---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----",
        ),
        body: Body::KeyBlock,
    },
    // `Authorization: Bearer VALUE`, also inside JSON or a quoted argument
    Shape {
        opener: Anywhere(
            r#"(?i:authorization)\\?["']?{gap}[ \t]*[:=]{gap}[ \t]*{gap}\\?["']?(?i:bearer|basic|token|apikey)[ \t]+{gap}"#,
        ),
        body: VALUE,
    },
    // The same without its header; a word of this length is no prose
    token("[Bb]earer ", &[run(CREDENTIAL, 24)]),
    // scheme://user:PASSWORD@host
    Shape {
        opener: Anywhere("[A-Za-z0-9]://"),
        body: Body::Parts(&[
            Part::Shown { of: USER, max: 128 },
            Part::Literal(b":"),
            bounded(PASSWORD, 1, 256, Beyond::NoSecret),
            Part::Literal(b"@"),
        ]),
    },
    // NAME=VALUE, NAME: VALUE
    Shape { opener: Name("="), body: VALUE },
    // and not a type, a call or an index, which sources have in this place.
    Shape {
        opener: Name(r#"["']?{gap}:{gap}[ \t]+{gap}"#),
        body: Body::Parts(&[
            bounded(BARE_FIRST, 1, 1, Beyond::NoSecret),
            bounded(BARE.without("()[]{}<>"), 6, 6, Beyond::NoSecret),
            run(BARE, 1),
        ]),
    },
    // NAME = "VALUE", "NAME": "VALUE", NAME='VALUE'
    Shape {
        opener: Name(r#"["']?{gap}[ \t]*[:=]{gap}[ \t]*{gap}""#),
        body: Body::Parts(&[
            bounded(QUOTED_FIRST, 1, 1, Beyond::NoSecret),
            run(PRINTED.without("\""), 7),
        ]),
    },
    Shape {
        opener: Name(r#"["']?{gap}[ \t]*[:=]{gap}[ \t]*{gap}'"#),
        body: Body::Parts(&[
            bounded(QUOTED_FIRST, 1, 1, Beyond::NoSecret),
            run(PRINTED.without("'"), 7),
        ]),
    },
    // The same as a string inside JSON
    Shape {
        opener: Name(r#"(?:\\["'])?[ \t]*[:=][ \t]*\\["']"#),
        body: Body::Parts(&[
            bounded(QUOTED_FIRST, 1, 1, Beyond::NoSecret),
            run(PRINTED.without("\"'\\"), 7),
        ]),
    },
    // aws_secret_access_key = VALUE, as AWS writes it into its files
    Shape { opener: Name(r#"["']?[ \t]*[=:][ \t]*"#), body: Body::Parts(&[run(BASE64, 40)]) },
    // --token VALUE
    token(
        "--(?i:api-key|(?:access-|api-|auth-|bearer-|github-)?token|(?:api-|client-)?secret|\
         secret-key|secret-access-key|password|passwd|passphrase) ",
        &[bounded(BARE_FIRST.without("-"), 1, 1, Beyond::NoSecret), run(BARE, 7)],
    ),
];

/// A secret known by its prefix.
const fn token(prefix: &'static str, parts: &'static [Part]) -> Shape {
    Shape { opener: Token(prefix), body: Body::Parts(parts) }
}
