//! Rows of the catalogue.
