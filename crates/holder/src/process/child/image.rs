//! Everything that the child needs to become its command, prepared before the fork: behind
//! it, nothing may be allocated.

use std::{
    ffi::{CStr, CString, c_char},
    io, ptr,
};

use wk_holder::spec::{Launch, ResourceLimit, Spec, Stdio};
use wk_model::OsText;

use crate::process::facts::variable;

/// Where commands are looked for when the caller has no `PATH`.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

const SHELL: &CStr = c"/bin/sh";

/// What the terminal is when the caller's is missing or can do nothing.
const TERMINAL: &str = "xterm-256color";

/// A command, ready for `execve`.
#[derive(Debug)]
pub(crate) struct Image {
    /// Places to find the program, in order.
    candidates: Vec<CString>,
    arguments: Strings,
    /// The arguments as `/bin/sh` gets them when the program is a script without `#!`; the
    /// script's place is filled in when it has been found.
    shell_arguments: Vec<*const c_char>,
    environment: Strings,
    pub(crate) directory: CString,
    pub(crate) umask: u32,
    pub(crate) limits: Vec<(u32, libc::rlimit)>,
}

impl Image {
    /// Prepares what the spec asks for.
    pub(crate) fn new(spec: &Spec, launch: &Launch) -> Self {
        let command = spec.command_of(launch.attempt);
        let program = command.first().map_or(&b""[..], OsText::as_bytes);
        let search = variable(&spec.environment, "PATH").unwrap_or(DEFAULT_PATH);
        let arguments = Strings::new(command.iter().map(|text| text.as_bytes().to_vec()));
        let mut shell_arguments = vec![SHELL.as_ptr(), ptr::null()];
        shell_arguments.extend(arguments.pointers.iter().skip(1));
        Self {
            candidates: candidates(program, search),
            arguments,
            shell_arguments,
            environment: Strings::new(
                environment(spec, launch.attempt, launch.previous_exit).into_iter(),
            ),
            directory: c_string(spec.working_directory.as_bytes().to_vec()),
            umask: spec.umask,
            limits: limits(spec),
        }
    }

    /// Becomes the command. Returns only with the errno that says why not.
    ///
    /// Async-signal-safe: for the child between fork and exec.
    pub(crate) fn execute(&mut self) -> i32 {
        let mut error = libc::ENOENT;
        for candidate in &self.candidates {
            match exec(candidate, &self.arguments.pointers, &self.environment.pointers) {
                // A script without `#!` is the shell's, as `execvp` has it.
                libc::ENOEXEC => {
                    if let Some(place) = self.shell_arguments.get_mut(1) {
                        *place = candidate.as_ptr();
                    }
                    return exec(SHELL, &self.shell_arguments, &self.environment.pointers);
                }
                // A place that may not be searched does not hide a later one.
                libc::EACCES => error = libc::EACCES,
                libc::ENOENT | libc::ENOTDIR | libc::ESTALE | libc::ENODEV | libc::ETIMEDOUT => {}
                errno => return errno,
            }
        }
        error
    }
}

/// Strings as `execve` takes them.
#[derive(Debug)]
struct Strings {
    /// Into `_texts`, a null last.
    pointers: Vec<*const c_char>,
    _texts: Vec<CString>,
}

impl Strings {
    fn new(texts: impl Iterator<Item = Vec<u8>>) -> Self {
        let texts: Vec<CString> = texts.map(c_string).collect();
        let pointers = texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect();
        Self { pointers, _texts: texts }
    }
}

fn exec(path: &CStr, arguments: &[*const c_char], environment: &[*const c_char]) -> i32 {
    // SAFETY: both lists end with a null and point to strings that live as long as the image.
    unsafe { libc::execve(path.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL)
}

fn candidates(program: &[u8], search: &[u8]) -> Vec<CString> {
    if program.contains(&b'/') {
        return vec![c_string(program.to_vec())];
    }
    // An empty place is the working directory.
    let place = |folder: &[u8]| match folder {
        [] => [b"./", program].concat(),
        folder => [folder, b"/", program].concat(),
    };
    search.split(|byte| *byte == b':').map(|folder| c_string(place(folder))).collect()
}

fn environment(spec: &Spec, attempt: u32, previous_exit: Option<i32>) -> Vec<Vec<u8>> {
    let id = format!("WK_SESSION_ID={}", spec.session_id);
    // Empty where there is none: an outer session's must not be taken for ours.
    let previous = previous_exit.map_or_else(String::new, |code| code.to_string());
    let attempt = format!("WK_ATTEMPT={attempt}");
    let mut ours = vec![id, attempt, format!("WK_PREVIOUS_EXIT={previous}")];
    let term = variable(&spec.environment, "TERM").unwrap_or_default();
    if matches!(spec.stdio, Stdio::Terminal { .. }) && matches!(term, b"" | b"dumb") {
        ours.push(format!("TERM={TERMINAL}"));
    }
    let name = |text: &[u8]| text.split(|byte| *byte == b'=').next().map(<[u8]>::to_vec);
    let names: Vec<_> = ours.iter().map(|text| name(text.as_bytes())).collect();
    let callers = spec.environment.iter().map(|text| text.as_bytes().to_vec());
    let callers = callers.filter(|text| !names.contains(&name(text)));
    callers.chain(ours.iter().map(|text| text.clone().into_bytes())).collect()
}

/// The caller's limits, and a bound of CPU time for each process where the tree has one: it
/// holds even while the holder does not get to look.
fn limits(spec: &Spec) -> Vec<(u32, libc::rlimit)> {
    let mut limits: Vec<_> =
        spec.limits.iter().map(|limit| (limit.resource, rlimit(limit))).collect();
    if let (Some(cpu_time_ms), false) = (spec.tree_limits.cpu_time_ms, spec.keep_descendants) {
        let seconds = cpu_time_ms.saturating_add(spec.grace_ms).div_ceil(1000).saturating_add(2);
        let callers = limits.iter().find(|(resource, _)| *resource == libc::RLIMIT_CPU);
        let bound = |callers: libc::rlim_t| callers.min(seconds);
        let none = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
        let now = callers.map_or(none, |(_, limit)| *limit);
        let both = libc::rlimit { rlim_cur: bound(now.rlim_cur), rlim_max: bound(now.rlim_max) };
        limits.retain(|(resource, _)| *resource != libc::RLIMIT_CPU);
        limits.push((libc::RLIMIT_CPU, both));
    }
    limits
}

fn rlimit(limit: &ResourceLimit) -> libc::rlimit {
    let value = |value: Option<u64>| value.unwrap_or(libc::RLIM_INFINITY);
    libc::rlimit { rlim_cur: value(limit.soft), rlim_max: value(limit.hard) }
}

fn c_string(bytes: Vec<u8>) -> CString {
    // The model's texts hold no NUL; an empty string runs nothing and opens nothing.
    CString::new(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use wk_holder::spec::LimitMechanism;
    use wk_model::SessionId;

    use super::*;

    fn spec(stdio: Stdio, environment: &[&str]) -> Spec {
        let texts = |texts: &[&str]| texts.iter().map(|t| OsText::new(*t).unwrap()).collect();
        Spec {
            session_id: SessionId::from_random(1),
            command: texts(&["ls"]),
            resume: None,
            on_finish: None,
            working_directory: OsText::new("/").unwrap(),
            environment: texts(environment),
            umask: 0o22,
            limits: Vec::new(),
            stdio,
            recording: None,
            keep_descendants: false,
            grace_ms: 0,
            tree_limits: wk_model::Limits::default(),
            limit_mechanism: LimitMechanism::Auto,
        }
    }

    fn texts(bytes: Vec<Vec<u8>>) -> Vec<String> {
        bytes.into_iter().map(|text| String::from_utf8(text).unwrap()).collect()
    }

    #[test]
    fn a_name_is_looked_for_and_a_path_is_not() {
        let found = |program: &[u8]| candidates(program, b"/a::/b/");
        assert_eq!(found(b"ls"), [c"/a/ls".to_owned(), c"./ls".to_owned(), c"/b//ls".to_owned()]);
        assert_eq!(found(b"./ls"), [c"./ls".to_owned()]);
    }

    #[test]
    fn our_variables_replace_the_callers() {
        let pipes = spec(Stdio::Pipes { feed: false }, &["A=1", "WK_SESSION_ID=old", "TERM=dumb"]);
        let ours = ["WK_SESSION_ID=100000000000", "WK_ATTEMPT=3", "WK_PREVIOUS_EXIT=137"];
        let got = texts(environment(&pipes, 3, Some(137)));
        assert_eq!(got, ["A=1", "TERM=dumb", ours[0], ours[1], ours[2]]);
    }

    #[test]
    fn a_terminal_is_named_where_the_caller_names_none() {
        let terminal = Stdio::Terminal { cols: 80, rows: 24 };
        for (given, want) in [
            (&["TERM=dumb"][..], "TERM=xterm-256color"),
            (&[], "TERM=xterm-256color"),
            (&["TERM=tmux"], "TERM=tmux"),
        ] {
            let environment = texts(environment(&spec(terminal, given), 1, None));
            let terms: Vec<_> = environment.iter().filter(|t| t.starts_with("TERM=")).collect();
            assert_eq!(terms, [want]);
        }
    }
}
