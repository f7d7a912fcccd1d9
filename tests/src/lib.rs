//! What the tests of the whole share: a world of processes over one engine, the faults that may
//! befall them, and a plain recount of what they must answer.

pub mod chaos;
pub mod recount;
pub mod world;
