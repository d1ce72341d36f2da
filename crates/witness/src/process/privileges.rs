//! Giving up all rights but those that looking takes.

use std::io;

use rustix::{
    process::geteuid,
    thread::{
        CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_keep_capabilities,
        set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    },
};

/// For maps and programs, and for reading other users' processes where `/proc` hides them.
const KEPT: CapabilitySet =
    CapabilitySet::BPF.union(CapabilitySet::PERFMON).union(CapabilitySet::SYS_PTRACE);

/// Who owns nothing.
const NOBODY: u32 = 65534;

/// Keeps only [`KEPT`], and what of it there is; root becomes nobody, since root's files are
/// root's without any capability.
///
/// Must be called while there is one thread.
pub(crate) fn drop_all_but_looking() -> io::Result<()> {
    let held = capabilities(None)?.permitted;
    let kept = held & KEPT;
    set_no_new_privs(true)?;
    if geteuid().is_root() && held.contains(CapabilitySet::SETUID | CapabilitySet::SETGID) {
        let nobody = rustix::fs::Uid::from_raw(NOBODY);
        let group = rustix::fs::Gid::from_raw(NOBODY);
        set_keep_capabilities(true)?;
        set_thread_groups(&[])?;
        set_thread_res_gid(group, group, group)?;
        set_thread_res_uid(nobody, nobody, nobody)?;
        set_keep_capabilities(false)?;
    }
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: none })?;
    Ok(())
}
