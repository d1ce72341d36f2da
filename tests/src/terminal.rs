//! A person at a terminal: a pty, a program on it, and what the screen shows.

use std::{
    fs::File,
    io::{Read, Write},
    os::{fd::OwnedFd, unix::process::CommandExt},
    process::{Child, Command},
    time::Duration,
};

use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Termios, Winsize, tcgetattr, tcsetwinsize},
};
use tokio::io::{Interest, unix::AsyncFd};
use wk_terminal::{Screen, Size};

use crate::{Watch, outcome::shell_code, within};

/// A program on a pty of its own.
///
/// It answers what programs ask a terminal, as real ones do.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    /// Keyboard and screen; none: the window was closed.
    window: Option<AsyncFd<File>>,
    /// Held open, to see how the program leaves the terminal.
    line: Option<OwnedFd>,
    screen: Screen,
    raw: Vec<u8>,
}

impl Terminal {
    /// Runs `command` on a terminal of 80x24.
    pub fn open(command: Command) -> Self {
        Self::sized(command, 80, 24)
    }

    /// Runs `command` on a terminal of this size.
    pub fn sized(mut command: Command, cols: u16, rows: u16) -> Self {
        let (master, line) = open_pty(cols, rows);
        let copy = || line.try_clone().expect("a descriptor can be copied");
        command.stdin(copy()).stdout(copy()).stderr(copy());
        own_terminal(&mut command);
        let child = command.spawn().expect("the program can be run");
        // The command still has its copies of the line.
        drop(command);
        // SAFETY: the file is owned by the `AsyncFd` and never replaced.
        let window = unsafe { AsyncFd::register(File::from(master)) };
        let window = window.expect("a pty can be polled");
        let screen = Screen::new(size(cols, rows), 1000);
        Self { child, window: Some(window), line: Some(line), screen, raw: Vec::new() }
    }

    /// Presses keys.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.window().write_all(bytes.as_ref()).expect("the terminal takes input");
    }

    /// Drags the window's corner.
    pub fn resize(&mut self, cols: u16, rows: u16) {
        tcsetwinsize(self.window(), winsize(cols, rows)).expect("a pty can be resized");
        self.screen.resize(size(cols, rows));
    }

    /// Closes the window.
    pub fn close(&mut self) {
        self.line = None;
        self.window = None;
    }

    /// What the screen shows now.
    pub fn shown(&self) -> String {
        self.screen.text(false)
    }

    /// The sequences that bring a fresh terminal to where this one is: all of its state.
    pub fn state(&mut self) -> String {
        String::from_utf8_lossy(&self.screen.redraw(0)).into_owned()
    }

    /// Every byte that came.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// How the line is set up: cooked, raw, …
    pub fn line_settings(&self) -> Termios {
        let line = self.line.as_ref().expect("the terminal is open");
        tcgetattr(line).expect("a terminal has settings")
    }

    /// The program's process.
    pub fn process(&self) -> Watch {
        Watch::new(self.child.id())
    }

    /// Waits until the screen shows `text`.
    pub async fn until_shows(&mut self, text: &str) {
        self.until(text, |screen| screen.text(false).contains(text)).await;
    }

    /// Waits until the screen is as wanted; `what` says how.
    pub async fn until(&mut self, what: &str, wanted: impl Fn(&Screen) -> bool) {
        let deadline = tokio::time::Instant::now() + crate::PATIENCE;
        while !wanted(&self.screen) {
            match tokio::time::timeout_at(deadline, self.read()).await {
                Ok(Some(bytes)) => self.take(&bytes),
                Ok(None) => panic!("the program ended without `{what}`:\n{}", self.shown()),
                Err(_) => panic!("no `{what}` in:\n{}", self.shown()),
            }
        }
    }

    /// Waits for the next bytes, and takes them in; false once nobody has the line open.
    pub async fn more(&mut self) -> bool {
        let bytes = self.read().await;
        bytes.iter().for_each(|bytes| self.take(bytes));
        bytes.is_some()
    }

    /// Takes in what has come so far.
    pub async fn catch_up(&mut self) {
        while let Ok(Some(bytes)) = tokio::time::timeout(Duration::ZERO, self.read()).await {
            self.take(&bytes);
        }
    }

    /// Waits for the program's end and for its last words; answers its exit code.
    pub async fn ended(&mut self) -> i32 {
        self.line = None;
        let deadline = tokio::time::Instant::now() + crate::PATIENCE;
        loop {
            match tokio::time::timeout_at(deadline, self.read()).await {
                Ok(Some(bytes)) => self.take(&bytes),
                Ok(None) => break,
                Err(_) => panic!("the program does not end:\n{}", self.shown()),
            }
        }
        self.exit_code().await
    }

    /// Waits for the program's end, whatever it prints; answers its exit code.
    pub async fn exit_code(&mut self) -> i32 {
        let watch = self.process();
        within("the program's end", watch.ended()).await;
        shell_code(self.child.wait().expect("a child can be waited for"))
    }

    fn window(&self) -> &File {
        self.window.as_ref().expect("the terminal is open").get_ref()
    }

    /// What comes next; none once nobody has the line open any more.
    async fn read(&mut self) -> Option<Vec<u8>> {
        let window = self.window.as_ref().expect("the terminal is open");
        let mut buffer = [0; 4096];
        let read = window.async_io(Interest::READABLE, |mut window| window.read(&mut buffer));
        match read.await {
            Ok(length @ 1..) => Some(buffer[..length].to_vec()),
            Ok(0) | Err(_) => None,
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.raw.extend_from_slice(bytes);
        self.screen.feed(bytes);
        let answers = self.screen.take_answers();
        if !answers.is_empty() {
            // A program that has just ended has no use for them.
            let _ = self.window().write_all(&answers);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn open_pty(cols: u16, rows: u16) -> (OwnedFd, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).expect("the system has ptys");
    rustix::io::ioctl_fionbio(&master, true).expect("a pty can be polled");
    grantpt(&master).and_then(|()| unlockpt(&master)).expect("a pty can be unlocked");
    tcsetwinsize(&master, winsize(cols, rows)).expect("a pty has a size");
    let name = ptsname(&master, Vec::new()).expect("a pty has a name");
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let line = rustix::fs::open(name, flags, Mode::empty()).expect("a pty can be opened");
    (master, line)
}

/// Makes stdin the program's controlling terminal, in a session of its own.
fn own_terminal(command: &mut Command) {
    // SAFETY: both are plain system calls, allowed between fork and exec.
    unsafe {
        command.pre_exec(|| {
            rustix::process::setsid()?;
            Ok(rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?)
        });
    }
}

fn winsize(cols: u16, rows: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 }
}

fn size(cols: u16, rows: u16) -> Size {
    Size::new(cols, rows).expect("a terminal has columns and rows")
}
