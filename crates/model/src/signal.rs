//! Signals by name and number, as Linux numbers them on x86, ARM and RISC-V.

const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// The highest real-time signal.
const LAST: i32 = 64;

/// Why a text is not a signal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a signal: use a name like TERM or SIGTERM, or a number from 1 to {LAST}", .0.escape_debug())]
pub struct BadSignal(String);

/// `SIGTERM` for 15; a number where there is no name.
pub fn signal_name(signal: i32) -> String {
    let index = usize::try_from(signal).ok().and_then(|number| number.checked_sub(1));
    match index.and_then(|index| NAMES.get(index)) {
        Some(name) => format!("SIG{name}"),
        None => format!("signal {signal}"),
    }
}

/// The number of `TERM`, `SIGTERM`, `sigterm` or `15`.
pub fn parse_signal(text: &str) -> Result<i32, BadSignal> {
    let bad = || BadSignal(text.chars().take(40).collect());
    if let Ok(number) = text.parse::<i32>() {
        return if (1..=LAST).contains(&number) { Ok(number) } else { Err(bad()) };
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let index = NAMES.iter().position(|known| *known == name).ok_or_else(bad)?;
    i32::try_from(index + 1).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        for (text, number) in [("TERM", 15), ("SIGKILL", 9), ("sigsys", 31), ("34", 34)] {
            assert_eq!(parse_signal(text), Ok(number), "{text}");
        }
        assert_eq!((signal_name(15), signal_name(34)), ("SIGTERM".into(), "signal 34".into()));
        for bad in ["", "0", "65", "-9", "SIG", "TREM", "KILL; rm"] {
            assert!(parse_signal(bad).is_err(), "{bad}");
        }
    }
}
