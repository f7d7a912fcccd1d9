//! Items that wait in a file until they are wanted, in their order.
//!
//! They are gathered into blocks in memory, and each block is one write and one read. The file has no
//! name, so it goes with whoever holds it, however that ends. Calls that touch it block.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};

/// What a block holds before it is written.
const BLOCK_BYTES: usize = 64 * 1024;

/// What an item's length is written as.
const LENGTH_BYTES: usize = size_of::<u64>();

/// What can wait in a file.
pub trait Spillable: Sized {
    /// How much memory it takes, roughly.
    fn bytes(&self) -> usize;

    /// Appends it as bytes, which know nothing of their end.
    fn write(&self, to: &mut Vec<u8>);

    /// What [`write`](Spillable::write) has written.
    ///
    /// # Errors
    /// When the bytes are none of it.
    fn read(from: &[u8]) -> io::Result<Self>;
}

/// First takes items, then gives them back.
#[derive(Debug, Default)]
pub(crate) struct Spool {
    /// The block that is being filled.
    block: Vec<u8>,
    /// The lengths of the blocks in the file that were not read.
    written: VecDeque<usize>,
    file: Option<File>,
    is_read: bool,
}

impl Spool {
    #[cfg(test)]
    pub(crate) fn to(file: File) -> Self {
        Self {
            file: Some(file),
            ..Self::default()
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.block.is_empty() && self.written.is_empty()
    }

    /// Whether the next items are in the file.
    pub(crate) fn is_on_disk(&self) -> bool {
        !self.written.is_empty()
    }

    /// Whether the block is to be written before it takes more.
    pub(crate) fn is_full(&self) -> bool {
        self.block.len() >= BLOCK_BYTES
    }

    /// How much the block holds.
    pub(crate) fn block_bytes(&self) -> usize {
        self.block.len()
    }

    pub(crate) fn add(&mut self, item: &impl Spillable) {
        let start = self.block.len();
        self.block.extend([0; LENGTH_BYTES]);
        item.write(&mut self.block);
        let length = self.block.len() - start - LENGTH_BYTES;
        let length = (length as u64).to_le_bytes();
        self.block[start..start + LENGTH_BYTES].copy_from_slice(&length);
    }

    /// Writes the block.
    ///
    /// # Errors
    /// When there is no place for it. What was in the block is lost, then.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => tempfile::tempfile()?,
        };
        file.write_all(&self.block)?;
        self.file = Some(file);
        self.written.push_back(self.block.len());
        // A block that held one huge item does not keep its memory.
        self.block.clear();
        self.block.shrink_to(2 * BLOCK_BYTES);
        Ok(())
    }

    /// The next items, a block of them; none after the last. Nothing may be added any more.
    ///
    /// # Errors
    /// When the file cannot be read, or an item in it cannot.
    pub(crate) fn read<O: Spillable>(&mut self) -> io::Result<VecDeque<O>> {
        match self.written.pop_front() {
            Some(length) => items(&self.read_block(length)?),
            None => items(&std::mem::take(&mut self.block)),
        }
    }

    fn read_block(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let file = self.file.as_mut();
        let file = file.ok_or_else(|| io::Error::other("its file is lost"))?;
        if !std::mem::replace(&mut self.is_read, true) {
            file.rewind()?;
        }
        let mut block = vec![0; length];
        file.read_exact(&mut block)?;
        Ok(block)
    }
}

fn items<O: Spillable>(mut block: &[u8]) -> io::Result<VecDeque<O>> {
    let mut items = VecDeque::new();
    while let Some((length, rest)) = block.split_first_chunk() {
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (item, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
        items.push_back(O::read(item)?);
        block = rest;
    }
    match block.is_empty() {
        true => Ok(items),
        false => Err(cut()),
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "an item in it is cut")
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Spillable for String {
        fn bytes(&self) -> usize {
            self.len()
        }

        fn write(&self, to: &mut Vec<u8>) {
            to.extend(self.as_bytes());
        }

        fn read(from: &[u8]) -> io::Result<Self> {
            Self::from_utf8(from.to_vec()).map_err(io::Error::other)
        }
    }

    fn all(spool: &mut Spool) -> Vec<String> {
        let mut all = Vec::new();
        while !spool.is_empty() {
            all.extend(spool.read::<String>().unwrap());
        }
        all
    }

    #[test]
    fn items_come_back_in_order_from_the_file_and_from_the_block() {
        let given: Vec<String> = (0..100).map(|n| "ä".repeat(n * n)).collect();
        let mut spool = Spool::default();
        for item in &given {
            if spool.is_full() {
                spool.write().unwrap();
            }
            spool.add(item);
        }
        assert!(spool.is_on_disk() && spool.written.len() > 5 && !spool.block.is_empty());
        assert_eq!(all(&mut spool), given);
        assert!(spool.read::<String>().unwrap().is_empty());
    }

    #[test]
    fn an_item_that_is_larger_than_a_block_comes_back_and_leaves_no_memory_behind() {
        let mut spool = Spool::default();
        let given = "a".repeat(10 * BLOCK_BYTES);
        spool.add(&given);
        spool.write().unwrap();
        assert!(spool.block.capacity() <= 2 * BLOCK_BYTES);
        assert_eq!(all(&mut spool), [given]);
    }

    #[test]
    fn what_is_no_item_is_an_error() {
        for block in [
            &[1, 0, 0][..],
            &[2, 0, 0, 0, 0, 0, 0, 0, b'a'],
            &[u8::MAX; 9],
            &[1, 0, 0, 0, 0, 0, 0, 0, 0xff],
        ] {
            items::<String>(block).unwrap_err();
        }
        assert_eq!(items::<String>(&[]).unwrap(), VecDeque::<String>::new());
    }
}
