//! The terminal in raw mode, and its way back: on every exit, panic and signal.

use std::{
    io,
    sync::{Mutex, Once, PoisonError},
};

use rustix::{
    stdio::{stdin, stdout},
    termios::{OptionalActions, OutputModes, Termios, tcgetattr, tcsetattr},
};
use wk_terminal::Screen;

/// How the terminal was; there while it is raw.
static BEFORE: Mutex<Option<Before>> = Mutex::new(None);

struct Before {
    settings: Termios,
    reset_modes: bool,
}

/// The terminal is raw while this lives.
#[derive(Debug)]
pub(crate) struct RawMode(());

impl RawMode {
    /// Makes the terminal raw. `emulated`: a program behind it draws, moves the cursor and
    /// switches modes; otherwise lines are written, and still need their carriage returns.
    pub(crate) fn enter(emulated: bool) -> io::Result<Self> {
        let settings = tcgetattr(stdin())?;
        let mut raw = settings.clone();
        raw.make_raw();
        if !emulated {
            raw.output_modes |= OutputModes::OPOST | OutputModes::ONLCR;
        }
        restore_on_panic();
        *before() = Some(Before { settings, reset_modes: emulated });
        let guard = Self(());
        tcsetattr(stdin(), OptionalActions::Drain, &raw)?;
        Ok(guard)
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore();
    }
}

fn before() -> std::sync::MutexGuard<'static, Option<Before>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn restore() {
    let Some(before) = before().take() else { return };
    if before.reset_modes {
        // A terminal that has gone away needs nothing.
        let _ = rustix::io::write(stdout(), Screen::modes_reset());
    }
    let _ = tcsetattr(stdin(), OptionalActions::Now, &before.settings);
}

/// A panic in release builds aborts without dropping anything.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let shown = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            shown(panic);
        }));
    });
}
