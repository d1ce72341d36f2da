//! `wk play`: play a session's recording in the terminal.

use std::{
    io::{self, IsTerminal, Write, stdin},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    stdio,
};
use serde::Deserialize;

use super::{path_of, session_ref};
use crate::{attach::raw_mode::RawMode, code::Code, context::Context, text::span};

/// A recording of more bytes than this is not one of our daemon's.
const MAX_RECORDING: usize = 1 << 30;

/// Play a session's recording in the terminal
///
/// Keys: space pauses, `.` steps while paused, q or Ctrl-C quits.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  wk play web\n  wk play --speed 4 --idle-limit 1s build")]
pub(crate) struct PlayArgs {
    #[arg(value_parser = session_ref)]
    session: String,
    /// So many times as fast
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = speed, allow_hyphen_values = true)]
    speed: f64,
    /// Shorten pauses to so much
    #[arg(long, value_name = "DURATION", value_parser = span::parse, allow_hyphen_values = true)]
    idle_limit: Option<Duration>,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (0.01..=10_000.0).contains(&speed) => Ok(speed),
        _ => Err("write a number between 0.01 and 10000, like 2 or 0.5".into()),
    }
}

pub(crate) async fn run(context: &Context, args: PlayArgs) -> anyhow::Result<Code> {
    let path = format!("{}/recording", path_of(&args.session));
    let download = async |client: &wk_client::Client| {
        let mut bytes = Vec::new();
        let keep = |piece: &[u8]| {
            bytes.extend(piece);
            if bytes.len() > MAX_RECORDING {
                return Err(io::Error::other("the recording is too long"));
            }
            Ok(())
        };
        client.download(&path, &(), keep).await.map(|()| bytes)
    };
    let bytes = context.daemon.repeat(download).await?;
    let cast = Cast::read(&bytes)?;
    let interactive = stdin().is_terminal() && io::stdout().is_terminal();
    let raw = if interactive { Some(RawMode::enter(true)?) } else { None };
    let mut player =
        Player { speed: args.speed, idle_limit: args.idle_limit, keys: interactive, paused: false };
    let mut stdout = io::stdout();
    let played = player.play(cast, &mut stdout);
    drop(raw);
    played?;
    if interactive {
        writeln!(stdout)?;
    }
    Ok(Code::SUCCESS)
}

/// Lines of an asciicast v3 file, without its header.
struct Cast<'a> {
    lines: std::slice::Split<'a, u8, fn(&u8) -> bool>,
}

/// One event: seconds since the one before, its code, its data.
#[derive(Debug, Deserialize)]
struct Row(f64, String, String);

impl<'a> Cast<'a> {
    fn read(bytes: &'a [u8]) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Header {
            version: u64,
        }
        let is_newline: fn(&u8) -> bool = |byte| *byte == b'\n';
        let mut lines = bytes.split(is_newline);
        let header = lines.next().unwrap_or_default();
        let header: Header =
            serde_json::from_slice(header).context("the recording has no header")?;
        ensure!(header.version == 3, "the recording is asciicast v{}, not v3", header.version);
        Ok(Self { lines })
    }
}

impl Iterator for Cast<'_> {
    type Item = anyhow::Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.lines.find(|line| !line.is_empty() && !line.starts_with(b"#"))?;
        Some(serde_json::from_slice(line).context("a line of the recording is damaged"))
    }
}

struct Player {
    speed: f64,
    idle_limit: Option<Duration>,
    keys: bool,
    paused: bool,
}

/// What the person at the keyboard wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    GoOn,
    Quit,
}

impl Player {
    fn play(&mut self, cast: Cast<'_>, out: &mut impl Write) -> anyhow::Result<()> {
        for row in cast {
            let Row(seconds, code, data) = row?;
            if self.wait(self.pause(seconds))? == Wish::Quit {
                return Ok(());
            }
            if code == "o" {
                out.write_all(data.as_bytes())?;
                out.flush()?;
            }
        }
        Ok(())
    }

    /// How long to wait for an event that came so many seconds after the one before.
    fn pause(&self, seconds: f64) -> Duration {
        // The limit is of recorded time, as other players have it.
        let limit = self.idle_limit.map_or(f64::MAX, |limit| limit.as_secs_f64());
        let pause = seconds.max(0.0).min(limit) / self.speed;
        Duration::try_from_secs_f64(pause).unwrap_or(Duration::MAX)
    }

    /// Waits for the next event's time, and minds the keys meanwhile.
    fn wait(&mut self, pause: Duration) -> anyhow::Result<Wish> {
        if !self.keys {
            std::thread::sleep(pause);
            return Ok(Wish::GoOn);
        }
        let mut left = pause;
        loop {
            let begin = Instant::now();
            let key = key_within(if self.paused { None } else { Some(left) })?;
            if !self.paused {
                left = left.saturating_sub(begin.elapsed());
            }
            match key {
                Some(b'q' | 3) => return Ok(Wish::Quit),
                Some(b' ') => self.paused = !self.paused,
                Some(b'.') if self.paused => return Ok(Wish::GoOn),
                Some(_) => {}
                None => return Ok(Wish::GoOn),
            }
        }
    }
}

/// The next key; none when time is up first.
fn key_within(time: Option<Duration>) -> anyhow::Result<Option<u8>> {
    let timeout = time.map(|time| Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    });
    let stdin = stdio::stdin();
    let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
    match poll(&mut ready, timeout.as_ref()) {
        Err(Errno::INTR) => return Ok(Some(0)),
        Ok(0) => return Ok(None),
        polled => polled.context("cannot read the keyboard")?,
    };
    let mut key = [0; 1];
    match rustix::io::read(stdin, &mut key) {
        Ok(1) => Ok(Some(key[0])),
        Ok(_) => bail!("the terminal is gone"),
        Err(Errno::INTR | Errno::AGAIN) => Ok(Some(0)),
        Err(error) => Err(error).context("cannot read the keyboard"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn player(speed: f64, idle_limit: Option<Duration>) -> Player {
        Player { speed, idle_limit, keys: false, paused: false }
    }

    #[test]
    fn output_is_played_and_all_else_passed_over() {
        let cast = b"{\"version\":3,\"term\":{\"cols\":80,\"rows\":24}}\n# a comment\n\
            [0.001,\"o\",\"a\\u001b[m\"]\n[0,\"r\",\"80x24\"]\n\n[0,\"o\",\"b\"]\n[0,\"x\",\"0\"]\n";
        let mut out = Vec::new();
        player(10.0, None).play(Cast::read(cast).unwrap(), &mut out).unwrap();
        assert_eq!(out, b"a\x1b[mb");
    }

    #[test]
    fn pauses_follow_speed_and_limit() {
        let limited = player(2.0, Some(Duration::from_secs(1)));
        assert_eq!(limited.pause(100.0), Duration::from_millis(500));
        assert_eq!(limited.pause(0.5), Duration::from_millis(250));
        assert_eq!(limited.pause(-3.0), Duration::ZERO);
        assert_eq!(player(0.01, None).pause(f64::INFINITY), Duration::MAX);
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        for text in ["", "hello", "{}", "{\"version\":2}"] {
            assert!(Cast::read(text.as_bytes()).is_err(), "{text}");
        }
        let damaged = b"{\"version\":3}\n[0,\"o\"\n";
        let result = player(1.0, None).play(Cast::read(damaged).unwrap(), &mut Vec::new());
        assert!(result.is_err());
        assert!(speed("0").is_err() && speed("NaN").is_err() && speed("0.5").is_ok());
    }
}
