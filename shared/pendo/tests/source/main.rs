//! The source against a Pendo on this machine.

mod complete;
mod defects;
mod faults;
mod states;
mod streams;
mod suite;
mod world;
