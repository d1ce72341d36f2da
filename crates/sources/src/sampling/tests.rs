use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::*;

/// A shell that stands in for a session's command, and this process for its holder.
struct Tree {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    target: Target,
}

impl Tree {
    fn start() -> Self {
        let mut command = Command::new("sh");
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let id = |pid| host::identify(pid).unwrap().unwrap();
        let target = Target { holder: id(std::process::id()), leader: id(child.id()), leaf: None };
        Self { child, stdin, stdout: BufReader::new(stdout), target }
    }

    /// Has the shell do something, and waits until it says that it is done.
    fn tell(&mut self, line: &str) {
        writeln!(self.stdin, "{line}; echo done").unwrap();
        let mut answer = String::new();
        self.stdout.read_line(&mut answer).unwrap();
        assert_eq!(answer, "done\n");
    }

    /// Only what is below the shell: tests run side by side in one process.
    fn look(&self, sampler: &mut Sampler) -> Look {
        let Target { leader, .. } = self.target;
        let target = Target { holder: leader, ..self.target.clone() };
        sampler.look(&target).unwrap().unwrap()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        for pid in search().get(&self.child.id()).into_iter().flatten() {
            if let Some(pid) = rustix::process::Pid::from_raw(*pid as i32) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_look_adds_up_the_tree_and_no_zombies() {
    let mut tree = Tree::start();
    for mut sampler in [Sampler::new(), Sampler { by_parent: Some(search()), ..Sampler::new() }] {
        if sampler.by_parent.is_some() {
            sampler.by_parent = Some(search());
        }
        let alone = tree.look(&mut sampler);
        tree.tell("sleep 1000 </dev/null & sleep 1000 </dev/null & kill -9 $!");
        if sampler.by_parent.is_some() {
            sampler.by_parent = Some(search());
        }
        // A kill takes a moment; the shell waits for nobody.
        let both = loop {
            let look = tree.look(&mut sampler);
            let is_sleep = look.largest.as_ref().is_some_and(|largest| largest.comm == "sleep");
            if look.processes == alone.processes + 1 && is_sleep {
                break look;
            }
            std::thread::yield_now();
        };
        assert!(both.memory_bytes > alone.memory_bytes);
        assert!(both.open_files > alone.open_files);
        assert!(both.largest.unwrap().memory_bytes <= both.memory_bytes);
    }
}

#[test]
fn what_has_ended_is_still_counted() {
    let mut tree = Tree::start();
    let mut sampler = Sampler::new();
    let mut look = || sampler.look(&tree.target).unwrap().unwrap().cpu_ms;
    let before = look();
    writeln!(tree.stdin, "sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'; echo done")
        .unwrap();
    tree.stdout.read_line(&mut String::new()).unwrap();
    assert!(look() >= before + 50);
}

#[test]
fn a_stopped_command_is_seen_and_so_is_one_that_is_gone() {
    let mut tree = Tree::start();
    let mut sampler = Sampler::new();
    let mut until = |tree: &Tree, wanted: fn(&Look) -> bool| loop {
        let look = sampler.look(&tree.target).unwrap().unwrap();
        if wanted(&look) {
            break look;
        }
        std::thread::yield_now();
    };
    let signal = |signal| {
        let pid = rustix::process::Pid::from_child(&tree.child);
        rustix::process::kill_process(pid, signal).unwrap();
    };
    assert!(!until(&tree, |look| look.alive == Liveness::Alive).stopped);
    signal(rustix::process::Signal::STOP);
    until(&tree, |look| look.stopped);
    signal(rustix::process::Signal::CONT);
    until(&tree, |look| !look.stopped && look.alive == Liveness::Alive);
    let _ = tree.child.kill();
    // It is a zombie until it is waited for, and nobody has.
    until(&tree, |look| look.alive == Liveness::Dead);
}

#[test]
fn a_namesake_is_not_the_holder_and_not_the_command() {
    let tree = Tree::start();
    let mut sampler = Sampler::new();
    let later = |process: ProcessId| ProcessId { start_time: process.start_time + 1, ..process };
    let leader = Target { leader: later(tree.target.leader), ..tree.target.clone() };
    assert_eq!(sampler.look(&leader).unwrap().unwrap().alive, Liveness::Dead);
    let holder = Target { holder: later(tree.target.holder), ..tree.target.clone() };
    assert_eq!(sampler.look(&holder).unwrap(), None);
    let boot = ProcessId { boot: wk_model::BootId::default(), ..tree.target.holder };
    assert_eq!(sampler.look(&Target { holder: boot, ..tree.target.clone() }).unwrap(), None);
}
