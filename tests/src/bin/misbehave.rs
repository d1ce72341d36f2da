//! A program that ends in whatever way a test asks for: `misbehave WAY [ARGUMENT…]`.

#![allow(clippy::unwrap_used, reason = "one that cannot misbehave says so by a panic")]

use std::{
    env,
    ffi::CString,
    io::{Write, stdout},
    thread,
    time::Duration,
};

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        // `sleep MARK`: lives, and can be found by its mark.
        Some("sleep") => rest(),
        Some("null") => null(),
        Some("allocate") => allocate(),
        Some("spin") => spin(),
        Some("flood") => flood(),
        Some("write") => write_file(&words[1]),
        Some("parent-died") => parent_died(),
        Some("hangup") => hangup(),
        Some("seccomp") => seccomp(),
        Some("late") => late(&words[1]),
        other => panic!("no way to misbehave: {other:?}"),
    }
}

fn ready() {
    println!("ready");
    let _ = stdout().flush();
}

fn rest() -> ! {
    ready();
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// Reads through a null pointer.
fn null() {
    // SAFETY: it is not; that is what this is for.
    unsafe { std::ptr::null::<u8>().wrapping_add(8).read_volatile() };
}

/// Takes memory, and uses it, until somebody minds.
fn allocate() -> ! {
    ready();
    let mut taken: Vec<Vec<u8>> = Vec::new();
    loop {
        taken.push(vec![1; 4 << 20]);
        thread::sleep(Duration::from_millis(2));
    }
}

fn spin() -> ! {
    ready();
    loop {
        std::hint::spin_loop();
    }
}

fn flood() -> ! {
    loop {
        println!("{}", "all work and no play ".repeat(40));
    }
}

/// Fills a file until it cannot.
fn write_file(path: &str) {
    let mut file = std::fs::File::create(path).unwrap();
    loop {
        if let Err(error) = file.write_all(&[0; 4096]) {
            eprintln!("misbehave: cannot write {path}: {error}");
            std::process::exit(1);
        }
    }
}

/// A child that wants to die with its parent, whose parent dies; this passes its end on.
fn parent_died() {
    // SAFETY: plain system calls with constants.
    unsafe {
        libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
        let parent = libc::fork();
        if parent == 0 {
            let child = libc::fork();
            if child == 0 {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                libc::sleep(3600);
                libc::_exit(0);
            }
            println!("parent {} here", libc::getpid());
            let _ = stdout().flush();
            // The child needs a moment to ask for it.
            libc::usleep(100_000);
            libc::_exit(0);
        }
        pass_on();
    }
}

/// A child with a terminal of its own whose owner ends; this passes its end on.
fn hangup() {
    // SAFETY: plain system calls; the name that `ptsname` gives is used at once.
    unsafe {
        libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
        let owner = libc::fork();
        if owner == 0 {
            let master = libc::posix_openpt(libc::O_RDWR | libc::O_CLOEXEC);
            assert!(libc::grantpt(master) == 0 && libc::unlockpt(master) == 0);
            let name = CString::from(std::ffi::CStr::from_ptr(libc::ptsname(master)));
            if libc::fork() == 0 {
                libc::setsid();
                libc::open(name.as_ptr(), libc::O_RDWR);
                libc::close(master);
                libc::sleep(3600);
                libc::_exit(0);
            }
            libc::usleep(100_000);
            libc::_exit(0);
        }
        pass_on();
    }
}

/// Waits for all children, and ends as the last one that a signal ended, the way shells do.
unsafe fn pass_on() -> ! {
    let mut code = 0;
    loop {
        let mut status = 0;
        // SAFETY: `status` is ours.
        if unsafe { libc::wait(&mut status) } < 0 {
            std::process::exit(code);
        }
        if libc::WIFSIGNALED(status) {
            code = 128 + libc::WTERMSIG(status);
        }
    }
}

/// Makes a system call that it has forbidden itself.
fn seccomp() {
    // SAFETY: plain system calls with constants.
    unsafe {
        libc::prctl(libc::PR_SET_SECCOMP, 1);
        libc::syscall(libc::SYS_getppid);
    }
}

/// Catches TERM, and ends well a moment later.
fn late(ms: &str) -> ! {
    let ms: u64 = ms.parse().unwrap();
    // SAFETY: the mask and the set are ours; one thread runs.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGTERM);
        libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
        ready();
        let mut signal = 0;
        libc::sigwait(&set, &mut signal);
    }
    thread::sleep(Duration::from_millis(ms));
    std::process::exit(0);
}
