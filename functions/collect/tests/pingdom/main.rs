//! Checks of Pingdom, from the query document to the sink, against a Pingdom on this machine.

mod chances;
mod faults;
mod functions;
mod goldens;
mod jobs;
mod suite;
mod world;
