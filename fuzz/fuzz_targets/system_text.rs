//! What logs, files of `/proc` and screens say: others write into all of them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wk_sources::system::{audit_log, host, kernel_log, oom_counter, proc_connector, screen, unit_log};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let _ = unit_log::read_line(data);
    let _ = proc_connector::read_message(data);
    let _ = kernel_log::read_line(&text);
    let _ = audit_log::read_line(&text);
    let _ = oom_counter::kills(&text);
    let _ = (host::memory(&text), host::pressure(&text));
    if let Some(times) = host::cpu_times(&text) {
        assert!(times.busy <= times.all);
        let _ = host::percent(times, times);
    }
    assert!(screen::read(&text).len() <= 2);
    // Whoever is not the kernel cannot pass for it.
    if let Some(record) = kernel_log::read_record(data) {
        assert!(!record.text.contains('\n'));
        let _ = kernel_log::read_line(&record.text);
    }
    // A name of at most 15 bytes cannot pass for the fields behind it.
    let name: String = text.chars().filter(|letter| letter.is_ascii()).take(15).collect();
    let line = format!(
        "oom-kill:constraint=CONSTRAINT_NONE,cpuset=/,global_oom,task_memcg=/,task={name},pid=7,uid=1"
    );
    let Some(wk_judges::autopsy::LogNote::KernelOom { pid, .. }) = kernel_log::read_line(&line)
    else {
        panic!("this is an OOM kill");
    };
    assert_eq!(pid, 7);
});
