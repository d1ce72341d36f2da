//! Session files among namesakes, strangers and ruins.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

struct Yard {
    dir: tempfile::TempDir,
    files: SessionFiles,
}

impl Yard {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["tmp", "hooks", "a/same/.git", "b/same/.git"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let settings =
            HookSettings { session_file_dir: dir.path().join("tmp"), ..HookSettings::default() };
        let files = SessionFiles::new(&settings, Some(dir.path().join("hooks")));
        Self { dir, files }
    }

    fn project(&self, folder: &str) -> Project {
        Project::of(&self.dir.path().join(folder))
    }

    fn plain(&self) -> PathBuf {
        self.dir.path().join("tmp/claude_session_same")
    }

    fn get(&self, project: &Project) -> Option<String> {
        self.files.get(project, &[]).id
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join("tmp").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path().join("tmp")).unwrap().flatten();
        let mut names: Vec<_> =
            entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn agent(pid: u32) -> Ancestor {
    Ancestor { pid, start_time: 7, comm: "claude".into() }
}

#[test]
fn other_programs_find_the_plain_file_as_the_contract_has_it() {
    let yard = Yard::new();
    yard.files.store(&yard.project("a/same"), None, "sess_a", false).unwrap();
    let text = fs::read_to_string(yard.plain()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (2, "sess_a"));
    assert!(lines[1].ends_with('Z') && text.ends_with('\n'));
    assert_eq!(fs::metadata(yard.plain()).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(yard.names().iter().all(|name| !name.ends_with(".tmp")), "{:?}", yard.names());
}

#[test]
fn namesakes_do_not_get_each_others_ids() {
    let yard = Yard::new();
    let (a, b) = (yard.project("a/same"), yard.project("b/same"));
    yard.files.store(&a, None, "sess_a", false).unwrap();
    assert_eq!(yard.get(&b), None, "the plain file is that of a");
    yard.files.store(&b, None, "sess_b", false).unwrap();
    assert_eq!(
        (yard.get(&a).as_deref(), yard.get(&b).as_deref()),
        (Some("sess_a"), Some("sess_b"))
    );
}

#[test]
fn two_agents_in_one_project_are_told_apart_by_their_processes() {
    let yard = Yard::new();
    let project = yard.project("a/same");
    yard.files.store(&project, Some(&agent(1)), "one", false).unwrap();
    yard.files.store(&project, Some(&agent(2)), "two", false).unwrap();
    let get = |pid| yard.files.get(&project, &[agent(9), agent(pid)]);
    assert_eq!((get(1).id.as_deref(), get(1).of_process), (Some("one"), true));
    assert_eq!((get(2).id.as_deref(), get(3).id.as_deref()), (Some("two"), Some("two")));
    assert!(!get(3).of_process);
    let earlier = Ancestor { start_time: 6, ..agent(1) };
    assert_eq!(yard.files.get(&project, &[earlier]).id.as_deref(), Some("two"), "a namesake");
    yard.files.forget_process(&agent(1));
    assert!(!get(1).of_process);
}

#[test]
fn a_process_that_calls_for_several_agents_has_no_id_of_its_own() {
    let yard = Yard::new();
    let (a, b) = (yard.project("a/same"), yard.project("b/same"));
    yard.files.store(&a, Some(&agent(1)), "sess_a", true).unwrap();
    assert!(yard.files.get(&a, &[agent(1)]).of_process);
    yard.files.store(&b, Some(&agent(1)), "sess_b", true).unwrap();
    yard.files.store(&b, Some(&agent(1)), "sess_b", false).unwrap();
    let id = |project| yard.files.get(project, &[agent(1)]).id;
    assert_eq!((id(&a).as_deref(), id(&b).as_deref()), (Some("sess_a"), Some("sess_b")));
    // One that was cleared has another id, and is the same agent.
    yard.files.store(&a, Some(&agent(2)), "before", true).unwrap();
    yard.files.store(&a, Some(&agent(2)), "after", false).unwrap();
    let answer = yard.files.get(&a, &[agent(2)]);
    assert_eq!((answer.id.as_deref(), answer.of_process), (Some("after"), true));
}

#[test]
fn what_another_program_has_written_is_read() {
    let yard = Yard::new();
    yard.write("claude_session_same", &format!("theirs\n{}\n", stamp::write(clock::wall_ms())));
    assert_eq!(yard.get(&yard.project("a/same")).as_deref(), Some("theirs"));
    assert_eq!(yard.get(&Project::named("same")).as_deref(), Some("theirs"));
}

#[test]
fn an_id_that_is_stored_already_is_not_written_again() {
    let yard = Yard::new();
    let project = yard.project("a/same");
    yard.files.store(&project, Some(&agent(1)), "sess_a", false).unwrap();
    let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
    let before = inode(&yard.plain());
    yard.files.store(&project, Some(&agent(1)), "sess_a", false).unwrap();
    assert_eq!(inode(&yard.plain()), before);
    let old = stamp::write(clock::wall_ms() - REFRESH_MS - 1000);
    yard.write("claude_session_same", &format!("sess_a\n{old}\n"));
    yard.files.store(&project, Some(&agent(1)), "sess_a", false).unwrap();
    assert!(!fs::read_to_string(yard.plain()).unwrap().contains(&old), "it grows too old");
}

#[test]
fn unknown_and_ids_that_lead_elsewhere_are_never_stored() {
    let yard = Yard::new();
    for id in ["unknown", "", "../x", "a\nb", &"x".repeat(1 << 20)] {
        assert!(yard.files.store(&yard.project("a/same"), None, id, false).is_err());
    }
    assert!(yard.names().is_empty());
}

#[test]
fn what_others_could_have_planted_is_neither_believed_nor_touched() {
    let yard = Yard::new();
    let (project, now) = (yard.project("a/same"), stamp::write(clock::wall_ms()));
    let text = format!("planted\n{now}\n");
    let path = yard.write("claude_session_same", &text);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(yard.files.get(&project, &[]), Answer::default(), "anybody could write it");
    fs::remove_file(&path).unwrap();
    let target = yard.write("elsewhere", &text);
    symlink(&target, &path).unwrap();
    assert_eq!(yard.files.get(&project, &[]), Answer::default(), "a link");
    yard.files.store(&project, None, "sess_a", false).unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), text, "nothing is written through a link");
    assert_eq!(yard.get(&project).as_deref(), Some("sess_a"));
    fs::remove_file(&path).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap();
    assert_eq!(yard.get(&Project::named("same")), None, "and nobody waits for a pipe");
}

#[test]
fn a_damaged_file_is_removed_and_counted() {
    let yard = Yard::new();
    let named = Project::named("same");
    yard.files.store(&named, None, "sess_a", false).unwrap();
    let path = yard.write("claude_session_same", "half of a");
    let answer = yard.files.get(&named, &[]);
    assert_eq!((answer.id, answer.corrupted), (None, 1));
    assert!(!path.exists());
    // Not that of somebody who keeps notes under such a name.
    let notes = yard.write("claude_session_notes", "buy milk");
    assert_eq!(yard.files.get(&Project::named("notes"), &[]), Answer::default());
    assert!(notes.exists());
}

#[test]
fn neither_an_old_id_nor_one_from_a_far_future_is_believed() {
    let yard = Yard::new();
    let day = 24 * 3_600_000;
    for (age, want) in [
        (day + 1000, None),
        (day - 60_000, Some("s")),
        (60_000 - day, Some("s")),
        (-day - 60_000, None),
    ] {
        let time = stamp::write(clock::wall_ms() - age);
        yard.write("claude_session_same", &format!("s\n{time}\n"));
        assert_eq!(yard.get(&yard.project("a/same")).as_deref(), want, "{age}");
    }
}

#[test]
fn a_cleanup_removes_what_is_old_and_ours_and_nothing_else() {
    let yard = Yard::new();
    let (old, now) = (clock::wall_ms() - 25 * 3_600_000, clock::wall_ms());
    yard.files.store(&yard.project("a/same"), Some(&agent(4_194_000)), "s", false).unwrap();
    yard.files.store(&yard.project("b/same"), None, "damaged", false).unwrap();
    let hash = yard.project("b/same").hash().unwrap();
    yard.write(&format!("claude_session_same.{hash}"), "ruin");
    yard.write("claude_session_old", &format!("s\n{}\n", stamp::write(old)));
    yard.write("claude_session_new", &format!("s\n{}\n", stamp::write(now)));
    yard.write("claude_session_notes.txt", "my own notes, in a few words\n");
    yard.write("claude_session_todo", "buy milk");
    fs::create_dir(yard.dir.path().join("tmp/claude_session_folder")).unwrap();
    let target = yard.write("precious", &format!("s\n{}\n", stamp::write(old)));
    symlink(target, yard.dir.path().join("tmp/claude_session_link")).unwrap();
    let cleaned = yard.files.cleanup();
    assert_eq!(cleaned, Cleaned { stale: 2, corrupted: 1 }, "{:?}", yard.names());
    let names = yard.names();
    for kept in ["folder", "link", "new", "notes.txt", "same", "todo"] {
        assert!(names.contains(&format!("claude_session_{kept}")), "{kept}: {names:?}");
    }
    assert!(names.contains(&"precious".to_owned()));
    assert_eq!(yard.files.cleanup(), Cleaned::default());
}

#[test]
fn a_name_of_any_length_and_bytes_has_its_files() {
    let yard = Yard::new();
    for name in ["x".repeat(255), "line\nbreak".to_owned(), "ü ß".to_owned()] {
        let folder = yard.dir.path().join(&name);
        fs::create_dir(&folder).unwrap();
        let project = Project::of(&folder);
        yard.files.store(&project, None, "s", false).unwrap();
        assert_eq!(yard.get(&project).as_deref(), Some("s"), "{name:?}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_and_no_more() {
    let yard = Yard::new();
    fs::remove_dir(yard.dir.path().join("tmp")).unwrap();
    let stored = yard.files.store(&yard.project("a/same"), None, "s", false);
    assert!(matches!(stored, Err(StoreError::Io(..))));
    assert_eq!(yard.get(&yard.project("a/same")), None);
    assert_eq!(yard.files.cleanup(), Cleaned::default());
}
