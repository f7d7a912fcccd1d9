//! Items whose memory is counted.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::spool::Spillable;

/// How many bytes of items there are.
#[derive(Debug)]
pub(super) struct Live {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// For all tests that do not look.
pub(super) static UNCOUNTED: Live = Live::new();

/// For the one test that looks.
pub(super) static COUNTED: Live = Live::new();

impl Live {
    const fn new() -> Self {
        Self {
            now: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        }
    }

    pub(super) fn now(&self) -> usize {
        self.now.load(Ordering::SeqCst)
    }

    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    fn add(&self, bytes: usize) {
        let now = self.now.fetch_add(bytes, Ordering::SeqCst) + bytes;
        self.most.fetch_max(now, Ordering::SeqCst);
    }
}

/// An item that pretends to be of some size, and is as large as that when it is written.
#[derive(Debug)]
pub(super) struct Item {
    task: usize,
    n: usize,
    bytes: usize,
    unreadable: usize,
    live: &'static Live,
}

impl Item {
    pub(super) fn new(task: usize, n: usize, bytes: usize, live: &'static Live) -> Self {
        live.add(bytes);
        Self {
            task,
            n,
            bytes,
            unreadable: 0,
            live,
        }
    }

    /// Whose it is, and which.
    pub(super) fn at(&self) -> (usize, usize) {
        (self.task, self.n)
    }

    /// One that cannot be read (1), or panics (2).
    pub(super) fn unreadable(mut self, how: usize) -> Self {
        self.unreadable = how;
        self
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        self.live.now.fetch_sub(self.bytes, Ordering::SeqCst);
    }
}

impl Spillable for Item {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn write(&self, to: &mut Vec<u8>) {
        let is_counted = usize::from(std::ptr::eq(self.live, &COUNTED));
        for number in [self.task, self.n, self.bytes, self.unreadable, is_counted] {
            to.extend(number.to_le_bytes());
        }
        to.extend(std::iter::repeat_n(0, self.bytes));
    }

    fn read(from: &[u8]) -> io::Result<Self> {
        let (numbers, padding) = from.split_at(5 * size_of::<usize>());
        let numbers = numbers.as_chunks().0.iter().copied();
        let numbers: Vec<usize> = numbers.map(usize::from_le_bytes).collect();
        let [task, n, bytes, unreadable, is_counted] = numbers[..] else {
            return Err(io::Error::other("too short"));
        };
        assert!(unreadable < 2, "planted");
        if unreadable == 1 || padding.len() != bytes {
            return Err(io::Error::other("it is planted"));
        }
        let live = if is_counted == 1 {
            &COUNTED
        } else {
            &UNCOUNTED
        };
        Ok(Self::new(task, n, bytes, live))
    }
}
