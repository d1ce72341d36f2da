use proptest::prelude::*;

use super::*;

const START: i64 = 1_762_838_400_000;

fn at(ms: i64) -> Time {
    Time::from_millis(START + ms)
}

fn id(number: u64) -> SessionId {
    SessionId::from_number(number)
}

/// Session `number`, created as the number says.
fn entry(number: u64, template: Option<&str>, claim: Claim) -> Entry<'_> {
    let created = at(i64::try_from(number).unwrap());
    Entry { session_id: id(number), created, template, instance: None, claim }
}

fn waits(number: u64, template: Option<&str>) -> Entry<'_> {
    entry(number, template, Claim::Waits(After::Nothing))
}

fn holds<'a>(number: u64, template: Option<&'a str>, instance: Option<&'a str>) -> Entry<'a> {
    Entry { instance, ..entry(number, template, Claim::Holds) }
}

/// A name and a limit; 0: none.
type Bound<'a> = (&'a str, u32);

fn limits(overall: u32, templates: &[(&str, u32, &[Bound<'_>])]) -> Limits {
    let some = |limit: u32| (limit > 0).then_some(limit);
    let of = |instances: &[(&str, u32)]| {
        let one = |(name, limit): &(&str, u32)| InstanceLimit {
            name: (*name).to_owned(),
            max_concurrent: some(*limit),
        };
        instances.iter().map(one).collect()
    };
    let templates = templates.iter().map(|(name, limit, instances)| {
        let limits = TemplateLimits { max_concurrent: some(*limit), instances: of(instances) };
        ((*name).to_owned(), limits)
    });
    Limits { overall: some(overall), templates: templates.collect() }
}

/// Who starts and with what, and what the others wait for, as text.
fn planned(entries: &[Entry<'_>], limits: &Limits, breakers: &Breakers) -> String {
    let plan = plan(entries, limits, breakers, at(0));
    let admitted = plan.admitted.iter().map(|one| {
        let number = one.session_id.number();
        one.instance.as_ref().map_or(format!("{number}"), |name| format!("{number}@{name}"))
    });
    let waiting = plan.waiting.iter().map(|(one, waits_for)| {
        let what = match waits_for {
            WaitsFor::Slot { scope } => format!("slot {scope}"),
            WaitsFor::Session { session_id } => format!("session {}", session_id.number()),
            WaitsFor::Breaker { template } => format!("breaker {template}"),
        };
        format!("{}: {what}", one.number())
    });
    let hopeless = plan.hopeless.iter();
    let hopeless =
        hopeless.map(|(one, other)| format!("{} never: {}", one.number(), other.number()));
    admitted.chain(waiting).chain(hopeless).collect::<Vec<_>>().join(", ")
}

fn open() -> Breaker {
    let mut breaker = Breaker::default();
    for number in 0..5 {
        breaker.ended(id(900 + number), false, at(-30_000));
    }
    assert!(matches!(breaker.standing(at(0)), Standing::Open(_)));
    breaker
}

fn half_open() -> Breaker {
    let mut breaker = Breaker::default();
    for number in 0..5 {
        breaker.ended(id(900 + number), false, at(-90_000));
    }
    assert_eq!(breaker.standing(at(0)), Standing::HalfOpen);
    breaker
}

#[test]
fn first_come_first_served_among_those_that_can_start() {
    let (a, b) = (Some("a"), Some("b"));
    let after = |number, other| entry(number, None, Claim::Waits(After::Lives(id(other))));
    let failed = |number, other| entry(number, None, Claim::Waits(After::Failed(id(other))));
    let parked = |number| entry(number, None, Claim::Parked);
    let (one, of_a) = (limits(1, &[]), limits(3, &[("a", 1, &[])]));
    for (case, entries, limits, want) in [
        ("no limit", vec![waits(2, None), waits(1, None)], &Limits::default(), "1, 2"),
        ("one slot", vec![waits(2, None), waits(1, None)], &one, "1, 2: slot overall"),
        ("none free", vec![holds(1, None, None), waits(2, None)], &one, "2: slot overall"),
        (
            "a full template holds nobody up",
            vec![holds(1, a, None), waits(2, a), waits(3, b), waits(4, None), waits(5, None)],
            &of_a,
            "3, 4, 2: slot a, 5: slot overall",
        ),
        (
            "who waits for another holds nobody up, and takes no slot",
            vec![holds(9, None, None), after(1, 9), waits(2, None), waits(3, None)],
            &limits(2, &[]),
            "2, 1: session 9, 3: slot overall",
        ),
        ("nor who will never start", vec![failed(1, 9), waits(2, None)], &one, "2, 1 never: 9"),
        (
            "the parked go first",
            vec![waits(1, None), waits(2, None), parked(3)],
            &limits(2, &[]),
            "3, 1, 2: slot overall",
        ),
        (
            "a limit that was lowered lets those be that run",
            vec![holds(1, None, None), holds(2, None, None), waits(3, None)],
            &one,
            "3: slot overall",
        ),
    ] {
        assert_eq!(planned(&entries, limits, &Breakers::new()), want, "{case}");
    }
}

#[test]
fn the_least_loaded_instance_gets_the_next_session() {
    let t = Some("t");
    let two: &[(&str, u32)] = &[("x", 0), ("y", 0)];
    let bounded: &[(&str, u32)] = &[("x", 1), ("y", 2)];
    let (two, bounded) = (limits(0, &[("t", 0, two)]), limits(0, &[("t", 0, bounded)]));
    let parked = |number, instance| Entry { instance, ..entry(number, t, Claim::Parked) };
    let closed = |_: &str| None;
    let x_open = |name: &str| (name == "x").then(open);
    let all_open = |_: &str| Some(open());
    let x_half = |name: &str| Some(if name == "x" { half_open() } else { open() });
    let breakers = |of: &dyn Fn(&str) -> Option<Breaker>| -> Breakers {
        let one = |name: &str| Some((("t".to_owned(), name.to_owned()), of(name)?));
        ["x", "y"].into_iter().filter_map(one).collect()
    };
    for (case, entries, limits, of, want) in [
        (
            "by turns, the first first",
            vec![waits(1, t), waits(2, t), waits(3, t)],
            &two,
            &closed as &dyn Fn(&str) -> Option<Breaker>,
            "1@x, 2@y, 3@x",
        ),
        (
            "where fewer run",
            vec![holds(1, t, Some("x")), waits(2, t), waits(3, t)],
            &two,
            &closed,
            "2@y, 3@x",
        ),
        (
            "each to its own limit",
            vec![waits(1, t), waits(2, t), waits(3, t), waits(4, t)],
            &bounded,
            &closed,
            "1@x, 2@y, 3@y, 4: slot t",
        ),
        (
            "an open breaker is gone round",
            vec![waits(1, t), waits(2, t)],
            &two,
            &x_open,
            "1@y, 2@y",
        ),
        ("or waited for", vec![waits(1, t)], &two, &all_open, "1: breaker t"),
        (
            "half-open, one session tries",
            vec![waits(1, t), waits(2, t)],
            &two,
            &x_half,
            "1@x, 2: breaker t",
        ),
        (
            "old sessions keep nobody from trying",
            vec![holds(1, t, Some("x")), waits(2, t)],
            &two,
            &x_half,
            "2@x",
        ),
        ("the parked go where they were", vec![parked(1, Some("y"))], &two, &closed, "1@y"),
        ("and wait for it", vec![parked(1, Some("x"))], &two, &x_open, "1: breaker t"),
        ("even if it is gone", vec![parked(1, Some("z"))], &two, &closed, "1@z"),
    ] {
        assert_eq!(planned(&entries, limits, &breakers(of)), want, "{case}");
    }
}

#[test]
fn a_plan_that_waits_for_a_breaker_says_until_when() {
    let limits = limits(0, &[("t", 0, &[("x", 0)])]);
    let breakers = Breakers::from([(("t".to_owned(), "x".to_owned()), open())]);
    let plan = plan(&[waits(1, Some("t"))], &limits, &breakers, at(0));
    assert_eq!(plan.again, Some(at(30_000)));
}

fn any_entry() -> impl Strategy<Value = Entry<'static>> {
    let template = prop_oneof![Just(None), Just(Some("a")), Just(Some("b"))];
    let instance = prop_oneof![Just(None), Just(Some("x")), Just(Some("y"))];
    let after = prop_oneof![
        4 => Just(After::Nothing),
        1 => (0_u64..60).prop_map(|other| After::Lives(id(other))),
        1 => (0_u64..60).prop_map(|other| After::Failed(id(other))),
    ];
    let claim = prop_oneof![
        2 => Just(Claim::Holds),
        1 => Just(Claim::Parked),
        4 => after.prop_map(Claim::Waits),
    ];
    (0_u64..1_000_000, 0_i64..20, template, instance, claim).prop_map(
        |(number, created, template, instance, claim)| Entry {
            session_id: id(number),
            created: at(created),
            template,
            instance: instance.filter(|_| template == Some("b")),
            claim,
        },
    )
}

fn any_limits() -> impl Strategy<Value = Limits> {
    (0_u32..6, 0_u32..4, 0_u32..4, 0_u32..3, 0_u32..3).prop_map(|(all, a, b, x, y)| {
        limits(all, &[("a", a, &[]), ("b", b, &[("x", x), ("y", y)])])
    })
}

/// What a session that has a slot is counted by.
type Kind<'a> = (Option<&'a str>, Option<&'a str>);

/// How many there are overall, of a template, of an instance; and what is allowed.
fn counts(running: &[Kind<'_>], limits: &Limits) -> Vec<(u32, Option<u32>)> {
    let count = |template: Option<&str>, instance: Option<&str>| {
        let fits = |one: &&Kind<'_>| {
            template.is_none_or(|name| one.0 == Some(name))
                && instance.is_none_or(|name| one.1 == Some(name))
        };
        u32::try_from(running.iter().filter(fits).count()).unwrap()
    };
    let mut counts = vec![(count(None, None), limits.overall)];
    for (name, template) in &limits.templates {
        counts.push((count(Some(name), None), template.max_concurrent));
        for instance in &template.instances {
            counts.push((count(Some(name), Some(&instance.name)), instance.max_concurrent));
        }
    }
    counts
}

proptest! {
    #[test]
    fn never_more_than_there_are_slots_everybody_in_one_list_and_nobody_passed_over(
        mut entries in prop::collection::vec(any_entry(), 0..40),
        limits in any_limits(),
    ) {
        entries.sort_by_key(|entry| entry.session_id.number());
        entries.dedup_by_key(|entry| entry.session_id);
        let plan = plan(&entries, &limits, &Breakers::new(), at(0));

        let find = |id: SessionId| entries.iter().find(|entry| entry.session_id == id).unwrap();
        let held: Vec<_> = entries.iter().filter(|entry| entry.claim == Claim::Holds)
            .map(|entry| (entry.template, entry.instance)).collect();
        let after: Vec<_> = held.iter().copied().chain(plan.admitted.iter()
            .map(|one| (find(one.session_id).template, one.instance.as_deref()))).collect();
        let before = counts(&held, &limits);
        let now = counts(&after, &limits);
        for ((now, limit), (before, _)) in now.iter().zip(&before) {
            prop_assert!(limit.is_none_or(|limit| *now <= limit.max(*before)));
        }

        let all = plan.admitted.iter().map(|one| one.session_id)
            .chain(plan.waiting.iter().map(|one| one.0))
            .chain(plan.hopeless.iter().map(|one| one.0));
        let mut all: Vec<u64> = all.map(|id| id.number()).collect();
        all.sort_unstable();
        let wanting = entries.iter().filter(|entry| entry.claim != Claim::Holds);
        prop_assert_eq!(all, wanting.map(|entry| entry.session_id.number()).collect::<Vec<_>>());

        // Of two that want the same, the one that came first is not the one that waits.
        let rank = |entry: &Entry<'_>| {
            (entry.claim != Claim::Parked, entry.created, entry.session_id.number())
        };
        for (waiting, waits_for) in &plan.waiting {
            if matches!(waits_for, WaitsFor::Session { .. }) {
                continue;
            }
            let waiting = find(*waiting);
            let passed = plan.admitted.iter().map(|one| find(one.session_id)).find(|one| {
                rank(one) > rank(waiting)
                    && one.template == waiting.template
                    && one.instance == waiting.instance
            });
            prop_assert!(passed.is_none(), "{waiting:?} was passed over by {passed:?}");
        }
    }

    #[test]
    fn everybody_gets_a_turn_when_those_that_run_end_one_after_another(
        mut entries in prop::collection::vec(any_entry(), 0..40),
        limits in any_limits(),
    ) {
        entries.sort_by_key(|entry| entry.session_id.number());
        entries.dedup_by_key(|entry| entry.session_id);
        entries.retain(|entry| !matches!(entry.claim, Claim::Waits(After::Lives(_) | After::Failed(_))));
        let mut turns = 0;
        while !entries.is_empty() {
            let plan = plan(&entries, &limits, &Breakers::new(), at(0));
            for one in &plan.admitted {
                let entry = entries.iter_mut().find(|e| e.session_id == one.session_id).unwrap();
                entry.claim = Claim::Holds;
                entry.instance = match one.instance.as_deref() {
                    Some("x") => Some("x"),
                    Some("y") => Some("y"),
                    _ => None,
                };
            }
            let running = entries.iter().position(|entry| entry.claim == Claim::Holds);
            prop_assert!(running.is_some(), "nothing runs, and these wait: {:?}", plan.waiting);
            entries.remove(running.unwrap());
            turns += 1;
            prop_assert!(turns <= 40);
        }
    }
}
