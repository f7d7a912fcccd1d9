//! A new database file with all tables in it, made in one go.
//!
//! Tables that are made one by one in a file wait for the disk a dozen times, and somebody waits
//! for the first answer of a new server. Made in memory and written out whole, they wait for it
//! once.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::engine::{Engine, EngineError};
use crate::clock::Clock;
use crate::db::Db;

impl Engine {
    /// Opens a database file with the tables in it. One that is not there is made first: a crash
    /// leaves it whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be opened or made, or is no database of this engine.
    pub async fn open_with_tables(
        path: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Engine, EngineError> {
        if is_new(path) {
            let failed = |cause: String| EngineError::Open {
                path: path.to_owned(),
                cause,
            };
            let seed = Arc::new(Engine::memory(Arc::clone(&clock))?);
            let db = Db::embedded(Arc::clone(&seed) as _, Arc::clone(&clock));
            let made = db.create_tables().await;
            made.map_err(|error| failed(error.to_string()))?;
            let next = path.with_extension("new");
            seed.write_to(&next).map_err(failed)?;
            put_in_place(&next, path).map_err(|error| failed(error.to_string()))?;
        }
        Engine::open(path, clock)
    }
}

/// Logs without their database would be taken for the new one's; SQLite knows what to do with
/// them when it makes the file itself.
fn is_new(path: &Path) -> bool {
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        Path::new(&name).exists()
    };
    !["", "-wal", "-journal"].into_iter().any(beside)
}

/// The name is on the disk before anything is stored under it.
fn put_in_place(next: &Path, path: &Path) -> io::Result<()> {
    File::open(next)?.sync_all()?;
    fs::rename(next, path)?;
    match path.parent() {
        Some(directory) if directory != Path::new("") => File::open(directory)?.sync_all(),
        _ => Ok(()),
    }
}
