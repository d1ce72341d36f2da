//! Having the witness run, and ending it.

use std::{
    fs,
    io::{self, Write},
    os::unix::net::UnixStream,
    path::Path,
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::sockopt::socket_peercred,
    process::{Pid, PidfdFlags, Signal, geteuid, pidfd_open, pidfd_send_signal},
};
use wk_holder::host::ProcessStat;
use wk_sources::witness::{look, until_heard};
use wk_witness::protocol;

use super::obstacles;
use crate::{
    code::Code,
    daemon::{last_words, witness_command, witness_program},
};

const UNIT: &str = "/etc/systemd/system/wk-witness.service";
const NAME: &str = "wk-witness.service";

/// A witness loads its programs within this time.
const BIRTH: Duration = Duration::from_secs(10);

pub(super) async fn install(folder: &Path, out: &mut impl Write) -> anyhow::Result<Code> {
    ensure!(geteuid().is_root(), "this takes root: sudo wk witness install");
    if let [first, ..] = &obstacles()[..] {
        bail!("the witness cannot run here: {first}");
    }
    let program = fs::canonicalize(witness_program()?).context("cannot find wk-witness")?;
    let heard = look(&protocol::socket(folder)).await.is_ok();
    if Path::new("/run/systemd/system").is_dir() {
        fs::write(UNIT, unit(&program, folder)?).with_context(|| format!("cannot write {UNIT}"))?;
        systemctl(&["daemon-reload"])?;
        systemctl(&["enable", "--now", NAME])?;
        writeln!(out, "installed as {NAME}")?;
    } else if heard {
        writeln!(out, "a witness runs already")?;
        return Ok(Code::SUCCESS);
    } else {
        start(&program, folder).context("cannot start wk-witness")?;
        writeln!(
            out,
            "started, and started again whenever it ends; systemd does not run this \
                       machine, so do this again when the machine was started anew"
        )?;
    }
    if until_heard(&protocol::socket(folder), BIRTH).await {
        return Ok(Code::SUCCESS);
    }
    bail!("it does not answer; its log ends with: {}", last_words(folder))
}

pub(super) async fn remove(folder: &Path, out: &mut impl Write) -> anyhow::Result<Code> {
    ensure!(geteuid().is_root(), "this takes root: sudo wk witness remove");
    if Path::new(UNIT).exists() {
        systemctl(&["disable", "--now", NAME])?;
        fs::remove_file(UNIT).with_context(|| format!("cannot remove {UNIT}"))?;
        systemctl(&["daemon-reload"])?;
    }
    end(folder).context("cannot end the witness")?;
    let program = witness_program()?;
    let removed = Command::new(&program).arg("--remove").arg("--dir").arg(folder).output();
    let removed = removed.with_context(|| format!("cannot run {}", program.display()))?;
    if !removed.status.success() {
        bail!("{}", String::from_utf8_lossy(&removed.stderr).trim());
    }
    writeln!(out, "removed, with all that it kept in the kernel")?;
    Ok(Code::SUCCESS)
}

/// Ends the witness that listens, and whoever would start it again.
fn end(folder: &Path) -> io::Result<()> {
    let Ok(stream) = UnixStream::connect(protocol::socket(folder)) else { return Ok(()) };
    let pid = socket_peercred(&stream)?.pid;
    let Ok(witness) = pidfd_open(pid, PidfdFlags::empty()) else { return Ok(()) };
    let stat = |pid: Pid| ProcessStat::read(pid.as_raw_nonzero().get().unsigned_abs());
    let is_ours = |found: &ProcessStat| found.comm == "wk-witness";
    let Some(found) = stat(pid)?.filter(is_ours) else { return Ok(()) };
    let above = i32::try_from(found.parent).ok().and_then(Pid::from_raw);
    if let Some(above) = above
        && let Ok(supervisor) = pidfd_open(above, PidfdFlags::empty())
        && stat(above)?.as_ref().is_some_and(is_ours)
    {
        pidfd_send_signal(&supervisor, Signal::KILL)?;
    }
    pidfd_send_signal(&witness, Signal::KILL)?;
    let patience = Timespec { tv_sec: 5, tv_nsec: 0 };
    poll(&mut [PollFd::new(&witness, PollFlags::IN)], Some(&patience))?;
    Ok(())
}

/// A user of its own, with no rights but those that it needs.
fn unit(program: &Path, folder: &Path) -> anyhow::Result<String> {
    let (program, folder) = (quoted(program)?, quoted(folder)?);
    Ok(format!(
        "[Unit]\n\
         Description=Watchkeeper's witness: who sends which signal\n\
         ConditionPathExists=/sys/kernel/btf/vmlinux\n\
         \n\
         [Service]\n\
         ExecStart={program} --foreground --dir {folder}\n\
         Restart=always\n\
         RestartSec=1\n\
         OOMScoreAdjust=-900\n\
         # It makes its pins and its socket as root, and keeps BPF, PERFMON and SYS_PTRACE only.\n\
         AmbientCapabilities=CAP_BPF CAP_PERFMON CAP_SYS_PTRACE\n\
         CapabilityBoundingSet=CAP_BPF CAP_PERFMON CAP_SYS_PTRACE CAP_SYS_ADMIN CAP_SETUID CAP_SETGID\n\
         NoNewPrivileges=yes\n\
         ProtectHome=read-only\n\
         PrivateTmp=yes\n\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n"
    ))
}

/// A path as one word of a unit.
fn quoted(path: &Path) -> anyhow::Result<String> {
    let text = path.to_str().filter(|text| !text.contains(['"', '\\', '\n', '%', '$']));
    let text = text.with_context(|| format!("`{}` cannot be in a unit", path.display()))?;
    Ok(format!("\"{text}\""))
}

fn systemctl(words: &[&str]) -> anyhow::Result<()> {
    let status = Command::new("systemctl").args(words).status().context("cannot run systemctl")?;
    ensure!(status.success(), "systemctl {} failed", words.join(" "));
    Ok(())
}

/// A process that starts the witness again whenever it ends.
fn start(program: &Path, folder: &Path) -> io::Result<()> {
    witness_command(program, folder)?.arg("--supervise").spawn().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_names_program_and_folder() {
        let text = unit(Path::new("/opt/w k/wk-witness"), Path::new("/run/watchkeeper")).unwrap();
        let line = "ExecStart=\"/opt/w k/wk-witness\" --foreground --dir \"/run/watchkeeper\"\n";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("AmbientCapabilities=CAP_BPF"));
        assert!(unit(Path::new("/a\"b"), Path::new("/run")).is_err());
        assert!(unit(Path::new("/a%b"), Path::new("/run")).is_err());
    }

    #[test]
    fn systemd_takes_the_unit() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("wk-witness.service");
        let text = unit(Path::new("/bin/true"), Path::new("/run/watchkeeper")).unwrap();
        fs::write(&file, text).unwrap();
        let mut command = Command::new("systemd-analyze");
        match command.args(["verify", "--man=no"]).arg(&file).output() {
            Err(_) => eprintln!("skipped: there is no systemd-analyze"),
            Ok(told) => {
                let (out, err) = (told.stdout, String::from_utf8_lossy(&told.stderr).into_owned());
                let ours = err.lines().filter(|line| line.contains("wk-witness")).count();
                assert!(told.status.success() && ours == 0, "{err}{out:?}");
            }
        }
    }
}
