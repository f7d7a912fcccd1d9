//! The endpoints over one store in memory, as clients meet them.

mod credentials;
mod introspect;
mod issue;
mod logs;
mod metadata;
mod revoke;
mod world;
