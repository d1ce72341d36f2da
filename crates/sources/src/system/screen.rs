//! What the last lines of a screen say of why it ended.

use wk_judges::autopsy::ScreenNote;

/// Longer lines are cut.
const LINE: usize = 256;

/// What runtimes say when their own heap is full. Words that ordinary programs print, too, are
/// none of these.
const HEAP: [&str; 12] = [
    "JavaScript heap out of memory",
    "FATAL ERROR: Reached heap limit",
    "FATAL ERROR: Ineffective mark-compacts near heap limit",
    "FATAL ERROR: CALL_AND_RETRY_LAST",
    "java.lang.OutOfMemoryError",
    "fatal error: runtime: out of memory",
    "fatal error: runtime: cannot allocate memory",
    "fatal error: out of memory",
    "Fatal Python error: MemoryError",
    "[FATAL] failed to allocate memory",
    "PHP Fatal error:  Allowed memory size of",
    "System.OutOfMemoryException",
];

/// And others, which begin a line.
const HEAP_BEGINS: [&str; 5] = [
    "MemoryError",
    "NoMemoryError",
    "memory allocation of ",
    "terminate called after throwing an instance of 'std::bad_alloc'",
    "GC overhead limit exceeded",
];

const NO_SPACE: [&str; 5] = [
    "No space left on device",
    "ENOSPC",
    "Disk quota exceeded",
    "EDQUOT",
    "database or disk is full",
];

/// The newest line of each kind.
pub fn read(last_lines: &str) -> Vec<ScreenNote> {
    let newest = |says: &dyn Fn(&str) -> bool| {
        let line = last_lines.lines().rev().find(|line| says(line))?;
        Some(line.trim().chars().take(LINE).collect::<String>())
    };
    let heap = newest(&|line| {
        HEAP.iter().any(|words| line.contains(words))
            || HEAP_BEGINS.iter().any(|words| line.trim_start().starts_with(words))
    });
    let no_space = newest(&|line| NO_SPACE.iter().any(|words| line.contains(words)));
    heap.map(ScreenNote::HeapExhausted)
        .into_iter()
        .chain(no_space.map(ScreenNote::NoSpace))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_that_ran_out_of_their_heap_are_understood() {
        for line in [
            "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
            "<--- Last few GCs --->\n\nFATAL ERROR: Ineffective mark-compacts near heap limit \
             Allocation failed - JavaScript heap out of memory\n----- Native stack trace -----\n",
            "Exception in thread \"main\" java.lang.OutOfMemoryError: Java heap space",
            "fatal error: runtime: out of memory",
            "Traceback (most recent call last):\n  File \"x\", line 1\nMemoryError",
            "memory allocation of 1099511627776 bytes failed",
        ] {
            assert!(matches!(read(line)[..], [ScreenNote::HeapExhausted(_)]), "{line}");
        }
    }

    #[test]
    fn a_full_disk_is_understood_and_its_newest_line_shown() {
        let text = "dd: error writing 'a': No space left on device\n1+0 records in\n\
                    Error: ENOSPC: no space left on device, write\n";
        let want = "Error: ENOSPC: no space left on device, write".to_owned();
        assert_eq!(read(text), [ScreenNote::NoSpace(want)]);
        let both = format!("{text}fatal error: out of memory\n");
        assert_eq!(read(&both).len(), 2);
    }

    #[test]
    fn ordinary_words_say_nothing() {
        for text in [
            "",
            "out of memory? no",
            "heap of MemoryErrors",
            "no space\nleft on device",
            "\u{1b}[0m",
        ] {
            assert_eq!(read(text), [], "{text}");
        }
        let long = format!("ENOSPC {}", "é".repeat(1000));
        let [ScreenNote::NoSpace(line)] = &read(&long)[..] else { panic!() };
        assert_eq!(line.chars().count(), LINE);
    }
}
