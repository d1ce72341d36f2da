//! Which of the words for an agent is its prompt.
//!
//! Agents know their own flags, we do not: a word is taken for the prompt where that is how
//! people write one. Where none is, the agent is asked the same again.

use wk_model::OsText;

/// What is asked instead of an agent that goes on.
const CONTINUE: &str = "continue";

/// Whether by this word, or `--word=VALUE`, an agent answers and exits.
pub(super) fn is_headless(word: &OsText, headless: &[String]) -> bool {
    headless.iter().any(|flag| word.as_bytes() == flag.as_bytes() || value(word, flag).is_some())
}

/// The words, with something to go on by in the place of the prompt.
pub(super) fn replaced(words: &[OsText], headless: &[String]) -> Vec<OsText> {
    let mut words = words.to_vec();
    let Some(at) = prompt(&words, headless) else { return words };
    let joined = headless.iter().find(|flag| value(&words[at], flag).is_some());
    let text = match joined {
        Some(flag) => format!("{flag}={CONTINUE}"),
        None => CONTINUE.to_owned(),
    };
    words[at] = OsText::new(text).unwrap_or_default();
    words
}

fn prompt(words: &[OsText], headless: &[String]) -> Option<usize> {
    let is_flag = |at: usize| words[at].as_bytes().starts_with(b"-");
    let flag = words.iter().position(|word| is_headless(word, headless))?;
    if headless.iter().any(|name| value(&words[flag], name).is_some()) {
        return Some(flag);
    }
    let next = Some(flag + 1).filter(|next| *next < words.len() && !is_flag(*next));
    let free = |at: &usize| *at != flag && !is_flag(*at) && (*at == 0 || !is_flag(*at - 1));
    // What follows a flag may be its value; with a space in it, it hardly is.
    let wordy = |at: &usize| !is_flag(*at) && words[*at].as_bytes().contains(&b' ');
    next.or_else(|| (0..words.len()).find(free)).or_else(|| (0..words.len()).rfind(wordy))
}

/// `VALUE`, where the word is `--flag=VALUE`.
fn value<'a>(word: &'a OsText, flag: &str) -> Option<&'a [u8]> {
    let long = flag.starts_with("--");
    long.then(|| word.as_bytes().strip_prefix(flag.as_bytes())?.strip_prefix(b"=")).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_is_where_people_write_it() {
        for (words, want) in [
            (&["-p", "fix it"][..], &["-p", "continue"][..]),
            (&["fix it", "-p"], &["continue", "-p"]),
            (&["-p", "--model", "opus", "fix"], &["-p", "--model", "opus", "continue"]),
            (&["-p", "--verbose", "fix it"], &["-p", "--verbose", "continue"]),
            (&["--system", "be kind", "-p", "fix"], &["--system", "be kind", "-p", "continue"]),
            (&["--print=fix it", "-v"], &["--print=continue", "-v"]),
            // Its prompt comes through stdin.
            (&["-p", "--model", "opus"], &["-p", "--model", "opus"]),
            (&["-p"], &["-p"]),
        ] {
            let texts = |words: &[&str]| -> Vec<OsText> {
                words.iter().map(|word| OsText::new(*word).unwrap()).collect()
            };
            let headless = ["-p".to_owned(), "--print".to_owned()];
            assert_eq!(replaced(&texts(words), &headless), texts(want), "{words:?}");
        }
    }
}
