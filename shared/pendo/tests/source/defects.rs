//! What the published tap loses and repeats, one by one.
