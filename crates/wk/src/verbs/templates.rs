//! `wk templates`: what sessions can be started from.

use std::io::Write;

use serde_json::{Map, Value, json};

use super::ShortFormat;
use crate::{
    code::Code,
    color::Style,
    complaint::Usage,
    config::{
        Settings, Template,
        template::{RETRIES, TemplateOrigin},
    },
    context::Context,
    json,
    table::{self, Cell, Column},
};

/// List the templates, or show one
///
/// `wk run -t NAME` starts a session from one. They come with Watchkeeper, or from
/// [template.NAME] in the settings.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk templates\n  wk templates claude\n  wk run -t claude -- \"fix the tests\""
)]
pub(crate) struct TemplatesArgs {
    /// Show this one as the settings would have it
    name: Option<String>,
    #[arg(long, default_value = "table")]
    format: ShortFormat,
}

pub(crate) fn run(
    context: &Context,
    args: &TemplatesArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let templates = Settings::load(&context.places, |name| std::env::var_os(name))?.templates;
    let rows: Vec<_> = templates.iter().collect();
    match (&args.name, args.format) {
        (Some(name), format) => {
            let template = templates.get(name).map_err(Usage)?;
            let origin = rows.iter().find(|(known, ..)| known == name).map(|(.., origin)| *origin);
            let origin = origin.unwrap_or(TemplateOrigin::File);
            match format {
                ShortFormat::Json => json::write(out, &entry(name, template, origin)?)?,
                ShortFormat::Table => write!(out, "{}", section(name, template)?)?,
            }
        }
        (None, ShortFormat::Json) => {
            let entries =
                rows.iter().map(|(name, template, origin)| entry(name, template, *origin));
            json::write(out, &entries.collect::<anyhow::Result<Vec<_>>>()?)?;
        }
        (None, ShortFormat::Table) => write_table(context, &rows, out)?,
    }
    Ok(Code::SUCCESS)
}

/// The template under the keys of the settings, with its name and where it is from.
fn entry(name: &str, template: &Template, origin: TemplateOrigin) -> anyhow::Result<Value> {
    let mut entry = Map::new();
    entry.insert("name".to_owned(), json!(name));
    entry.insert("origin".to_owned(), serde_json::to_value(origin)?);
    if let Value::Object(keys) = serde_json::to_value(template.table())? {
        entry.extend(keys);
    }
    entry.entry("retries").or_insert(json!(RETRIES));
    Ok(Value::Object(entry))
}

fn section(name: &str, template: &Template) -> anyhow::Result<String> {
    let one = toml::Table::from_iter([(name.to_owned(), toml::Value::Table(template.table()))]);
    let all = toml::Table::from_iter([("template".to_owned(), toml::Value::Table(one))]);
    Ok(toml::to_string(&all)?)
}

fn write_table(
    context: &Context,
    rows: &[(&str, &Template, TemplateOrigin)],
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let column = |title, least| Column { title, least, right: false };
    let columns = [
        column("NAME", 0),
        column("KIND", 0),
        column("COMMAND", 12),
        column("RESUME", 12),
        column("RETRIES", 0),
        column("FROM", 0),
    ];
    let words = |words: &Option<Vec<String>>| words.as_deref().unwrap_or_default().join(" ");
    let rows: Vec<Vec<Cell>> = rows
        .iter()
        .map(|(name, template, origin)| {
            let kind = template.kind.unwrap_or_default().to_string();
            let (from, style) = match origin {
                TemplateOrigin::BuiltIn => ("built in", Style::Past),
                TemplateOrigin::Changed => ("built in, changed", Style::Plain),
                TemplateOrigin::File => ("settings", Style::Plain),
            };
            vec![
                Cell::plain(name),
                Cell::plain(&kind),
                Cell::plain(&words(&template.command)),
                Cell::plain(&words(&template.resume)),
                Cell::plain(&template.retries.unwrap_or(RETRIES).to_string()),
                Cell::new(from, style),
            ]
        })
        .collect();
    Ok(table::write(out, &columns, &rows, context.width, context.paint)?)
}
