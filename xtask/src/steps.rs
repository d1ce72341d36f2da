//! Steps of a longer command, each with a heading and its time.

use std::time::Instant;

use anyhow::{Context, Result};

/// Counts what was done, and since when.
#[derive(Debug)]
pub(crate) struct Steps {
    began: Instant,
    done: usize,
}

impl Steps {
    pub(crate) fn begin() -> Self {
        Self { began: Instant::now(), done: 0 }
    }

    /// Does one step; its error carries the heading.
    pub(crate) fn step(&mut self, heading: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        println!("== {heading}");
        let began = Instant::now();
        work().with_context(|| format!("FAILED at \"{heading}\""))?;
        self.done += 1;
        println!("   {:.1} s", began.elapsed().as_secs_f64());
        Ok(())
    }

    /// Says that all is well.
    pub(crate) fn end(&self) {
        println!("all {} steps are fine ({:.0} s)", self.done, self.began.elapsed().as_secs_f64());
    }
}
