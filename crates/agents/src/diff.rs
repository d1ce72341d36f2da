//! What changes between two texts, line by line, for people.

/// Lines that are the same, around those that are not.
const CONTEXT: usize = 3;
/// More lines than this between the first and the last change are shown as changed.
const MOST: usize = 2000;

/// A line of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    Same(&'a str),
    Old(&'a str),
    New(&'a str),
    /// Lines that are the same were left out.
    Gap,
}

/// The changed lines with a few around them.
pub fn lines<'a>(old: &'a str, new: &'a str) -> Vec<Line<'a>> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let same = |pair: &(&&str, &&str)| pair.0 == pair.1;
    let head = old.iter().zip(&new).take_while(same).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(same).count();
    let mut all: Vec<Line<'a>> = old[..head].iter().map(|line| Line::Same(line)).collect();
    middle(&old[head..old.len() - tail], &new[head..new.len() - tail], &mut all);
    all.extend(old[old.len() - tail..].iter().map(|line| Line::Same(line)));
    shorten(&all)
}

/// The longest lines in common stay, all others change.
fn middle<'a>(old: &[&'a str], new: &[&'a str], out: &mut Vec<Line<'a>>) {
    if old.len() > MOST || new.len() > MOST {
        out.extend(old.iter().map(|line| Line::Old(line)));
        out.extend(new.iter().map(|line| Line::New(line)));
        return;
    }
    let width = new.len() + 1;
    let mut common = vec![0_u16; (old.len() + 1) * width];
    for (i, left) in old.iter().enumerate().rev() {
        for (j, right) in new.iter().enumerate().rev() {
            common[i * width + j] = match left == right {
                true => common[(i + 1) * width + j + 1] + 1,
                false => common[(i + 1) * width + j].max(common[i * width + j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            out.push(Line::Same(old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len()
            || (i < old.len() && common[(i + 1) * width + j] >= common[i * width + j + 1])
        {
            out.push(Line::Old(old[i]));
            i += 1;
        } else {
            out.push(Line::New(new[j]));
            j += 1;
        }
    }
}

fn shorten<'a>(all: &[Line<'a>]) -> Vec<Line<'a>> {
    let changed: Vec<usize> =
        (0..all.len()).filter(|index| !matches!(all[*index], Line::Same(_))).collect();
    let mut shown = Vec::new();
    let mut next = 0;
    for index in changed {
        let from = index.saturating_sub(CONTEXT).max(next);
        if from > next {
            shown.push(Line::Gap);
        }
        let to = (index + CONTEXT + 1).min(all.len());
        if to > from {
            shown.extend_from_slice(&all[from..to]);
            next = to;
        }
    }
    if next < all.len() && next > 0 {
        shown.push(Line::Gap);
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_change_is_shown_with_what_is_around_it() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9";
        let new = "1\n2\n3\n4\n5 \nx\n6\n7\n8\n9";
        assert_eq!(
            lines(old, new),
            [
                Line::Gap,
                Line::Same("2"),
                Line::Same("3"),
                Line::Same("4"),
                Line::Old("5"),
                Line::New("5 "),
                Line::New("x"),
                Line::Same("6"),
                Line::Same("7"),
                Line::Same("8"),
                Line::Gap,
            ]
        );
        assert!(lines(old, old).is_empty());
    }

    proptest! {
        #[test]
        fn what_is_shown_leads_from_one_to_the_other(
            old in prop::collection::vec("[a-c]", 0..6),
            new in prop::collection::vec("[a-c]", 0..6),
        ) {
            let (mut all, from, to) = (Vec::new(), old.join("\n"), new.join("\n"));
            middle(&from.lines().collect::<Vec<_>>(), &to.lines().collect::<Vec<_>>(), &mut all);
            let left: Vec<&str> = all.iter().filter_map(|line| match line {
                Line::Same(text) | Line::Old(text) => Some(*text),
                _ => None,
            }).collect();
            let right: Vec<&str> = all.iter().filter_map(|line| match line {
                Line::Same(text) | Line::New(text) => Some(*text),
                _ => None,
            }).collect();
            prop_assert_eq!(left, from.lines().collect::<Vec<_>>());
            prop_assert_eq!(right, to.lines().collect::<Vec<_>>());
        }
    }
}
