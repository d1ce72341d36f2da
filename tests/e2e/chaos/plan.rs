//! What is to become of one session, from a seed: its options, the fate of each attempt, and
//! how that must end.

use wk_api::{CreateSession, RecoveryRequest};
use wk_model::{OsText, Status};
use wk_tests::TestDaemon;

/// The settings that the plans count on.
pub(super) const SETTINGS: &str = "[[template.chaos.patterns]]\ncategory = \"rate_limit\"\n\
                                   screen = \"limit reached\"\nexit_code = 75\n";

/// Longer than any attempt that ends by itself takes, on a machine that is busy.
const TIMEOUT_MS: u64 = 2000;

/// `SplitMix64` (Steele, Lea, Flood 2014).
struct Seed(u64);

impl Seed {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % end
    }
}

/// What becomes of one attempt. What comes from outside comes so many milliseconds after it was
/// seen to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Ends,
    Fails,
    Crashes,
    Killed(u64),
    HolderKilled(u64),
    Stopped(u64),
    TimesOut,
    /// Meets a limit that is over a moment later.
    Parks,
}

impl Fate {
    fn of(seed: &mut Seed) -> Self {
        match seed.below(20) {
            0..=6 => Self::Ends,
            7..=11 => Self::Fails,
            12..=14 => Self::Crashes,
            15 | 16 => Self::Killed(seed.below(30)),
            17 => Self::HolderKilled(seed.below(30)),
            18 => Self::Stopped(seed.below(30)),
            _ => Self::Parks,
        }
    }

    fn script(self) -> &'static str {
        match self {
            Self::Ends => "exit 0",
            Self::Fails => "exit 3",
            Self::Crashes => "kill -SEGV $$",
            Self::Parks => "echo limit reached, try again in 1s; exit 75",
            Self::Killed(_) | Self::HolderKilled(_) | Self::Stopped(_) | Self::TimesOut => {
                "exec sleep 1000"
            }
        }
    }

    fn status(self) -> Status {
        match self {
            Self::Ends => Status::Completed,
            Self::Stopped(_) => Status::Cancelled,
            Self::TimesOut => Status::Timeout,
            _ => Status::Failed,
        }
    }
}

/// A session's options, and the fates of all its attempts: it ends as the last one does.
#[derive(Debug)]
pub(super) struct Plan {
    retries: u32,
    delay_ms: u64,
    recovers: bool,
    timed: bool,
    pub(super) fates: Vec<Fate>,
}

impl Plan {
    pub(super) fn of(seed: u64, number: u64) -> Self {
        let mut seed = Seed(seed ^ number.wrapping_mul(7919));
        let kind = seed.below(12);
        let mut plan = Self {
            retries: seed.below(4) as u32,
            delay_ms: if seed.below(4) == 0 { 1 + seed.below(60) } else { 0 },
            recovers: kind != 0,
            timed: kind == 1,
            fates: Vec::new(),
        };
        while !plan.is_over() {
            let fate = plan.fitting(Fate::of(&mut seed));
            plan.fates.push(fate);
        }
        plan
    }

    /// A time limit ends all that waits to be ended, and who was parked once has had it.
    fn fitting(&self, fate: Fate) -> Fate {
        match fate {
            Fate::Killed(_) | Fate::HolderKilled(_) | Fate::Stopped(_) if self.timed => {
                Fate::TimesOut
            }
            Fate::Parks if self.parks() > 0 => Fate::Ends,
            fate => fate,
        }
    }

    fn is_over(&self) -> bool {
        let failures = self.fates.len() as u32 - self.parks();
        match self.fates.last() {
            None => false,
            Some(Fate::Ends | Fate::Stopped(_)) => true,
            Some(_) if !self.recovers => true,
            Some(Fate::Parks) => false,
            Some(_) => failures > self.retries,
        }
    }

    /// The status and the attempt it ends with.
    pub(super) fn want(&self) -> (Option<Status>, u32) {
        (self.fates.last().map(|fate| fate.status()), self.fates.len() as u32)
    }

    /// How often it waits for its limit to be over.
    pub(super) fn parks(&self) -> u32 {
        let parks = self.fates.iter().filter(|fate| self.recovers && **fate == Fate::Parks);
        parks.count() as u32
    }

    /// Says so if another attempt of the session runs while it begins.
    fn command(&self) -> Vec<OsText> {
        let cases: String = (1..)
            .zip(&self.fates)
            .map(|(attempt, fate)| format!("{attempt}) {};; ", fate.script()))
            .collect();
        let script = format!(
            "f=pid-$WK_SESSION_ID; \
             if [ -e $f ] && tr '\\0' '\\n' < /proc/$(cat $f)/environ 2>/dev/null | \
                grep -q WK_SESSION_ID=$WK_SESSION_ID; then echo $WK_SESSION_ID >> doubles; fi; \
             echo $$ > $f; case $WK_ATTEMPT in {cases} *) exit 99;; esac"
        );
        ["sh", "-c", &script].into_iter().map(|word| OsText::new(word).unwrap()).collect()
    }

    pub(super) fn request(&self, wk: &TestDaemon) -> CreateSession {
        let text = |text: String| OsText::new(text).unwrap();
        let path = std::env::var("PATH").unwrap();
        CreateSession {
            command: self.command(),
            template: Some("chaos".to_owned()),
            working_directory: Some(text(wk.work().to_str().unwrap().to_owned())),
            // How what a test has started is found, should anything stay behind.
            environment: Some(vec![
                text(format!("PATH={path}")),
                text(format!("WK_STATE_DIR={}", wk.state().display())),
            ]),
            // What is not recorded is not looked at for patterns.
            record: Some(self.fates.contains(&Fate::Parks)),
            timeout_ms: self.timed.then_some(TIMEOUT_MS),
            recovery: RecoveryRequest {
                enabled: Some(self.recovers),
                retries: Some(self.retries),
                delay_ms: Some(self.delay_ms),
                ..RecoveryRequest::default()
            },
            ..CreateSession::default()
        }
    }
}
