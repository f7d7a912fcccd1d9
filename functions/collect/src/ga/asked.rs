//! What the queries of all three collectors have in common.

use std::collections::BTreeMap;

use super::names::{Names, plain};
use crate::query::{QueryError, Section};

/// Refuses a segment, which GA4's reports do not have: without it they would be about other people.
///
/// # Errors
/// When there is one.
pub(crate) fn no_segment(query: &Section<'_>) -> Result<(), QueryError> {
    match query.get("segment") {
        None => Ok(()),
        Some(_) => Err(query.error(
            "segment",
            "cannot be told to GA4, whose reports have no segments: say what it is about in filters, \
             and take the key out",
        )),
    }
}

/// Reads `options.customDimensions`, and whether old names are translated at all
/// (`query.translate`): some names of GA4 are old names of something else.
///
/// # Errors
/// When they are not what they must be.
pub(crate) fn read_names(query: &Section<'_>, options: &Section<'_>) -> Result<Names, QueryError> {
    let mut custom = BTreeMap::new();
    if let Some(map) = options.object("customDimensions")? {
        let section = options.within("customDimensions", map);
        for old in map.keys() {
            let now = section.required_text(old, "the name of the event's parameter in GA4")?;
            custom.insert(plain(old).to_owned(), now.to_owned());
        }
    }
    let translate = query.switch("translate")?.unwrap_or(true);
    Ok(Names::new(custom, translate))
}
