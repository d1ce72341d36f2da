//! Closed to other users: files, folders, sockets.

use std::{
    fs::{self, Permissions},
    io::{Read, Write},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::UnixStream,
        process::CommandExt,
    },
    path::{Path, PathBuf},
};

use rustix::{
    process::{Gid, Uid},
    thread::{set_thread_res_gid, set_thread_res_uid},
};
use wk_tests::{Outcome, Terminal, TestDaemon, skip};

/// A user without rights.
const NOBODY: u32 = 65534;

fn is_root() -> bool {
    let root = rustix::process::getuid().is_root();
    if !root {
        skip("only root can act as another user");
    }
    root
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        found.push(entry.path());
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), found);
        }
    }
}

#[tokio::test]
async fn everything_on_disk_is_for_its_user_only() {
    let wk = TestDaemon::new();
    let mut call = wk.call(["daemon", "start"]);
    // SAFETY: a plain system call, allowed between fork and exec.
    unsafe {
        call.pre_exec(|| {
            rustix::process::umask(rustix::fs::Mode::empty());
            Ok(())
        });
    }
    Outcome::of(call).await.ok();
    let session = wk.run(["--", "sh", "-c", "echo hello; exec cat"]).await;
    session.until_shows("hello").await;
    wk.run(["--", "true"]).await.ended().await;
    let mut found = vec![wk.state(), wk.runtime()];
    walk(&wk.state(), &mut found);
    walk(&wk.runtime(), &mut found);
    assert!(found.len() > 15 && found.contains(&wk.socket()), "{found:?}");
    for path in found {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let want = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(metadata.mode() & 0o777, want, "{}", path.display());
    }
}

#[tokio::test]
async fn folders_that_are_open_or_foreign_are_refused() {
    let wk = TestDaemon::new();
    fs::create_dir(wk.runtime()).unwrap();
    fs::set_permissions(wk.runtime(), Permissions::from_mode(0o755)).unwrap();
    let told = wk.wk(["ls"]).await.failed(1);
    assert!(told.contains("open to others") && told.contains("700"), "{told}");
    if !is_root() {
        return;
    }
    fs::set_permissions(wk.runtime(), Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::chown(wk.runtime(), Some(NOBODY), None).unwrap();
    let told = wk.wk(["ls"]).await.failed(1);
    assert!(told.contains(&format!("belongs to user {NOBODY}")), "{told}");
    assert!(!wk.socket().exists());
}

#[tokio::test]
async fn a_path_too_long_for_sockets_is_told_before_anything_runs() {
    let wk = TestDaemon::new();
    let mut call = wk.call(["ls"]);
    call.env("WK_RUNTIME_DIR", wk.path().join("x".repeat(120)));
    let told = Outcome::of(call).await.failed(1);
    assert!(told.contains("107 bytes") && told.contains("WK_RUNTIME_DIR"), "{told}");
}

/// One request, by another user.
fn ask_as(uid: u32, socket: &Path) -> Result<String, String> {
    let socket = socket.to_owned();
    let asking = std::thread::spawn(move || {
        let (user, group) = (Uid::from_raw(uid), Gid::from_raw(uid));
        set_thread_res_gid(group, group, group).unwrap();
        set_thread_res_uid(user, user, user).unwrap();
        let mut stream = UnixStream::connect(socket).map_err(|error| error.to_string())?;
        let request = b"GET /api/daemon HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let mut answer = String::new();
        let told = stream.write_all(request).and_then(|()| stream.read_to_string(&mut answer));
        // Hung up without a word, in one way or the other.
        Ok(told.map(|_| answer).unwrap_or_default())
    });
    asking.join().unwrap()
}

#[tokio::test]
async fn another_user_is_refused_even_where_the_socket_is_open() {
    if !is_root() {
        return;
    }
    let wk = TestDaemon::start().await;
    let session = wk.run(["--", "cat"]).await;
    let (daemon, holder) = (wk.socket(), wk.holder_socket(&session.id));
    assert!(ask_as(NOBODY, &daemon).is_err(), "the folder is closed");
    wk.open_to_others();
    for folder in [wk.runtime(), wk.runtime().join("h")] {
        fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    }
    for socket in [&daemon, &holder] {
        fs::set_permissions(socket, Permissions::from_mode(0o666)).unwrap();
        assert_eq!(ask_as(NOBODY, socket), Ok(String::new()));
    }
    assert!(ask_as(0, &daemon).unwrap().contains("200 OK"), "the owner is not");
    let mut call = wk.call(["ls"]);
    call.uid(NOBODY).gid(NOBODY).current_dir("/");
    let told = Outcome::of(call).await.failed(1);
    assert!(told.contains("belongs to user 0"), "{told}");
    for folder in [wk.runtime().join("h"), wk.runtime()] {
        fs::set_permissions(folder, Permissions::from_mode(0o700)).unwrap();
    }
}

#[tokio::test]
async fn a_session_does_not_inherit_descriptors_or_signals() {
    let wk = TestDaemon::start().await;
    let script =
        "ls -l /proc/self/fd | grep -c -- '->'; grep -E 'Sig(Blk|Ign)' /proc/self/status; exec cat";
    let session = wk.run(["--name", "clean", "--", "sh", "-c", script]).await;
    session.until_shows("SigIgn").await;
    let shown = session.screen().await;
    // stdin, stdout (to grep), stderr, and the folder that ls reads.
    assert!(shown.starts_with("4\n"), "{shown}");
    assert_eq!(shown.matches("0000000000000000").count(), 2, "{shown}");
}

#[tokio::test]
async fn a_terminal_is_not_fooled_by_names_and_output_of_others() {
    let wk = TestDaemon::start().await;
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\r\u{9b}31m";
    wk.run(["--", "echo", evil]).await.ended().await;
    let mut terminal = Terminal::open(wk.call(["ls"]));
    assert_eq!(terminal.ended().await, 0);
    let raw = String::from_utf8_lossy(terminal.raw()).into_owned();
    assert!(
        !raw.contains("\u{1b}]0;") && !raw.contains("\u{1b}[2J") && !raw.contains('\u{9b}'),
        "{raw:?}"
    );
}
