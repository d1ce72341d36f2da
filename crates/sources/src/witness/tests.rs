//! The link against witnesses that say what a test wants them to.

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::{
        UnixListener,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
};
use wk_holder::host;
use wk_witness::protocol::{Ask, Told, VERSION};

use super::*;

const LONG: Duration = Duration::from_secs(20);

/// One connection, from the witness's side.
struct Fake {
    asks: Lines<BufReader<OwnedReadHalf>>,
    out: OwnedWriteHalf,
}

impl Fake {
    /// Lets one in, and welcomes it.
    async fn accept(listener: &UnixListener, generation: &str) -> Self {
        let (stream, _) = listener.accept().await.unwrap();
        let (reader, out) = stream.into_split();
        let mut fake = Self { asks: BufReader::new(reader).lines(), out };
        assert_eq!(fake.ask().await, Ask::Hello { version: VERSION });
        fake.tell(&Told::Welcome {
            version: VERSION,
            program: "0".into(),
            generation: generation.into(),
            started: host::now(),
            dropped: 0,
            missing: Vec::new(),
        })
        .await;
        assert_eq!(fake.ask().await, Ask::Commands { wanted: true });
        fake
    }

    async fn ask(&mut self) -> Ask {
        let line = timeout(LONG, self.asks.next_line()).await.unwrap().unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }

    async fn tell(&mut self, told: &Told) {
        self.say(&serde_json::to_vec(told).unwrap()).await;
    }

    async fn say(&mut self, line: &[u8]) {
        self.out.write_all(&[line, b"\n"].concat()).await.unwrap();
    }
}

fn record(number: u64) -> Told {
    Told::Record { number, at: host::now(), change: Change::ConfigReloaded }
}

fn process(pid: u32) -> ProcessId {
    ProcessId { boot: host::boot_id(), pid, start_time: 1 }
}

async fn next(reports: &mut mpsc::Receiver<Report>) -> Report {
    timeout(LONG, reports.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_sync_is_over_when_all_before_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("witness.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let (out, mut reports) = mpsc::channel(16);
    let witness = Witness::start(socket, out);
    assert!(!witness.sync(LONG).await, "nobody looks on yet");
    let mut fake = Fake::accept(&listener, "g1").await;
    assert!(matches!(next(&mut reports).await, Report::Started(_)));
    assert!(witness.until_heard(LONG).await);
    assert_eq!(witness.coverage().unwrap().generation, "g1");
    let answer = async {
        let Ask::Sync { number } = fake.ask().await else { panic!("no sync") };
        fake.tell(&record(7)).await;
        fake.say(b"{\"told\":\"something new\"}").await;
        fake.tell(&Told::Synced { number }).await;
    };
    let (synced, ()) = tokio::join!(witness.sync(LONG), answer);
    assert!(synced);
    let given = reports.try_recv().expect("it is there before the sync is over");
    assert!(matches!(given, Report::Record { number: 7, generation, .. } if generation == "g1"));
}

#[tokio::test]
async fn the_next_witness_hears_of_all_that_is_watched() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("w").join("witness.sock");
    let (out, mut reports) = mpsc::channel(16);
    let witness = Witness::start(socket.clone(), out);
    witness.watch(process(1));
    witness.watch(process(2));
    witness.unwatch(process(2));
    std::fs::create_dir(folder.path().join("w")).unwrap();
    let listener = UnixListener::bind(&socket).unwrap();
    let mut fake = Fake::accept(&listener, "g1").await;
    assert_eq!(fake.ask().await, Ask::Watch { process: process(1) });
    assert!(matches!(next(&mut reports).await, Report::Started(_)));
    witness.watch(process(3));
    assert_eq!(fake.ask().await, Ask::Watch { process: process(3) });
    drop((fake, listener));
    let lost = next(&mut reports).await;
    assert!(matches!(lost, Report::Lost(WitnessLost { records: None, .. })), "{lost:?}");
    assert!(witness.coverage().unwrap_err().contains("has ended"));
    std::fs::remove_file(&socket).unwrap();
    let listener = UnixListener::bind(&socket).unwrap();
    let mut fake = Fake::accept(&listener, "g2").await;
    let mut asked = [fake.ask().await, fake.ask().await];
    asked.sort_by_key(|ask| if let Ask::Watch { process } = ask { process.pid } else { 0 });
    assert_eq!(asked, [1, 3].map(|pid| Ask::Watch { process: process(pid) }));
    assert!(matches!(next(&mut reports).await, Report::Started(_)));
}

#[tokio::test]
async fn a_line_without_end_ends_the_connection() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("witness.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let (out, mut reports) = mpsc::channel(16);
    let _witness = Witness::start(socket, out);
    let mut fake = Fake::accept(&listener, "g1").await;
    assert!(matches!(next(&mut reports).await, Report::Started(_)));
    // The other side hangs up in the middle of it.
    let _ = fake.out.write_all(&vec![b'x'; 1 << 20]).await;
    assert!(matches!(next(&mut reports).await, Report::Lost(_)));
}
