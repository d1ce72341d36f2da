//! The journal as its users see it.

mod adding_up;
mod appending;
mod counting;
mod crash;
mod failing;
mod folding;
mod following;
mod listing;
mod opening;
mod sealing;
mod tallying;
mod tools;
mod trimming;
mod verdicts;
