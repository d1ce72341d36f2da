//! The programs in the kernel and their maps: made once, found again by every later witness.

use std::{
    fs, io,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
};

use aya::{
    Btf, EbpfLoader, Pod,
    maps::{Array, HashMap, Map, MapData, RingBuf},
    programs::{BtfTracePoint, links::FdLink},
};
use rustix::mount::{MountFlags, mount};

use super::places::{BPF_MOUNT, fingerprint};
use crate::raw;

/// The programs, as clang made them; empty where there was none.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/witness.bpf.o"));

/// Program, tracepoint of the same name, and whether a witness without it is none.
const PROGRAMS: [(&str, bool, &str); 4] = [
    ("signal_generate", true, "signals"),
    ("sched_process_exit", true, "ends of processes"),
    ("mark_victim", false, "OOM victims (this kernel tells of them in another way)"),
    ("sched_process_exec", false, "command lines of ancestors, and tmux clients"),
];

const MAPS: [&str; 8] = [
    "wk_records",
    "wk_state",
    "wk_roots",
    "wk_commands",
    "wk_budgets",
    "wk_lost",
    "wk_bell",
    "wk_started",
];

/// Why the kernel is not watched.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    #[error("this wk-witness was built without clang: its kernel programs are missing")]
    NotBuilt,
    #[error(
        "this kernel has no BTF (/sys/kernel/btf/vmlinux): it must be built with CONFIG_DEBUG_INFO_BTF"
    )]
    NoBtf(#[source] aya::BtfError),
    #[error("no right to load BPF programs: CAP_BPF and CAP_PERFMON (or root) are needed")]
    NoRight(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("there is no BPF file system at {BPF_MOUNT}, and none can be mounted")]
    NoPins(#[source] io::Error),
    #[error("the kernel does not take the BPF programs (is CONFIG_BPF_SYSCALL on?)")]
    Load(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("cannot use `{}`", path.display())]
    Pin { path: PathBuf, source: io::Error },
}

/// Whether there are programs to load at all.
pub fn object_is_built() -> bool {
    !OBJECT.is_empty()
}

/// `struct root`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct RootEntry {
    pub(crate) start: u64,
    pub(crate) uid: u32,
    pub(crate) unused: u32,
}

/// `struct state`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct State {
    layout: u64,
    pub(crate) head: u64,
    pub(crate) started_ns: u64,
    programs: u64,
    generation: [u8; 16],
}

// SAFETY: plain numbers, without padding.
#[expect(unsafe_code, reason = "maps hold bytes")]
unsafe impl Pod for RootEntry {}
// SAFETY: plain numbers, without padding.
#[expect(unsafe_code, reason = "maps hold bytes")]
unsafe impl Pod for State {}

/// The recorder, however it came to be.
pub(crate) struct Kernel {
    pub(crate) records: MapData,
    pub(crate) state: State,
    state_map: MapData,
    pub(crate) roots: HashMap<MapData, u32, RootEntry>,
    pub(crate) commands: HashMap<MapData, u32, u32>,
    pub(crate) lost: HashMap<MapData, u32, u64>,
    pub(crate) bell: RingBuf<MapData>,
    /// What cannot be seen on this kernel.
    pub(crate) missing: Vec<String>,
}

impl Kernel {
    /// Finds the recorder that an earlier witness made, or makes one.
    pub(crate) fn open(pins: &Path) -> Result<Self, KernelError> {
        if OBJECT.is_empty() {
            return Err(KernelError::NotBuilt);
        }
        mount_bpf()?;
        if is_ours(pins)
            && let Ok(found) = Self::of_pins(pins)
        {
            return Ok(found);
        }
        remove(pins)?;
        let btf = Btf::from_sys_fs().map_err(KernelError::NoBtf)?;
        make(pins, &btf).inspect_err(|_| {
            // Half a recorder is none.
            let _ = remove(pins);
        })?;
        Self::of_pins(pins)
    }

    fn of_pins(pins: &Path) -> Result<Self, KernelError> {
        let open = |name: &str| MapData::from_pin(pins.join(name)).map_err(load);
        let state_map = open("wk_state")?;
        let state = read_state(open("wk_state")?)?;
        let missing = PROGRAMS.iter().filter(|(name, ..)| !pins.join(name).exists());
        Ok(Self {
            records: open("wk_records")?,
            state,
            state_map,
            roots: HashMap::try_from(Map::HashMap(open("wk_roots")?)).map_err(load)?,
            commands: HashMap::try_from(Map::HashMap(open("wk_commands")?)).map_err(load)?,
            lost: HashMap::try_from(Map::HashMap(open("wk_lost")?)).map_err(load)?,
            bell: RingBuf::try_from(Map::RingBuf(open("wk_bell")?)).map_err(load)?,
            missing: missing.map(|(.., what)| (*what).to_owned()).collect(),
        })
    }

    pub(crate) fn state_map(&self) -> BorrowedFd<'_> {
        self.state_map.fd().as_fd()
    }

    /// The name of this run of numbers.
    pub(crate) fn generation(&self) -> String {
        String::from_utf8_lossy(&self.state.generation).into_owned()
    }
}

/// Whether what is pinned there is a whole recorder of this very program.
fn is_ours(pins: &Path) -> bool {
    let whole = PROGRAMS.iter().filter(|(_, needed, _)| *needed);
    let mut files = MAPS.into_iter().chain(whole.map(|(name, ..)| *name));
    let state = MapData::from_pin(pins.join("wk_state")).ok().and_then(|map| read_state(map).ok());
    files.all(|name| pins.join(name).exists())
        && state.is_some_and(|state| {
            state.layout == raw::LAYOUT
                && state.programs == fingerprint(OBJECT)
                && state.started_ns != 0
        })
}

fn read_state(map: MapData) -> Result<State, KernelError> {
    let states = Array::<_, State>::try_from(Map::Array(map)).map_err(load)?;
    states.get(&0, 0).map_err(load)
}

fn make(pins: &Path, btf: &Btf) -> Result<(), KernelError> {
    let pin = |source| KernelError::Pin { path: pins.to_owned(), source };
    fs::create_dir(pins).map_err(pin)?;
    let mut ebpf =
        EbpfLoader::new().btf(Some(btf)).allow_unsupported_maps().load(OBJECT).map_err(refused)?;
    let mut random = [0; 8];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
        .map_err(|error| pin(error.into()))?;
    let mut generation = [0; 16];
    let text = format!("{:016x}", u64::from_ne_bytes(random));
    generation.copy_from_slice(text.as_bytes());
    let mut links: Vec<(&str, FdLink)> = Vec::new();
    for (name, needed, what) in PROGRAMS {
        match attach(&mut ebpf, name, btf) {
            Ok(link) => links.push((name, link)),
            Err(error) if needed => return Err(error),
            Err(error) => eprintln!("wk-witness: cannot see {what}: {}", chain(&error)),
        }
    }
    let started_ns = wk_holder::host::now().boot_ns;
    let state = State {
        layout: raw::LAYOUT,
        head: 0,
        started_ns,
        programs: fingerprint(OBJECT),
        generation,
    };
    let map = ebpf.map_mut("wk_state").ok_or_else(|| load(io::Error::other("no wk_state")))?;
    Array::<_, State>::try_from(map).and_then(|mut map| map.set(0, state, 0)).map_err(load)?;
    for (name, map) in ebpf.maps() {
        map.pin(pins.join(name)).map_err(|error| pin(io::Error::other(error)))?;
    }
    for (name, link) in links {
        link.pin(pins.join(name)).map_err(|error| pin(io::Error::other(error)))?;
    }
    Ok(())
}

fn attach(ebpf: &mut aya::Ebpf, name: &str, btf: &Btf) -> Result<FdLink, KernelError> {
    let program = ebpf.program_mut(name).ok_or_else(|| load(io::Error::other("no program")))?;
    let program: &mut BtfTracePoint = program.try_into().map_err(refused)?;
    program.load(name, btf).map_err(refused)?;
    let link = program.attach().and_then(|id| program.take_link(id)).map_err(refused)?;
    Ok(FdLink::from(link))
}

/// Takes the recorder away, with all it holds.
pub(crate) fn remove(pins: &Path) -> Result<(), KernelError> {
    match fs::remove_dir_all(pins) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(KernelError::Pin { path: pins.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn mount_bpf() -> Result<(), KernelError> {
    const BPF_FS_MAGIC: u64 = 0xcafe_4a11;
    let found = rustix::fs::statfs(BPF_MOUNT);
    if found.is_ok_and(|found| found.f_type as u64 & 0xffff_ffff == BPF_FS_MAGIC) {
        return Ok(());
    }
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("bpf", BPF_MOUNT, "bpf", flags, Some(c"mode=0700"))
        .map_err(|error| KernelError::NoPins(error.into()))
}

fn load(error: impl std::error::Error + Send + Sync + 'static) -> KernelError {
    KernelError::Load(Box::new(error))
}

/// What the kernel said: no right, or something else.
fn refused(error: impl std::error::Error + Send + Sync + 'static) -> KernelError {
    let mut at: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(cause) = at {
        let code = cause.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
        if code.is_some_and(|code| code == libc::EPERM || code == libc::EACCES && !is_root()) {
            return KernelError::NoRight(Box::new(error));
        }
        at = cause.source();
    }
    load(error)
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// An error with all that is behind it, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut at = error.source();
    while let Some(cause) = at {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        at = cause.source();
    }
    text
}
