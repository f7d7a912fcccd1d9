//! A function.

fn main() {}
