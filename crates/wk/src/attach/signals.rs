//! Signals to ourselves, and changes of our terminal's size.

use std::io;

use rustix::{process::Signal, stdio::stdout, termios::tcgetwinsize};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
};

use crate::caller;

/// What ends a program that does not say otherwise.
pub(crate) const ENDING: [Signal; 4] = [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM];

/// Signals as they come.
#[derive(Debug)]
pub(crate) struct Signals(mpsc::Receiver<i32>);

impl Signals {
    /// Takes the signals that would end us, but those that our caller had us ignore.
    pub(crate) fn ending() -> io::Result<Self> {
        let ignored = caller::ignored_signals();
        let (sender, receiver) = mpsc::channel(8);
        for number in ENDING.map(Signal::as_raw) {
            if ignored & (1 << (number - 1)) != 0 {
                continue;
            }
            let mut signals = signal(SignalKind::from_raw(number))?;
            let sender = sender.clone();
            tokio::spawn(async move {
                while signals.recv().await.is_some() && sender.send(number).await.is_ok() {}
            });
        }
        Ok(Self(receiver))
    }

    pub(crate) async fn next(&mut self) -> i32 {
        match self.0.recv().await {
            Some(number) => number,
            // All are ignored.
            None => std::future::pending().await,
        }
    }
}

/// Columns and rows of the terminal that stdout is; none where it is no terminal.
pub(crate) fn terminal_size() -> Option<(u16, u16)> {
    let size = tcgetwinsize(stdout()).ok()?;
    let fits = (1..=1000).contains(&size.ws_col) && (1..=1000).contains(&size.ws_row);
    fits.then_some((size.ws_col, size.ws_row))
}

/// Follows the size of our terminal.
pub(crate) fn follow_size(now: (u16, u16)) -> io::Result<watch::Receiver<(u16, u16)>> {
    let (sender, receiver) = watch::channel(now);
    let mut changes = signal(SignalKind::window_change())?;
    tokio::spawn(async move {
        while changes.recv().await.is_some() {
            if let Some(size) = terminal_size()
                && sender.send(size).is_err()
            {
                return;
            }
        }
    });
    Ok(receiver)
}
