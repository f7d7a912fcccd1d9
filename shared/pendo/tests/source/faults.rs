//! Refusals, cuts, and keys that are no good.
