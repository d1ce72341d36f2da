//! Which sequences make a terminal answer.

use crate::lexer::Part;

/// What a whole sequence is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Harmless,
    Query,
    /// Asks and does something else, too: only that is left.
    Changed(Vec<u8>),
}

/// Judges a sequence that has ended in `part`.
///
/// A string comes with the BEL that ended it, or without its terminator.
pub(super) fn judge(part: Part, sequence: &[u8]) -> Verdict {
    let body = sequence.get(2..).unwrap_or_default();
    let asks = match (part, sequence.get(1)) {
        (Part::Escape, Some(b'Z')) => true,
        (Part::CsiEntry | Part::CsiParameters | Part::CsiIntermediate, _) => control_asks(body),
        (Part::DcsPayload, _) => matches!(body, [.., b'$' | b'+', b'q']),
        (Part::Osc, _) => return judge_command(body),
        // The graphics protocol of kitty: `a=q` asks whether it is there.
        (Part::Ignored, Some(b'_')) => {
            let control = body.split(|&byte| byte == b';').next().unwrap_or_default();
            control
                .strip_prefix(b"G")
                .is_some_and(|keys| keys.split(|&b| b == b',').any(|key| key == b"a=q"))
        }
        _ => false,
    };
    if asks { Verdict::Query } else { Verdict::Harmless }
}

/// Whether no control sequence with this first and last byte is a question.
pub(super) fn never_asks(first: u8, last: u8) -> bool {
    match last {
        b'm' => first != b'?',
        b'c' | b'n' | b'p' | b'u' | b'S' | b'q' | b't' | b'x' | b'w' | b'y' | b'|' | b'v'
        | b'R' => false,
        0x40..=0x7e => true,
        _ => false,
    }
}

fn control_asks(body: &[u8]) -> bool {
    let Some((&last, rest)) = body.split_last() else { return false };
    let (prefix, rest) = match rest {
        [mark @ 0x3c..=0x3f, rest @ ..] => (Some(*mark), rest),
        _ => (None, rest),
    };
    let marks = rest.iter().position(|byte| (0x20..0x30).contains(byte)).unwrap_or(rest.len());
    let (params, marks) = rest.split_at(marks);
    let first = params.split(|&byte| byte == b';').next().unwrap_or_default();
    match (prefix, marks, last) {
        // DA1, DA2, DA3
        (None | Some(b'>' | b'='), [], b'c') => true,
        // DSR
        (None | Some(b'?'), [], b'n') => true,
        // DECRQM
        (None | Some(b'?'), [b'$'], b'p') => true,
        // kitty keyboard flags, XTQMODKEYS, XTSMGRAPHICS
        (Some(b'?'), [], b'u' | b'm' | b'S') => true,
        // XTVERSION
        (Some(b'>'), [], b'q') => true,
        // XTWINOPS: reports of sizes, places, titles
        (None, [], b't') => {
            matches!(first, b"11" | b"13" | b"14" | b"15" | b"16" | b"18" | b"19" | b"20" | b"21")
        }
        // DECREQTPARM
        (None, [], b'x') => true,
        // DECRQPSR, DECRQTSR, DECRQUPSS, DECRQCRA, DECRQLP, DECRQDE
        (None, [b'$'], b'w' | b'u')
        | (None, [b'&'], b'u')
        | (None, [b'*'], b'y')
        | (None, [b'\''], b'|')
        | (None, [b'"'], b'v') => true,
        // XTREPORTCOLORS, XTTITLEPOS, XTREPORTSGR
        (None, [b'#'], b'R' | b'S' | b'|') => true,
        _ => false,
    }
}

fn judge_command(body: &[u8]) -> Verdict {
    let (text, end) = match body {
        [text @ .., 0x07] => (text, &b"\x07"[..]),
        text => (text, &b""[..]),
    };
    let mut parts = text.split(|&byte| byte == b';');
    let number = parts.next().unwrap_or_default();
    let arguments: Vec<&[u8]> = parts.collect();
    let kept = match number {
        b"4" | b"5" => without_asked_pairs(&arguments),
        b"10" | b"11" | b"12" | b"13" | b"14" | b"15" | b"16" | b"17" | b"18" | b"19" => {
            without_asked(&arguments)
        }
        b"52" if arguments.get(1).is_some_and(|text| text.starts_with(b"?")) => {
            return Verdict::Query;
        }
        b"22" | b"50" if arguments.first().is_some_and(|text| text.starts_with(b"?")) => {
            return Verdict::Query;
        }
        b"21" if arguments.iter().any(|text| text.ends_with(b"=?")) => return Verdict::Query,
        b"1337" if arguments.first().is_some_and(|text| text.starts_with(b"Report")) => {
            return Verdict::Query;
        }
        _ => return Verdict::Harmless,
    };
    if kept == arguments {
        Verdict::Harmless
    } else if kept.iter().all(|argument| argument.is_empty()) {
        Verdict::Query
    } else {
        let mut sequence = [b"\x1b]", number].concat();
        for argument in kept {
            sequence.push(b';');
            sequence.extend_from_slice(argument);
        }
        sequence.extend_from_slice(end);
        Verdict::Changed(sequence)
    }
}

/// `index ; colour` pairs, without those that ask.
fn without_asked_pairs<'a>(arguments: &[&'a [u8]]) -> Vec<&'a [u8]> {
    arguments.chunks(2).filter(|pair| pair.get(1) != Some(&&b"?"[..])).flatten().copied().collect()
}

/// Arguments whose place counts: one that asks is left empty.
fn without_asked<'a>(arguments: &[&'a [u8]]) -> Vec<&'a [u8]> {
    arguments.iter().map(|&argument| if argument == b"?" { &b""[..] } else { argument }).collect()
}
