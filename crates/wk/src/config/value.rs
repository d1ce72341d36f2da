//! Values of the file that are more than one word: lists and tables, read with the place of
//! everything that is wrong in them.

use std::{collections::BTreeMap, ops::Range};

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::{
    names::unknown,
    raw::{Raw, mismatch},
};

/// A value, and where it is in the file's text.
pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// A key, and where it is in the file's text.
pub(super) type Key<'a> = Spanned<DeString<'a>>;

/// More words, variables or tables than anybody writes.
const MANY: usize = 256;

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub span: Range<usize>,
    pub message: String,
}

/// Reads what is below one table, and gathers what is wrong.
#[derive(Debug)]
pub(super) struct Reader<'w> {
    /// The table's name for people: `template.claude`.
    pub place: String,
    pub wrongs: &'w mut Vec<Wrong>,
}

impl Reader<'_> {
    /// A reader for a table below this one.
    pub(super) fn below(&mut self, name: &str) -> Reader<'_> {
        Reader { place: format!("{}.{name}", self.place), wrongs: self.wrongs }
    }

    pub(super) fn wrong(&mut self, span: Range<usize>, message: &str) {
        self.wrongs.push(Wrong { span, message: format!("{}: {message}", self.place) });
    }

    fn wrong_value(&mut self, key: &str, value: &Value<'_>, message: &str) {
        let message = format!("{}.{key}: {message}", self.place);
        self.wrongs.push(Wrong { span: value.span(), message });
    }

    /// A key that the table does not have.
    pub(super) fn unknown(&mut self, key: &Key<'_>, known: &[&str]) {
        let place = format!(" in [{}]", self.place);
        let message = unknown("key", key.get_ref(), &place, known.iter().copied());
        self.wrongs.push(Wrong { span: key.span(), message });
    }

    /// One word.
    pub(super) fn one<T>(
        &mut self,
        key: &str,
        value: &Value<'_>,
        read: impl FnOnce(Raw<'_>) -> Result<T, String>,
    ) -> Option<T> {
        read(raw(value)).map_err(|message| self.wrong_value(key, value, &message)).ok()
    }

    /// A list of words; `want` says what one is, for whoever wrote none.
    pub(super) fn list<T>(
        &mut self,
        key: &str,
        value: &Value<'_>,
        want: &str,
        read: impl Fn(Raw<'_>) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let DeValue::Array(values) = value.get_ref() else {
            let message = mismatch(raw(value), &format!("a list like {want}"));
            self.wrong_value(key, value, &message);
            return None;
        };
        if values.len() > MANY {
            self.wrong_value(key, value, &format!("has more than {MANY} entries"));
            return None;
        }
        let read = values.iter().map(|value| self.one(key, value, &read)).collect::<Vec<_>>();
        read.into_iter().collect()
    }

    /// A list of words, or a single one.
    pub(super) fn one_or_list<T>(
        &mut self,
        key: &str,
        value: &Value<'_>,
        want: &str,
        read: impl Fn(Raw<'_>) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        match value.get_ref() {
            DeValue::Array(_) => self.list(key, value, want, read),
            _ => self.one(key, value, read).map(|one| vec![one]),
        }
    }

    /// A table of keys that may have any name; `check` says what is wrong with one.
    pub(super) fn texts(
        &mut self,
        key: &str,
        value: &Value<'_>,
        check: impl Fn(&str, &str) -> Result<(), String>,
    ) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::new();
        let Some(table) = self.table(key, value) else { return texts };
        if table.len() > MANY {
            self.wrong_value(key, value, &format!("has more than {MANY} entries"));
            return texts;
        }
        for (name, value) in table {
            let name = name.get_ref().as_ref();
            let checked = |raw: Raw<'_>| {
                let text = super::raw::text(raw, "a text in quotes")?;
                check(name, text).map(|()| text.to_owned())
            };
            if let Some(text) = self.one(key, value, checked) {
                texts.insert(name.to_owned(), text);
            }
        }
        texts
    }

    /// A table.
    pub(super) fn table<'v, 'a>(
        &mut self,
        key: &str,
        value: &'v Value<'a>,
    ) -> Option<&'v DeTable<'a>> {
        match value.get_ref() {
            DeValue::Table(table) => Some(table),
            _ => {
                let message = mismatch(raw(value), "a table of keys and values");
                self.wrong_value(key, value, &message);
                None
            }
        }
    }

    /// A list of tables, each with its place.
    pub(super) fn tables<'v, 'a>(
        &mut self,
        key: &str,
        value: &'v Value<'a>,
    ) -> Vec<(&'v DeTable<'a>, Range<usize>)> {
        let DeValue::Array(values) = value.get_ref() else {
            let message = format!("must be a list of tables: write [[{}.{key}]]", self.place);
            self.wrong_value(key, value, &message);
            return Vec::new();
        };
        if values.len() > MANY {
            self.wrong_value(key, value, &format!("has more than {MANY} entries"));
            return Vec::new();
        }
        let tables = values.iter().map(|value| Some((self.table(key, value)?, value.span())));
        tables.collect::<Vec<_>>().into_iter().flatten().collect()
    }
}

/// A value as the readers of single words take it.
pub(super) fn raw<'a>(value: &'a Value<'_>) -> Raw<'a> {
    match value.get_ref() {
        DeValue::String(text) => Raw::Text(text),
        DeValue::Boolean(value) => Raw::Boolean(*value),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Raw::Other("integer beyond 64 bits"), Raw::Integer),
        DeValue::Array(values) => Raw::List(values),
        other => Raw::Other(other.type_str()),
    }
}
