//! Google Analytics 4, asked by queries that were written for Universal Analytics, or by its own
//! names.
//!
//! The way of a query: `names`, `filter` and `expression` translate what it says, `property` finds
//! what it is about, and `question` puts together what GA4 is asked. `credentials` and `token` say
//! who asks, `api` asks, `pages` reads a whole report, `answer` and `quota` what it says. The three
//! sources are [`Reports`] (whose way through `period`s is a `tour`, and whose bookmark a `state`),
//! [`Trending`] and [`Realtime`].

mod answer;
mod api;
mod asked;
mod credentials;
mod expression;
mod filter;
mod names;
mod pages;
mod period;
mod property;
mod question;
mod quota;
mod realtime;
mod reports;
mod state;
mod token;
mod tour;
mod trending;

use weir_collector::{Fault, Schema};

use crate::query::{Definition, Entrypoint};
pub use realtime::Realtime;
pub use reports::Reports;
pub use trending::Trending;

/// What the records of a query document look like, without asking anybody. Nothing for a document
/// that is for another collector.
///
/// # Errors
/// When the query cannot be asked of GA4, with file and key.
pub fn schema(definition: &Definition) -> Result<Option<Schema>, Fault> {
    let schema = match definition.entrypoint {
        Entrypoint::Ga => reports::Asked::read(definition).map(|asked| asked.schema()),
        Entrypoint::GaTrending => trending::Asked::read(definition).map(|asked| asked.schema()),
        Entrypoint::GaRealtime => realtime::Asked::read(definition).map(|asked| asked.schema()),
        Entrypoint::Pingdom | Entrypoint::Pendo => return Ok(None),
    };
    schema.map(Some).map_err(Fault::new)
}
