//! What is taken of a stream's rows.

/// What is taken of a stream's rows, by name and type.
#[derive(Debug)]
pub struct Shape {}
