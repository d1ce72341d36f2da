//! One connection to a session's holder, from the redraw to its end.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    sync::{mpsc, watch},
    time::{Instant, timeout},
};
use wk_api::OutputStream;
use wk_holder::protocol::{Ended, Reply, Request};
use wk_sources::until;

use super::{
    detach_key::{Detacher, Outcome, PATIENCE},
    feed::Feed,
    frames::Frames,
    output::Output,
};

/// Typed bytes that may wait for a session that does not read.
const MAX_WAITING: usize = 1 << 20;

/// Output is confirmed whenever it is so much more.
const CONFIRMED: u64 = 64 << 10;

/// How long the last confirmation may take; who does not get it waits, and gives up.
const FAREWELL: Duration = Duration::from_secs(2);

/// How a connection came to its end.
#[derive(Debug)]
pub(crate) enum Turn {
    /// The session is over.
    Ended(Ended),
    /// The connection is gone, the session most likely not.
    Cut,
    Detached,
    Refused(String),
    /// Our own stdout or stderr cannot be written.
    OutputGone(std::io::Error),
}

/// What comes from our side; lasts over several connections.
#[derive(Debug, Default)]
pub(crate) struct Input {
    /// None: there is none, or it has ended.
    pub stdin: Option<mpsc::Receiver<Vec<u8>>>,
    /// None: every byte is for the session.
    pub detacher: Option<Detacher>,
    /// Never sends what is typed.
    pub read_only: bool,
    /// Some: nothing of stdin may be lost or doubled, and its end is passed on.
    pub feed: Option<Feed>,
    /// The size of our terminal, where we have one.
    pub size: Option<watch::Receiver<(u16, u16)>>,
    /// Frames that wait to be sent.
    pub waiting: Vec<u8>,
    /// When a press of the detach key has waited long enough.
    pub patience: Option<Instant>,
}

impl Input {
    /// Waits for one thing from our side and queues it; answers only when it is the leave.
    pub(crate) async fn take(&mut self) -> Option<Turn> {
        // Where input must not be lost it waits in its pipe; a terminal is always read, since
        // the detach key must work even when the session reads nothing.
        let listens = self.feed.as_ref().is_none_or(Feed::has_room);
        let patience = self.patience;
        tokio::select! {
            chunk = receive_chunk(&mut self.stdin), if listens => self.typed(chunk),
            size = changed(&mut self.size) => {
                let (cols, rows) = size;
                Request::Resize { cols, rows }.put(&mut self.waiting);
                None
            }
            () = until(patience) => Some(Turn::Detached),
        }
    }

    fn typed(&mut self, chunk: Option<Vec<u8>>) -> Option<Turn> {
        let Some(chunk) = chunk else {
            self.stdin = None;
            self.feed.iter_mut().for_each(Feed::end);
            return None;
        };
        if let Some(feed) = &mut self.feed {
            feed.push(&chunk);
            return None;
        }
        let (mut bytes, mut outcome) = (Vec::new(), Outcome::Forwarded);
        match &mut self.detacher {
            Some(detacher) => outcome = detacher.feed(&chunk, &mut bytes),
            None => bytes = chunk,
        }
        if !bytes.is_empty() && !self.read_only && self.waiting.len() < MAX_WAITING {
            Request::Input(bytes).put(&mut self.waiting);
        }
        self.patience = match outcome {
            Outcome::Detach => return Some(Turn::Detached),
            Outcome::Waiting => Some(Instant::now() + PATIENCE),
            Outcome::Forwarded => None,
        };
        None
    }
}

/// What a feeder has heard and received, for the direction that sends.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    /// The holder has so much of our input.
    resumed: Option<u64>,
    /// The child has read so much of it.
    taken: u64,
    /// We have so much output.
    received: u64,
}

/// Leads one connection until something ends it.
pub(crate) async fn exchange(
    stream: impl AsyncRead + AsyncWrite,
    input: &mut Input,
    output: &mut Output,
) -> Turn {
    let (read, write) = tokio::io::split(stream);
    let feeds = input.feed.is_some();
    let (tell, heard) = watch::channel(Heard { received: output.bytes, ..Heard::default() });
    let mut line = Line { write, sending: Vec::new(), sent: 0, open: true, heard };
    let turn = tokio::select! {
        turn = receive(Frames::new(read), output, feeds.then_some(&tell)) => turn,
        turn = line.send(input) => turn,
    };
    if let (true, Turn::Ended(_)) = (feeds, &turn) {
        // Then the holder may go. Where that fails, we have everything all the same.
        let _ = timeout(FAREWELL, line.confirm_all(output.bytes)).await;
    }
    turn
}

async fn receive(
    mut frames: Frames<impl AsyncRead + Unpin>,
    output: &mut Output,
    tell: Option<&watch::Sender<Heard>>,
) -> Turn {
    let note = |change: &dyn Fn(&mut Heard)| {
        if let Some(tell) = tell {
            tell.send_modify(change);
        }
    };
    loop {
        let (stream, bytes) = match frames.next().await {
            Ok(Some(Reply::Output(bytes))) => (OutputStream::Stdout, bytes),
            Ok(Some(Reply::ErrorOutput(bytes))) => (OutputStream::Stderr, bytes),
            Ok(Some(Reply::Ended(ended))) => return Turn::Ended(ended),
            Ok(Some(Reply::Refused(why))) => return Turn::Refused(why),
            Ok(Some(Reply::Resumed { output: at, .. })) if at != output.bytes => {
                let (have, why) = (output.bytes, "what was in between is lost");
                return Turn::Refused(format!(
                    "{have} bytes of output are here, {at} there: {why}"
                ));
            }
            Ok(Some(Reply::Resumed { input, .. })) => {
                note(&|heard| heard.resumed = Some(input));
                continue;
            }
            Ok(Some(Reply::Taken(input))) => {
                note(&|heard| heard.taken = input);
                continue;
            }
            Ok(Some(_)) => continue,
            Ok(None) | Err(_) => return Turn::Cut,
        };
        if let Err(error) = output.write(stream, bytes).await {
            return Turn::OutputGone(error);
        }
        let received = output.bytes;
        note(&|heard| heard.received = received);
    }
}

/// The direction that sends.
struct Line<W> {
    write: W,
    sending: Vec<u8>,
    sent: usize,
    open: bool,
    heard: watch::Receiver<Heard>,
}

impl<W: AsyncWrite + Unpin> Line<W> {
    async fn send(&mut self, input: &mut Input) -> Turn {
        let mut confirmed = self.heard.borrow().received;
        loop {
            if self.sent == self.sending.len() {
                if let Some(feed) = &mut input.feed {
                    feed.put_next(&mut input.waiting);
                }
                (self.sending, self.sent) = (std::mem::take(&mut input.waiting), 0);
            }
            tokio::select! {
                written = self.write.write(&self.sending[self.sent..]),
                    if self.open && self.sent < self.sending.len() =>
                {
                    let written = written.unwrap_or(0);
                    self.sent += written;
                    // Whether the session has ended or the connection is cut, the other
                    // direction knows.
                    self.open = written > 0;
                }
                turn = input.take() => {
                    if let Some(turn) = turn {
                        return turn;
                    }
                }
                Ok(()) = self.heard.changed() => {
                    let heard = *self.heard.borrow_and_update();
                    if let Some(refused) = hear(input, heard, &mut confirmed) {
                        return refused;
                    }
                }
            }
            if !self.open {
                (self.sending, self.sent) = (Vec::new(), 0);
                input.waiting.clear();
            }
        }
    }

    /// Sends the rest of what was begun, and that all output is here.
    async fn confirm_all(&mut self, received: u64) -> std::io::Result<()> {
        let mut rest = self.sending.split_off(self.sent);
        Request::Received(received).put(&mut rest);
        self.write.write_all(&rest).await?;
        self.write.flush().await
    }
}

/// Takes in what the other direction has heard.
fn hear(input: &mut Input, heard: Heard, confirmed: &mut u64) -> Option<Turn> {
    let feed = input.feed.as_mut()?;
    if let Some(resumed) = heard.resumed.filter(|_| !feed.is_open())
        && !feed.resume(resumed)
    {
        return Some(Turn::Refused("it has another input than ours".into()));
    }
    feed.taken(heard.taken);
    if heard.received >= *confirmed + CONFIRMED {
        *confirmed = heard.received;
        Request::Received(*confirmed).put(&mut input.waiting);
    }
    None
}

async fn receive_chunk(stdin: &mut Option<mpsc::Receiver<Vec<u8>>>) -> Option<Vec<u8>> {
    match stdin {
        Some(stdin) => stdin.recv().await,
        None => std::future::pending().await,
    }
}

async fn changed(size: &mut Option<watch::Receiver<(u16, u16)>>) -> (u16, u16) {
    if let Some(receiver) = size
        && receiver.changed().await.is_ok()
    {
        return *receiver.borrow_and_update();
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, DuplexStream, duplex};
    use wk_holder::protocol;
    use wk_model::Ending;

    use super::*;
    use crate::attach::{detach_key::DetachKey, output::tests::captured};

    fn terminal() -> (mpsc::Sender<Vec<u8>>, Input) {
        let (sender, stdin) = mpsc::channel(4);
        let input = Input {
            stdin: Some(stdin),
            detacher: Some(Detacher::new(DetachKey::default())),
            ..Input::default()
        };
        (sender, input)
    }

    async fn next_request(stream: &mut DuplexStream) -> Request {
        let mut buffer = Vec::new();
        loop {
            if let Some(frame) = protocol::frame(&buffer).unwrap() {
                return Request::read(&frame).unwrap().unwrap();
            }
            buffer.push(stream.read_u8().await.unwrap());
        }
    }

    async fn reply(stream: &mut DuplexStream, reply: Reply) {
        let mut wire = Vec::new();
        reply.put(&mut wire);
        stream.write_all(&wire).await.unwrap();
    }

    #[tokio::test]
    async fn output_and_the_end_come_through() {
        let (near, mut far) = duplex(64);
        let (mut output, stdout, stderr) = captured();
        let (_typing, mut input) = terminal();
        let holder = tokio::spawn(async move {
            reply(&mut far, Reply::Output(vec![b'x'; 1000])).await;
            reply(&mut far, Reply::Resized { cols: 1, rows: 1 }).await;
            reply(&mut far, Reply::ErrorOutput(b"oops".to_vec())).await;
            let ending = Ending::Exited { code: 3 };
            reply(&mut far, Reply::Ended(Ended { ending, limit: None })).await;
        });
        let turn = exchange(near, &mut input, &mut output).await;
        assert!(matches!(turn, Turn::Ended(Ended { ending: Ending::Exited { code: 3 }, .. })));
        output.finish().await.unwrap();
        assert_eq!(*stdout.0.lock().unwrap(), [b'x'; 1000]);
        assert_eq!(*stderr.0.lock().unwrap(), b"oops");
        holder.await.unwrap();
    }

    #[tokio::test]
    async fn typing_and_sizes_are_sent_and_a_lost_connection_is_no_end() {
        let (near, mut far) = duplex(64);
        let (mut output, ..) = captured();
        let (typing, mut input) = terminal();
        let (resize, size) = watch::channel((80, 24));
        input.size = Some(size);
        let holder = tokio::spawn(async move {
            assert_eq!(next_request(&mut far).await, Request::Input(b"ls\r".to_vec()));
            resize.send((100, 30)).unwrap();
            assert_eq!(next_request(&mut far).await, Request::Resize { cols: 100, rows: 30 });
        });
        typing.send(b"ls\r".to_vec()).await.unwrap();
        let turn = exchange(near, &mut input, &mut output).await;
        assert!(matches!(turn, Turn::Cut), "{turn:?}");
        holder.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn the_detach_key_works_although_the_session_reads_nothing() {
        let (near, _far) = duplex(16);
        let (mut output, ..) = captured();
        let (typing, mut input) = terminal();
        let started = Instant::now();
        let person = tokio::spawn(async move {
            for _ in 0..40 {
                typing.send(vec![b'x'; 64 << 10]).await.unwrap();
            }
            typing.send(vec![0x1c]).await.unwrap();
            typing
        });
        let turn = exchange(near, &mut input, &mut output).await;
        assert!(matches!(turn, Turn::Detached), "{turn:?}");
        assert!(started.elapsed() >= PATIENCE && started.elapsed() < Duration::from_secs(5));
        assert!(input.waiting.len() < 2 * MAX_WAITING);
        drop(person.await.unwrap());
    }

    #[tokio::test]
    async fn read_only_sends_nothing_but_hears_the_detach_key() {
        let (near, mut far) = duplex(64);
        let (mut output, ..) = captured();
        let (typing, mut input) = terminal();
        input.read_only = true;
        typing.send(b"rm -rf".to_vec()).await.unwrap();
        typing.send(b"\x1cq".to_vec()).await.unwrap();
        let turn = exchange(near, &mut input, &mut output).await;
        assert!(matches!(turn, Turn::Detached), "{turn:?}");
        assert_eq!(far.read(&mut [0; 8]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn fed_input_is_not_lost_and_its_end_is_passed_on() {
        let (near, mut far) = duplex(64);
        let (mut output, ..) = captured();
        let (typing, stdin) = mpsc::channel(4);
        let feed = Some(Feed::default());
        let mut input = Input { stdin: Some(stdin), feed, ..Input::default() };
        tokio::spawn(async move {
            for _ in 0..50 {
                typing.send(vec![b'\x1c'; 64 << 10]).await.unwrap();
            }
        });
        let holder = tokio::spawn(async move {
            let (mut buffer, mut bytes) = (Vec::new(), 0);
            reply(&mut far, Reply::Resumed { output: 0, input: 0 }).await;
            loop {
                while let Some(frame) = protocol::frame(&buffer).unwrap() {
                    match Request::read(&frame).unwrap().unwrap() {
                        Request::Input(input) => {
                            bytes += input.len();
                            reply(&mut far, Reply::Taken(bytes as u64)).await;
                        }
                        Request::InputEnd => return bytes,
                        other => panic!("{other:?}"),
                    }
                    let taken = frame.taken;
                    buffer.drain(..taken);
                }
                far.read_buf(&mut buffer).await.unwrap();
            }
        });
        let turn = exchange(near, &mut input, &mut output).await;
        assert!(matches!(turn, Turn::Cut), "{turn:?}");
        assert_eq!(holder.await.unwrap(), 50 * (64 << 10));
    }
}
