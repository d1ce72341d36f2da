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
    let states = automaton.rows.len();
    let states = u16::try_from(states).map_err(|_| format!("{states} states do not fit u16"))?;
    let columns: Vec<Vec<usize>> = (0..automaton.class_count())
        .map(|class| automaton.rows.iter().map(|row| row[class]).collect())
        .collect();

    let mut source = String::new();
    writeln!(source, "// {states} states, {} classes of bytes.", automaton.class_count())?;
    writeln!(source, "static CLASSES: [u8; 256] = {:?};", automaton.classes)?;
    writeln!(source, "static COLUMNS: [[u16; {states}]; {}] = {columns:?};", columns.len())?;
    writeln!(source, "/// States from here on say that an opener ended.")?;
    writeln!(source, "const FIRST_ENDING: u16 = {};", automaton.first_ending)?;
    writeln!(source, "static ENDED_SHAPE: [u8; {}] = ", automaton.endings.len())?;
    writeln!(source, "    {:?};", automaton.endings)?;
    writeln!(source, "const AFTER_NEWLINE: u16 = {};", automaton.after(b"\n"))?;
    writeln!(source, "const AFTER_WORD: u16 = {};", automaton.after(b"\n__"))?;
    Ok(source)
}
