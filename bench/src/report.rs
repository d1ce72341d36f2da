//! The table that a measure prints, as Markdown.

use std::fmt;

use crate::counters;

/// Rows of one measure.
#[derive(Debug)]
pub struct Table {
    rows: Vec<[String; 5]>,
}

/// How a figure stands to its bar.
#[derive(Clone, Debug)]
pub enum Bar {
    AtMost(f64, &'static str),
    AtLeast(f64, &'static str),
    Exactly(f64, &'static str),
    /// For the reader; nothing is asked of it.
    None,
}

impl Table {
    /// Says on what machine, and how busy it was before the measure began.
    pub fn begin(name: &str) -> anyhow::Result<Self> {
        let cores = std::thread::available_parallelism()?;
        let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
        let busy = counters::busy_cores()?;
        println!("### {name}\n");
        println!("{cores} cores, Linux {kernel}; {busy:.2} cores were busy with other work\n");
        Ok(Self { rows: Vec::new() })
    }

    /// One figure of Watchkeeper, beside its peer's, against its bar.
    pub fn row(&mut self, what: &str, wk: &str, peer: &str, figure: f64, bar: &Bar) {
        let verdict = match bar.is_met(figure) {
            Some(true) => "PASS",
            Some(false) => "MISS",
            None => "",
        };
        let cells = [what, wk, peer, &bar.to_string(), verdict];
        self.rows.push(cells.map(str::to_owned));
    }

    /// A figure that has no bar.
    pub fn note(&mut self, what: &str, wk: &str, peer: &str) {
        self.row(what, wk, peer, f64::NAN, &Bar::None);
    }
}

impl Bar {
    fn is_met(&self, figure: f64) -> Option<bool> {
        match self {
            Self::AtMost(most, _) => Some(figure <= *most),
            Self::AtLeast(least, _) => Some(figure >= *least),
            Self::Exactly(value, _) => Some((figure - value).abs() < f64::EPSILON),
            Self::None => None,
        }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(value, unit) => write!(f, "≤ {value}{unit}"),
            Self::AtLeast(value, unit) => write!(f, "≥ {value}{unit}"),
            Self::Exactly(value, unit) => write!(f, "{value}{unit}"),
            Self::None => Ok(()),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| measure | wk | peer | bar | |\n|---|---:|---:|---:|---|")?;
        for [what, wk, peer, bar, verdict] in &self.rows {
            writeln!(f, "| {what} | {wk} | {peer} | {bar} | {verdict} |")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_passes_at_its_bar_and_not_beyond() {
        for (bar, figure, want) in [
            (Bar::AtMost(2.0, " ×"), 2.0, Some(true)),
            (Bar::AtMost(2.0, " ×"), 2.1, Some(false)),
            (Bar::AtMost(2.0, " ×"), f64::NAN, Some(false)),
            (Bar::AtLeast(3.0, " ×"), 2.9, Some(false)),
            (Bar::Exactly(0.0, ""), 0.0, Some(true)),
            (Bar::Exactly(0.0, ""), 1.0, Some(false)),
            (Bar::None, 1.0, None),
        ] {
            assert_eq!(bar.is_met(figure), want, "{bar:?} {figure}");
        }
    }
}
