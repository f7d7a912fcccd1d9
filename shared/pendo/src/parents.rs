//! The parents of a child stream, gathered while their own records are told.
//!
//! There may be millions of visitors, so what is more than a few megabytes goes to a file without a
//! name. It is written and read from end to end in large blocks, which the system has in its memory,
//! so these calls are made where they are needed.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek as _, Write as _};

/// How much is held before it is written.
const BLOCK_BYTES: usize = 2 << 20;

/// What of a parent is needed to read its child's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parent {
    /// Its id.
    pub(crate) id: String,
    /// When a visitor was last changed or seen.
    pub(crate) last_seen: Option<i64>,
    /// Whether its history must not be asked for.
    pub(crate) do_not_process: bool,
    /// Whether it comes before the place where the pass goes on.
    pub(crate) is_passed: bool,
}

/// The parents, in the order in which they were met.
#[derive(Debug, Default)]
pub(crate) struct Parents {
    block: Vec<u8>,
    file: Option<File>,
}

/// The parents, one after the other.
pub(crate) struct ReadParents(Box<dyn Read + Send>);

impl Parents {
    /// Adds one.
    ///
    /// # Errors
    /// When there is no place for the file.
    pub(crate) fn push(&mut self, parent: &Parent) -> io::Result<()> {
        let flags = u8::from(parent.do_not_process)
            | u8::from(parent.is_passed) << 1
            | u8::from(parent.last_seen.is_some()) << 2;
        self.block.push(flags);
        if let Some(time) = parent.last_seen {
            self.block.extend(time.to_le_bytes());
        }
        let length = u32::try_from(parent.id.len()).map_err(io::Error::other)?;
        self.block.extend(length.to_le_bytes());
        self.block.extend(parent.id.as_bytes());
        match self.block.len() >= BLOCK_BYTES {
            true => self.spill(),
            false => Ok(()),
        }
    }

    /// Gives them back.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn read(self) -> io::Result<ReadParents> {
        let rest = Cursor::new(self.block);
        Ok(ReadParents(match self.file {
            Some(mut file) => {
                file.rewind()?;
                Box::new(BufReader::with_capacity(64 * 1024, file).chain(rest))
            }
            None => Box::new(rest),
        }))
    }

    fn spill(&mut self) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => tempfile::tempfile()?,
        };
        file.write_all(&self.block)?;
        self.file = Some(file);
        self.block.clear();
        Ok(())
    }
}

impl ReadParents {
    /// The next one; none after the last.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn next(&mut self) -> io::Result<Option<Parent>> {
        let mut flags = [0];
        if self.0.read(&mut flags)? == 0 {
            return Ok(None);
        }
        let last_seen = match flags[0] & 4 {
            0 => None,
            _ => Some(i64::from_le_bytes(self.bytes()?)),
        };
        let length = u32::from_le_bytes(self.bytes()?);
        let mut id = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.0.read_exact(&mut id)?;
        Ok(Some(Parent {
            id: String::from_utf8(id).map_err(io::Error::other)?,
            last_seen,
            do_not_process: flags[0] & 1 != 0,
            is_passed: flags[0] & 2 != 0,
        }))
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parent() -> impl Strategy<Value = Parent> {
        (
            ".{0,12}",
            any::<Option<i64>>(),
            any::<bool>(),
            any::<bool>(),
        )
            .prop_map(|(id, last_seen, do_not_process, is_passed)| Parent {
                id,
                last_seen,
                do_not_process,
                is_passed,
            })
    }

    proptest! {
        #[test]
        fn parents_come_back_as_they_went(
            given in prop::collection::vec(parent(), 0..20),
            spills in prop::collection::vec(any::<bool>(), 20),
        ) {
            let mut parents = Parents::default();
            for (parent, spills) in given.iter().zip(spills) {
                parents.push(parent).unwrap();
                if spills {
                    parents.spill().unwrap();
                }
            }
            let mut read = parents.read().unwrap();
            let mut found = Vec::new();
            while let Some(parent) = read.next().unwrap() {
                found.push(parent);
            }
            prop_assert_eq!(found, given);
        }
    }

    #[test]
    fn millions_take_no_more_memory_than_a_block() {
        let mut parents = Parents::default();
        let id = "x".repeat(1000);
        for _ in 0..10_000 {
            let parent = Parent {
                id: id.clone(),
                last_seen: Some(1),
                do_not_process: false,
                is_passed: false,
            };
            parents.push(&parent).unwrap();
            assert!(parents.block.len() <= BLOCK_BYTES + 1100);
        }
    }
}
