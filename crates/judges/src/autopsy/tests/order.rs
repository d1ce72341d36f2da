//! Facts may come in any order.

use proptest::prelude::*;

use super::{make::*, properties::facts};
use crate::autopsy::examine;

proptest! {
    #[test]
    fn the_order_in_which_facts_were_gathered_does_not_matter(
        facts in facts(),
        turn in 0_usize..12,
        code in prop::sample::select(vec![0, 1, 129, 137, 143]),
    ) {
        let mut turned = facts.clone();
        turned.rotate_left(turn.min(facts.len()));
        turned.reverse();
        for ending in [by_code(code), by_signal(9), wk_model::Ending::Gone] {
            let one = examine(&evidence(ending.clone(), facts.clone()));
            let other = examine(&evidence(ending, turned.clone()));
            prop_assert_eq!(one, other);
        }
    }
}
