//! What the tests of the whole share: a world of processes over one engine, the faults that may
//! befall them, a plain recount of what they must answer, and the AWS that functions run on.

pub mod aws;
pub mod chaos;
pub mod lambda;
pub mod recount;
pub mod world;
