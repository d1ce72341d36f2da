//! What the tests of recordings share.

use std::path::Path;
use wk_recording::{Event, Events, ExportOptions, Header, Kind, Options, Stamp, Stream, Writer};

pub(crate) const LEAST: Options = Options { max_size: 256 * 1024 };

/// A moment `ms` milliseconds into the test.
pub(crate) fn at(ms: u64) -> Stamp {
    Stamp { wall_ms: 1_700_000_000_250 + ms, monotonic_us: 77 + ms * 1000 }
}

pub(crate) fn header() -> Header {
    Header { cols: 80, rows: 24, term: Some("xterm".into()), ..Header::default() }
}

pub(crate) fn writer(folder: &Path) -> Writer {
    Writer::create(folder, header(), LEAST, at(0)).unwrap()
}

/// All events; none may be damaged.
pub(crate) fn events(folder: &Path) -> Vec<Event> {
    Events::new(folder).collect::<Result<_, _>>().unwrap()
}

pub(crate) fn kinds(folder: &Path) -> Vec<Kind> {
    events(folder).into_iter().map(|event| event.kind).collect()
}

pub(crate) fn text_of<'a>(events: impl IntoIterator<Item = &'a Event>, wanted: Stream) -> String {
    let text = |event: &'a Event| match &event.kind {
        Kind::Output { stream, text } if *stream == wanted => Some(text.as_str()),
        _ => None,
    };
    events.into_iter().filter_map(text).collect()
}

/// The events of the exported file, as a reader of the format sees them.
pub(crate) fn exported(folder: &Path, options: ExportOptions) -> Vec<(f64, String, String)> {
    let mut file = Vec::new();
    wk_recording::export(folder, &mut file, options).unwrap();
    let text = String::from_utf8(file).unwrap();
    let mut lines = text.lines();
    let header: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(header["version"], 3);
    assert!(header["term"]["cols"].is_u64() && header["term"]["rows"].is_u64());
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}
