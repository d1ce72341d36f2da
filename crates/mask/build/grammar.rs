//! What openers have in common: boundaries, telling names and the gaps between their parts.

use crate::shape::Opener;

/// A terminal's control sequence; its last byte is often a letter (`ESC [ 3 2 m`).
const CONTROL: &str = r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]";

/// Names whose values are secret, whatever stands before them (`MY_APP_TOKEN`, `accessToken`).
const NAME: &str = "(?i:api[_-]?key|secret|secret[_-]?key|token|password|passwd|passphrase|\
                    access[_-]?key|account[_-]?key|private[_-]?key)";

/// Colours that pretty-printers put between a name, its separator and its value.
const GAP: &str = r"(?:\x1b\[[0-9;]*m)*";

/// The regular expression that ends where the opener ends.
pub(crate) fn expand(opener: &Opener) -> String {
    let expression = match opener {
        Opener::Token(prefix) => format!("(?:[^0-9A-Za-z_]|{CONTROL})(?:{prefix})"),
        Opener::Apart(prefix) => format!("(?:[^0-9A-Za-z_-]|{CONTROL})(?:{prefix})"),
        Opener::Name(separator) => format!("{NAME}(?:{separator})"),
        Opener::Anywhere(expression) => (*expression).to_owned(),
    };
    expression.replace("{gap}", GAP)
}
