//! Reading `config.toml`, with the place of everything that is wrong in it.

use std::{ops::Range, path::Path};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    fault::Fault,
    key::{KEYS, Key, Raw},
    settings::Settings,
};

/// Takes over what the file's text sets; `seen` hears of each key that was set.
///
/// Returns what is wrong with it.
pub(crate) fn apply(
    text: &str,
    path: &Path,
    settings: &mut Settings,
    mut seen: impl FnMut(&'static Key),
) -> Vec<Fault> {
    let fault = |span: &Range<usize>, message| Fault::at(path.to_owned(), text, span, message);
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            return vec![fault(&error.span().unwrap_or(0..0), error.message().to_owned())];
        }
    };
    let mut faults = Vec::new();
    for (section, value) in table.get_ref() {
        let name = section.get_ref().as_ref();
        if !sections().any(|known| known == name) {
            faults.push(fault(&section.span(), unknown("section", name, "", sections())));
            continue;
        }
        let DeValue::Table(keys) = value.get_ref() else {
            let message = format!("`{name}` is a section: write [{name}], then its keys");
            faults.push(fault(&section.span(), message));
            continue;
        };
        for (key, value) in keys {
            match find(name, key.get_ref()) {
                Some(known) => {
                    seen(known);
                    if let Err(message) = (known.set)(settings, raw(value)) {
                        let message = format!("{}: {message}", known.path());
                        faults.push(fault(&value.span(), message));
                    }
                }
                None => {
                    let place = format!(" in [{name}]");
                    let names = KEYS.iter().filter(|key| key.section == name).map(|key| key.name);
                    faults.push(fault(&key.span(), unknown("key", key.get_ref(), &place, names)));
                }
            }
        }
    }
    faults
}

fn sections() -> impl Iterator<Item = &'static str> + Clone {
    let first_of_section =
        |index: usize| index == 0 || KEYS[index - 1].section != KEYS[index].section;
    (0..KEYS.len()).filter(move |index| first_of_section(*index)).map(|index| KEYS[index].section)
}

fn find(section: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

fn raw<'a>(value: &'a Spanned<DeValue<'_>>) -> Raw<'a> {
    match value.get_ref() {
        DeValue::String(text) => Raw::Text(text),
        DeValue::Boolean(value) => Raw::Boolean(*value),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Raw::Other("integer beyond 64 bits"), Raw::Integer),
        other => Raw::Other(other.type_str()),
    }
}

fn unknown<'a>(
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
