//! Events as API Gateway makes them, through the real routers over a store in memory.

mod lines;
mod paths;
mod requests;
mod world;
