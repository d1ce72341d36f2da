//! `wk instances`: how the instances of templates do.

use std::io::Write;

use wk_api::InstanceView;
use wk_client::Client;

use super::ShortFormat;
use crate::{
    code::Code,
    color::Style,
    complaint::{self, Usage},
    context::Context,
    json,
    table::{self, Cell, Column},
};

/// List the instances of templates, or say that one works again
///
/// The least loaded one gets the next session of its template. One on which half of the last
/// sessions failed gets none for a minute; then one may try.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  wk instances\n  wk instances --reset claude/work")]
pub(crate) struct InstancesArgs {
    /// Close the circuit breaker of this one: it gets sessions again
    #[arg(long, value_name = "TEMPLATE/INSTANCE")]
    reset: Option<String>,
    #[arg(long, default_value = "table", conflicts_with = "reset")]
    format: ShortFormat,
}

pub(crate) async fn run(
    context: &Context,
    args: InstancesArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    if let Some(name) = &args.reset {
        let (template, instance) = name
            .split_once('/')
            .ok_or_else(|| Usage("write TEMPLATE/INSTANCE, like claude/work".to_owned()))?;
        let (template, instance) = (Client::segment(template), Client::segment(instance));
        let path = format!("/instances/{template}/{instance}/reset");
        let _: Vec<InstanceView> = context.daemon.post(&path, &(), &()).await?;
        return Ok(Code::SUCCESS);
    }
    let instances: Vec<InstanceView> = context.daemon.get("/instances", &()).await?;
    match args.format {
        ShortFormat::Json => json::write(out, &instances)?,
        ShortFormat::Table if instances.is_empty() => {
            complaint::say("no template has instances: [[template.NAME.instance]] makes one");
        }
        ShortFormat::Table => {
            let rows: Vec<_> = instances.iter().map(|view| row(view, context)).collect();
            table::write(out, &COLUMNS, &rows, context.width, context.paint)?;
        }
    }
    Ok(Code::SUCCESS)
}

const COLUMNS: [Column; 6] = [
    Column { title: "TEMPLATE", least: 0, right: false },
    Column { title: "INSTANCE", least: 0, right: false },
    Column { title: "RUNNING", least: 0, right: true },
    Column { title: "MAX", least: 0, right: true },
    Column { title: "FAILED", least: 0, right: true },
    Column { title: "BREAKER", least: 0, right: false },
];

fn row(view: &InstanceView, context: &Context) -> Vec<Cell> {
    let until = view.breaker_until.map(|until| context.clock.show(until));
    let (breaker, style) = match (view.breaker.as_str(), until) {
        ("closed", _) => ("closed".to_owned(), Style::Good),
        ("open", Some(until)) => (format!("open until {until}"), Style::Bad),
        ("half_open", Some(_)) => ("half-open: one session tries".to_owned(), Style::Warning),
        ("half_open", None) => ("half-open: the next session tries".to_owned(), Style::Warning),
        (other, _) => (other.to_owned(), Style::Plain),
    };
    let max = view.max_concurrent.map_or_else(|| "-".to_owned(), |max| max.to_string());
    vec![
        Cell::plain(&view.template),
        Cell::plain(&view.instance),
        Cell::plain(&view.running.to_string()),
        Cell::plain(&max),
        Cell::plain(&format!("{}/{}", view.failures, view.ends)),
        Cell::new(&breaker, style),
    ]
}
