//! What repeats, and what only seems to.

use wk_model::{Cause, SessionId, Time};

use crate::autopsy::{DeathRecord, PatternKind, patterns};

const DAY_MS: i64 = 86_400_000;

/// One death a day, at different hours, of different ages.
fn record(index: i64, age_seconds: u64) -> DeathRecord {
    let hour = (index * 7) % 24;
    DeathRecord {
        session_id: SessionId::from_number(index.cast_unsigned()),
        end_time: Time::from_millis(index * DAY_MS + hour * 3_600_000),
        hour: u8::try_from(hour).unwrap(),
        cause: if index % 2 == 0 { Cause::Crashed } else { Cause::Failed },
        culprit: None,
        age_seconds,
        output_bytes: None,
        memory_percent: None,
    }
}

fn of_ages(ages: &[u64]) -> Vec<DeathRecord> {
    ages.iter().enumerate().map(|(index, age)| record(index as i64, *age)).collect()
}

fn texts(deaths: &[DeathRecord], kind: PatternKind) -> Vec<String> {
    let found = patterns(deaths).into_iter().filter(|pattern| pattern.kind == kind);
    found.map(|pattern| pattern.text).collect()
}

#[test]
fn an_age_that_repeats_is_told_with_its_numbers() {
    let minute = 60;
    let ages: Vec<u64> = [841, 850, 861, 870, 888, 900, 915, 930, 950]
        .into_iter()
        .chain([30, 200 * minute, 900 * minute])
        .collect();
    assert_eq!(
        texts(&of_ages(&ages), PatternKind::Age),
        ["9 of 12 died between 14m and 16m of age"]
    );
}

#[test]
fn few_or_scattered_deaths_make_no_pattern() {
    for (case, ages) in [
        ("none", vec![]),
        ("one", vec![900]),
        ("two alike", vec![900, 901]),
        ("scattered", vec![10, 100, 1_000, 10_000, 100_000, 400_000]),
        ("fewer than half", vec![900, 901, 902, 10, 100, 1_500, 10_000, 100_000]),
    ] {
        let found = texts(&of_ages(&ages), PatternKind::Age);
        assert!(found.is_empty(), "{case}: {found:?}");
    }
}

#[test]
fn those_that_died_together_count_once() {
    // Ten at one moment, of one culprit: once is no repetition.
    let together: Vec<DeathRecord> = (0..10)
        .map(|index| DeathRecord {
            session_id: SessionId::from_number(index),
            culprit: Some("pkill".into()),
            cause: Cause::Killed,
            ..record(1, 900)
        })
        .collect();
    assert_eq!(patterns(&together), []);
}

#[test]
fn culprits_hours_sizes_and_memory_repeat_too() {
    let deaths: Vec<DeathRecord> = (0..6)
        .map(|index| DeathRecord {
            hour: 5,
            cause: Cause::Killed,
            culprit: Some("pkill".into()),
            output_bytes: Some((64 << 20) + u64::try_from(index).unwrap()),
            memory_percent: Some(94),
            ..record(index, 10_u64.pow(u32::try_from(index).unwrap()))
        })
        .collect();
    let found: Vec<String> = patterns(&deaths).into_iter().map(|pattern| pattern.text).collect();
    assert_eq!(
        found,
        [
            "6 of 6 have the cause killed",
            "6 of 6 were ended by pkill",
            "6 of 6 died between 05:00 and 06:00",
            "6 of 6 died after 64.0 MiB to 64.0 MiB of output",
            "6 of 6 died with 94 % or more of the host's memory in use",
        ]
    );
}

#[test]
fn very_many_deaths_are_counted_as_well() {
    let ages: Vec<u64> = (0..5_000).map(|index| 900 + index % 20).collect();
    assert_eq!(texts(&of_ages(&ages), PatternKind::Age).len(), 1);
}
