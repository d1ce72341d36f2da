//! Rows of the catalogue of deaths, and what must hold for any evidence.

mod exits;
mod make;
mod order;
mod own;
mod patterns;
mod properties;
mod scope;
mod signals;
mod system;
mod tmux;
mod unseen;
