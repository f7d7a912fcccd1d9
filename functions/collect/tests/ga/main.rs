//! The collectors of Google Analytics against a Google on this machine.

mod faults;
mod golden;
mod pages;
mod suite;
mod world;
