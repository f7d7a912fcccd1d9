//! The Lambda edge that all functions share.
