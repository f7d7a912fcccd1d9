//! The tables and what they are called.

use std::fmt;
use std::sync::Arc;

/// The attribute that holds when an item expires, in seconds since 1970, where one does.
pub const EXPIRES: &str = "expires";

/// A table, whatever an installation calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Blocks as committed.
    Inbox,
    /// One item per series and day.
    Manifests,
    /// Pieces of merged runs.
    Chunks,
    /// Who was here in the last day.
    Receipts,
    /// Clients, data sets, settings, the catalogue, work for later.
    Registry,
    /// Records of data sets.
    Records,
    /// How far jobs have come, who runs them, and what became of their runs.
    Bookmarks,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 7] = [
        Self::Inbox,
        Self::Manifests,
        Self::Chunks,
        Self::Receipts,
        Self::Registry,
        Self::Records,
        Self::Bookmarks,
    ];

    /// The table's name without an installation's prefix.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Manifests => "manifests",
            Self::Chunks => "chunks",
            Self::Receipts => "receipts",
            Self::Registry => "registry",
            Self::Records => "records",
            Self::Bookmarks => "bookmarks",
        }
    }

    /// Whether its key has a sort key, `sk`, besides the partition key, `pk`.
    pub fn has_sort_key(self) -> bool {
        self != Self::Receipts
    }

    /// Whether its items may carry [`EXPIRES`].
    pub fn expires(self) -> bool {
        !matches!(self, Self::Inbox | Self::Manifests)
    }
}

/// The names of an installation's tables: a prefix, then the table's own name.
#[derive(Clone, PartialEq, Eq)]
pub struct TableNames(Arc<[String; Table::ALL.len()]>);

impl TableNames {
    /// What tables are called unless said otherwise. DynamoDB wants three characters at least.
    pub const DEFAULT_PREFIX: &str = "weir-";

    /// Names with this prefix.
    pub fn with_prefix(prefix: &str) -> Self {
        Self(Arc::new(
            Table::ALL.map(|table| format!("{prefix}{}", table.suffix())),
        ))
    }

    /// The name of a table.
    pub fn of(&self, table: Table) -> &str {
        &self.0[table as usize]
    }
}

impl Default for TableNames {
    fn default() -> Self {
        Self::with_prefix(Self::DEFAULT_PREFIX)
    }
}

impl fmt::Debug for TableNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_found_under_its_own_name() {
        let names = TableNames::default();
        for table in Table::ALL {
            assert_eq!(names.of(table), format!("weir-{}", table.suffix()));
        }
    }
}
