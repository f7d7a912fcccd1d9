//! Reads Pendo: sixteen streams, as a source of records and as the catalog of a Singer tap.
