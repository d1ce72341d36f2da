//! Judges turn evidence into verdicts.
//!
//! Pure: evidence is gathered elsewhere, and what follows from a verdict is done elsewhere.
//! The same evidence always gives the same verdict.

mod amount;
pub mod autopsy;
pub mod health;
