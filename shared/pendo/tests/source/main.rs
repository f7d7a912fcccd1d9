//! The source against a Pendo on this machine.

mod complete;
mod defects;
mod faults;
mod rows;
mod states;
mod streams;
mod suite;
mod world;
