//! Turns the openers of `src/shapes.rs` into one table that finds them all in one pass.
//!
//! The table is plain Rust source, so that it lies in read-only data shared by every process,
//! needs no validation when a process starts and no alignment tricks.

#[path = "build/automaton.rs"]
mod automaton;
#[allow(dead_code, reason = "bodies of shapes are read at run time only")]
#[path = "src/byte_set.rs"]
mod byte_set;
#[path = "build/grammar.rs"]
mod grammar;
#[allow(dead_code, reason = "bodies of shapes are read at run time only")]
#[path = "src/shape.rs"]
mod shape;
#[path = "src/shapes.rs"]
mod shapes;

use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;

use automaton::Automaton;

fn main() -> Result<(), Box<dyn Error>> {
    for input in ["build.rs", "build", "src/byte_set.rs", "src/shape.rs", "src/shapes.rs"] {
        println!("cargo::rerun-if-changed={input}");
    }
    let openers: Vec<String> =
        shapes::SHAPES.iter().map(|shape| grammar::expand(&shape.opener)).collect();
    let automaton = Automaton::build(&openers)?;
    let file = PathBuf::from(std::env::var("OUT_DIR")?).join("openers.rs");
    std::fs::write(file, render(&automaton)?)?;
    Ok(())
}

fn render(automaton: &Automaton) -> Result<String, Box<dyn Error>> {
    let (states, classes) = (automaton.rows.len(), automaton.class_count());
    // The table's own mark for endings needs the highest bit.
    const ENDED: usize = 1 << 15;
    if states > ENDED {
        return Err(format!("{states} states are too many").into());
    }
    let marked = |row: usize| if row < automaton.first_ending { row } else { row | ENDED };
    let next: Vec<usize> = (0..classes)
        .flat_map(|class| automaton.rows.iter().map(move |row| row[class]))
        .map(marked)
        .collect();
    let columns = automaton.classes.map(|class| usize::from(class) * states);

    let mut source = String::new();
    writeln!(source, "// {states} states, {classes} classes of bytes.")?;
    writeln!(source, "/// Where the column of each byte begins in the table.")?;
    writeln!(source, "static COLUMNS: [u32; 256] = {columns:?};")?;
    writeln!(source, "/// The row that follows, column by column.")?;
    writeln!(source, "static NEXT: [u16; {}] = {next:?};", next.len())?;
    writeln!(source, "/// Marks rows that say that an opener ended.")?;
    writeln!(source, "const ENDED: u16 = {ENDED};")?;
    writeln!(source, "/// The first of these rows.")?;
    writeln!(source, "const FIRST_ENDING: u16 = {};", automaton.first_ending)?;
    writeln!(source, "static ENDED_SHAPE: [u8; {}] = ", automaton.endings.len())?;
    writeln!(source, "    {:?};", automaton.endings)?;
    writeln!(source, "const AFTER_NEWLINE: u16 = {};", marked(automaton.after(b"\n")))?;
    writeln!(source, "const AFTER_WORD: u16 = {};", marked(automaton.after(b"\n__")))?;
    Ok(source)
}
