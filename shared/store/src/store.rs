//! The store: one handle on the tables, shared by everything in a process.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use weir_model::{Series, Timestamp};

use crate::accept::Lane;
use crate::catalogue::Known;
use crate::clock::Clock;
use crate::data_sets::Notes;
use crate::db::Db;
use crate::jobs::BookmarkSizes;
use crate::sequence::{Nonce, Nonces, Sequencer};

/// Lanes of group commit. On one machine the engine runs one call at a time, so a few are enough
/// to keep it busy; elsewhere they commit side by side.
pub(crate) const LANES: usize = 4;

/// Events, records, jobs and the registry. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    db: Db,
    nonces: Nonces,
    sequencer: Sequencer,
    lanes: [Lane; LANES],
    lane_hash: RandomState,
    known: Known,
    notes: Notes,
    bookmark_sizes: BookmarkSizes,
}

impl Store {
    /// Opens the store on tables that exist. Draws this process's names.
    pub fn new(db: Db) -> Self {
        Self::with_bookmark_sizes(db, BookmarkSizes::default())
    }

    /// The same, with bookmarks of jobs cut elsewhere. Whatever one cuts, all can read.
    pub fn with_bookmark_sizes(db: Db, bookmark_sizes: BookmarkSizes) -> Self {
        Self(Arc::new(Inner {
            db,
            nonces: Nonces::new(),
            sequencer: Sequencer::new(),
            lanes: Default::default(),
            lane_hash: RandomState::new(),
            known: Known::default(),
            notes: Notes::default(),
            bookmark_sizes,
        }))
    }

    /// The tables themselves.
    pub fn db(&self) -> &Db {
        &self.0.db
    }

    /// The clock that every deadline and expiry goes by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        self.db().clock()
    }

    /// The time by the store's clock.
    pub fn now(&self) -> Timestamp {
        self.clock().now()
    }

    pub(crate) fn draw_nonce(&self) -> Nonce {
        self.0.nonces.draw()
    }

    pub(crate) fn sequencer(&self) -> &Sequencer {
        &self.0.sequencer
    }

    pub(crate) fn known(&self) -> &Known {
        &self.0.known
    }

    pub(crate) fn notes(&self) -> &Notes {
        &self.0.notes
    }

    pub(crate) fn bookmark_sizes(&self) -> BookmarkSizes {
        self.0.bookmark_sizes
    }

    pub(crate) fn lane(&self, at: usize) -> &Lane {
        &self.0.lanes[at]
    }

    pub(crate) fn lane_of(&self, series: &Series) -> usize {
        let hash = self.0.lane_hash.hash_one(series);
        usize::try_from(hash % LANES as u64).expect("a lane's number is small")
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}
