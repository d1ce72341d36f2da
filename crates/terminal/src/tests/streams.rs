//! Streams as programs write them, and as nobody would.

use std::fmt;
use std::ops::Deref;

use proptest::prelude::*;
use proptest::sample::select;

use crate::{Screen, Size};

#[derive(Clone, Debug)]
pub(super) enum Piece {
    Bytes(Stream),
    Resize(Size),
}

/// Bytes that are readable where a property fails.
#[derive(Clone)]
pub(super) struct Stream(Vec<u8>);

impl fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "b\"{}\"", self.0.escape_ascii())
    }
}

impl Deref for Stream {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

pub(super) fn apply(screen: &mut Screen, pieces: &[Piece]) {
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => screen.feed(bytes),
            Piece::Resize(size) => screen.resize(*size),
        }
    }
}

/// Mostly tiny ones: every edge is near.
pub(super) fn sizes() -> impl Strategy<Value = Size> {
    let tiny = (1..=12_u16, 1..=6_u16);
    let small = (13..=40_u16, 4..=12_u16);
    prop_oneof![4 => tiny, 1 => small].prop_map(|(cols, rows)| Size::new(cols, rows).unwrap())
}

pub(super) fn pieces(count: usize) -> impl Strategy<Value = Vec<Piece>> {
    let piece = prop_oneof![
        30 => bytes().prop_map(|bytes| Piece::Bytes(Stream(bytes))),
        1 => sizes().prop_map(Piece::Resize),
    ];
    prop::collection::vec(piece, 0..count)
}

/// A stream without changes of size.
pub(super) fn stream(count: usize) -> impl Strategy<Value = Stream> {
    prop::collection::vec(bytes(), 0..count).prop_map(|pieces| Stream(pieces.concat()))
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => text(),
        3 => controls(),
        10 => csi(),
        4 => sgr(),
        4 => modes(),
        3 => escapes(),
        2 => osc(),
        2 => queries(),
        1 => prop::collection::vec(any::<u8>(), 1..8),
        1 => special(),
    ]
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let wide = "[一中国語字😀👍]{1,3}";
    let combining = "[a-z中\u{301}\u{308}\u{200d}\u{fe0f}]{1,4}";
    prop_oneof![
        5 => "[ -~]{1,20}",
        2 => wide,
        2 => combining,
        1 => "[ -~éß中─😀]{1,12}",
        1 => "[\\x00-\\x1a\\x1c-\\x7f\u{80}-\u{a5}]{1,3}",
    ]
    .prop_map(String::into_bytes)
}

fn controls() -> impl Strategy<Value = Vec<u8>> {
    select(vec!["\r\n", "\n", "\r", "\x08", "\t", "\x0e", "\x0f", "\x0b", "\x7f", "\x07", "\x05"])
        .prop_map(|text| text.as_bytes().to_vec())
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (0..14_u32).prop_map(|number| number.to_string()),
        2 => Just(String::new()),
        1 => select(vec!["80", "255", "1000", "65535", "99999"]).prop_map(str::to_owned),
    ]
}

fn csi() -> impl Strategy<Value = Vec<u8>> {
    let finals = "@ABCDEFGHIJKLMPSTXZ`adefgrsu".chars().collect::<Vec<_>>();
    (prop::collection::vec(number(), 0..3), select(finals))
        .prop_map(|(params, last)| format!("\x1b[{}{last}", params.join(";")).into_bytes())
}

fn sgr() -> impl Strategy<Value = Vec<u8>> {
    let one = select(vec![
        "0",
        "1",
        "2",
        "3",
        "4",
        "4:2",
        "4:3",
        "4:4",
        "4:5",
        "4:0",
        "5",
        "7",
        "8",
        "9",
        "21",
        "22",
        "23",
        "24",
        "27",
        "28",
        "29",
        "31",
        "37",
        "39",
        "42",
        "44",
        "49",
        "90",
        "97",
        "100",
        "107",
        "38;5;123",
        "48;5;200",
        "38;2;1;2;3",
        "48;2;250;251;252",
        "38:2::9:8:7",
        "48:5:17",
        "59",
        "58;5;9",
        "58:2::4:5:6",
        "58;2;1;1;1",
        "38;9",
        "",
    ]);
    prop::collection::vec(one, 0..4)
        .prop_map(|params| format!("\x1b[{}m", params.join(";")).into_bytes())
}

fn modes() -> impl Strategy<Value = Vec<u8>> {
    let private = select(vec![
        1, 3, 5, 6, 6, 7, 7, 9, 12, 25, 45, 47, 66, 1000, 1002, 1003, 1004, 1005, 1006, 1007, 1015,
        1042, 1047, 1048, 1049, 1049, 2004, 2026, 2031, 31337,
    ]);
    let private = (private, any::<bool>())
        .prop_map(|(mode, on)| format!("\x1b[?{mode}{}", if on { 'h' } else { 'l' }));
    let public = (select(vec![4, 20, 99]), any::<bool>())
        .prop_map(|(mode, on)| format!("\x1b[{mode}{}", if on { 'h' } else { 'l' }));
    let keyboard = (select(vec!["=", ">", "<"]), number(), 0..4_u8)
        .prop_map(|(kind, flags, how)| format!("\x1b[{kind}{flags};{how}u"));
    let cursor = (0..8_u8).prop_map(|style| format!("\x1b[{style} q"));
    prop_oneof![6 => private, 2 => public, 1 => keyboard, 1 => cursor].prop_map(String::into_bytes)
}

fn escapes() -> impl Strategy<Value = Vec<u8>> {
    select(vec![
        "\x1b7",
        "\x1b8",
        "\x1b7",
        "\x1b8",
        "\x1bD",
        "\x1bE",
        "\x1bH",
        "\x1bM",
        "\x1b=",
        "\x1b>",
        "\x1b(0",
        "\x1b(B",
        "\x1b)0",
        "\x1b)B",
        "\x1b*0",
        "\x1b+0",
        "\x1b#8",
        "\x1b[!p",
        "\x1bc",
        "\x1b[3g",
        "\x1b[g",
        "\x1b[?5W",
        "\x1b\\",
        "\x1b(",
        "\x1b[",
        "\x1b[3",
        "\x1b[?",
        "\x1b",
        "\x1b[2\n4m",
        "\x1b[1;\x7f3H",
        "\x1b#",
        "\x1b  B",
    ])
    .prop_map(|text| text.as_bytes().to_vec())
}

fn osc() -> impl Strategy<Value = Vec<u8>> {
    let command = prop_oneof![
        2 => "[a-z ;\u{e9}]{0,9}".prop_map(|title| format!("2;{title}")),
        2 => ("(id=[a-c])?", "[a-z;:/]{0,12}").prop_map(|(id, uri)| format!("8;{id};http{uri}")),
        2 => Just("8;;".to_owned()),
        1 => (0..20_u8, any::<[u8; 3]>())
            .prop_map(|(index, [r, g, b])| format!("4;{index};rgb:{r:02x}/{g:02x}/{b:02x}")),
        1 => (10..13_u8, any::<[u8; 3]>())
            .prop_map(|(index, [r, g, b])| format!("{index};#{r:02x}{g:02x}{b:02x}")),
        1 => select(vec!["104", "104;3", "110", "112", "50;CursorShape=1", "52;c;YQ==", "x", ""])
            .prop_map(str::to_owned),
    ];
    let end = select(vec!["\x07", "\x1b\\", "\x1b\\", "\x18", "\x1b"]);
    (command, end).prop_map(|(command, end)| format!("\x1b]{command}{end}").into_bytes())
}

fn queries() -> impl Strategy<Value = Vec<u8>> {
    select(vec![
        "\x1b[c",
        "\x1b[>c",
        "\x1b[=c",
        "\x1b[5n",
        "\x1b[6n",
        "\x1b[?6n",
        "\x1b[?25$p",
        "\x1b[4$p",
        "\x1b[?u",
        "\x1b[>q",
        "\x1b[14t",
        "\x1b[18t",
        "\x1b]10;?\x07",
        "\x1b]4;1;?\x1b\\",
        "\x1b]4;1;#123456;2;?\x1b\\",
        "\x1b]10;#aabbcc;?\x07",
        "\x1bP$qm\x1b\\",
        "\x1bP+q544e\x1b\\",
        "\x1b]52;c;?\x07",
        "\x1b_Ga=q,i=1;AAAA\x1b\\",
        "\x1bZ",
        "\x05",
        "\x1b[?4m",
    ])
    .prop_map(|text| text.as_bytes().to_vec())
}

/// Titles put aside, repetitions, other strings, and what is too long.
fn special() -> impl Strategy<Value = Vec<u8>> {
    let long = 2000..2100_usize;
    prop_oneof![
        4 => select(vec!["\x1b[22t", "\x1b[23t", "\x1b[>4;2m", "\x1b[>4m", "\x1bPq#0\x1b\\",
            "\x1b_hidden\x1b\\", "\x1b^hidden\x1b\\"])
            .prop_map(|text| text.as_bytes().to_vec()),
        1 => Just(b"\x1bP1;2|3\x9c".to_vec()),
        3 => (1..9_u8).prop_map(|count| format!("x\x1b[{count}b").into_bytes()),
        1 => long.clone().prop_map(|length| [b"\x1b]2;", &*vec![b't'; length], b"\x07"].concat()),
        1 => long.clone().prop_map(|length| [b"\x1b[", &*vec![b'0'; length], b"31mx"].concat()),
        1 => long.clone().prop_map(|length| [b"\x1b(", &*vec![b' '; length], b"0x"].concat()),
        1 => long.prop_map(|length| [b"\x1bP", &*vec![b'1'; length], b"q00\x1b\\x"].concat()),
        1 => Just("e\u{301}".repeat(3).into_bytes()),
        1 => Just("\u{301}".repeat(40).into_bytes()),
    ]
}
