//! Reading `config.toml`, with the place of everything that is wrong in it.

use std::{ops::Range, path::Path};

use toml::de::{DeTable, DeValue};

use super::{
    fault::Fault,
    key::{KEYS, Key},
    names::unknown,
    rule,
    settings::Settings,
    template,
    value::{Wrong, raw},
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
    let (mut faults, mut wrongs) = (Vec::new(), Vec::new());
    let (mut own, mut on) = (None, None);
    for (section, value) in table.get_ref() {
        let name = section.get_ref().as_ref();
        match name {
            template::SECTION => {
                own = Some(value);
                continue;
            }
            rule::SECTION => {
                on = Some(value);
                continue;
            }
            _ => {}
        }
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
    if let Some(own) = own {
        settings.templates.read(own, &mut wrongs);
    }
    // Rules may name templates.
    if let Some(on) = on {
        settings.rules = rule::read(on, &settings.templates, &mut wrongs);
    }
    wrongs.sort_by_key(|wrong: &Wrong| wrong.span.start);
    faults.extend(wrongs.into_iter().map(|wrong| fault(&wrong.span, wrong.message)));
    faults
}

/// Where the text has a key of a section.
pub(super) fn place(text: &str, section: &str, key: &str) -> Option<Range<usize>> {
    let table = DeTable::parse(text).ok()?;
    let DeValue::Table(keys) = table.get_ref().get(section)?.get_ref() else { return None };
    keys.iter().find(|(name, _)| name.get_ref() == key).map(|(name, _)| name.span())
}

fn sections() -> impl Iterator<Item = &'static str> + Clone {
    let first_of_section =
        |index: usize| index == 0 || KEYS[index - 1].section != KEYS[index].section;
    (0..KEYS.len())
        .filter(move |index| first_of_section(*index))
        .map(|index| KEYS[index].section)
        .chain([template::SECTION, rule::SECTION])
}

fn find(section: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}
