//! Names that are not known, and the nearest that is.

/// Says that a name is unknown, and which one may have been meant.
pub(crate) fn unknown<'a>(
    what: &str,
    name: &str,
    place: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> String {
    let shown: String = name.chars().take(60).collect();
    let distance = |other: &&str| strsim::damerau_levenshtein(&shown, other);
    let nearest = known.clone().min_by_key(distance).filter(|nearest| distance(nearest) <= 3);
    let hint = match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("there are {}", known.collect::<Vec<_>>().join(", ")),
    };
    format!("unknown {what} `{}`{place}: {hint}", shown.escape_debug())
}
