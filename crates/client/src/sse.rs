//! Server-sent events, as the HTML standard describes them, with a bound on their size.

use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::ClientError;

/// A longer event is not one of our daemon's.
const MAX_EVENT: usize = 64 << 20;

/// One event of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SseEvent {
    pub id: Option<String>,
    /// The event's name; empty for a plain message.
    pub event: String,
    pub data: String,
}

/// Events as they come.
#[derive(Debug)]
pub struct SseStream {
    body: Incoming,
    parser: Parser,
}

impl SseStream {
    pub(crate) fn new(body: Incoming) -> Self {
        Self { body, parser: Parser::default() }
    }

    /// The next event; none once the daemon has ended the stream.
    pub async fn next(&mut self) -> Result<Option<SseEvent>, ClientError> {
        loop {
            if let Some(event) = self.parser.next() {
                return Ok(Some(event));
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let frame = frame.map_err(|error| ClientError::Closed(Some(error)))?;
            if let Some(data) = frame.data_ref() {
                self.parser.feed(data)?;
            }
        }
    }
}

#[derive(Debug, Default)]
struct Parser {
    buffer: Vec<u8>,
    /// How much of `buffer` is known to hold no end of an event.
    searched: usize,
}

impl Parser {
    fn feed(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        if self.buffer.len() + bytes.len() > MAX_EVENT {
            return Err(ClientError::Answer { why: "an event is too long".into() });
        }
        self.buffer.extend(bytes);
        Ok(())
    }

    fn next(&mut self) -> Option<SseEvent> {
        loop {
            let from = self.searched.saturating_sub(1);
            let Some(at) = self.buffer[from..].windows(2).position(|pair| pair == b"\n\n") else {
                self.searched = self.buffer.len();
                return None;
            };
            let block: Vec<u8> = self.buffer.drain(..from + at + 2).collect();
            self.searched = 0;
            if let Some(event) = parse(&String::from_utf8_lossy(&block)) {
                return Some(event);
            }
        }
    }
}

/// Reads one block; none where it holds comments only.
fn parse(block: &str) -> Option<SseEvent> {
    let (mut event, mut data) = (SseEvent::default(), Vec::new());
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => event.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut event.event),
            "data" => data.push(value),
            _ => {}
        }
    }
    event.data = data.join("\n");
    (event != SseEvent::default()).then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_from_any_split() {
        let text = ": hello\n\nid: j:1\nevent: prompt\ndata: {\"a\":1}\n\ndata: x\ndata:y\n\n";
        for size in 1..text.len() {
            let (mut parser, mut events) = (Parser::default(), Vec::new());
            for piece in text.as_bytes().chunks(size) {
                parser.feed(piece).unwrap();
                while let Some(event) = parser.next() {
                    events.push(event);
                }
            }
            let first = SseEvent {
                id: Some("j:1".into()),
                event: "prompt".into(),
                data: "{\"a\":1}".into(),
            };
            let second = SseEvent { data: "x\ny".into(), ..Default::default() };
            assert_eq!(events, [first, second], "{size}");
        }
    }
}
