//! Records that several processes write, read and empty at once: the interleavings that the keys
//! and conditions of data sets answer for, by name, and whatever else chance makes of them.

mod chance;
mod one;
mod reading;
mod sets;
mod shelf;
