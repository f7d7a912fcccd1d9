//! The waits and bounds of compaction, each with its reason.

use std::time::Duration;

/// How long after the time that a manifest names blocks under they stay in the inbox. A publish
/// is signed at most [`PUBLISHING`] after that time and takes effect at most 15 minutes after it
/// was signed; a reader who has seen the manifest before reads the inbox within 25 s; a late put
/// of a block was signed before it was seen, and is refused after 15 minutes as well. What is left
/// of the 20 minutes is for clocks that differ by a minute or two.
pub(crate) const BLOCKS_STAY: Duration = Duration::from_secs(20 * 60);

/// How long after the time at which a run was replaced its chunks stay: as above, with more room,
/// because a reader who finds a chunk gone must begin again.
pub(crate) const RUNS_STAY: Duration = Duration::from_secs(3600);

/// How long after the time that it names blocks under a manifest may be signed. A compactor that
/// freezes in between does not publish.
pub(crate) const PUBLISHING: Duration = Duration::from_secs(30);

/// How long one pass over a day may read, write chunks and delete.
pub(crate) const PASS: Duration = Duration::from_secs(120);

/// How long after the time that it names blocks under a publish has taken effect, or never will:
/// [`PUBLISHING`], the 15 minutes of a signature, and clocks that differ.
pub(crate) const LANDED: Duration = Duration::from_secs(18 * 60);

/// How long finding work, or counting a year, may take.
pub(crate) const LOOKING: Duration = Duration::from_secs(30);

/// How long a run deletes records of emptied data sets, at most.
pub(crate) const SWEEPING: Duration = Duration::from_secs(60);

/// Expired events leave their run when it is merged this long after they expired, and chunks are
/// deleted this long after their last event did: until then a reader whose clock is behind may
/// still show them.
pub(crate) const EXPIRED_STAY: Duration = Duration::from_secs(3600);

/// An hour's runs are merged this long after it ended: by then most of its late events are in.
pub(crate) const HOUR_SETTLES: Duration = Duration::from_secs(20 * 60);

/// The catalogue's counts of a year are made anew this often while it changes.
pub(crate) const SUMMARY_LASTS: Duration = Duration::from_secs(15 * 60);

/// A manifest's encoded size. An item holds 400 KB (DynamoDB developer guide, "Quotas"); half is
/// left for names and runs that are on their way out, and because each publish pays for all of it.
pub(crate) const MANIFEST_BYTES: usize = 200_000;

/// What the totals and the new runs of one publish may add to a manifest.
pub(crate) const PUBLISH_BYTES: usize = 24_000;

/// The most that the name of a block adds to a manifest: a writer's, a range's ends.
pub(crate) const NAME_BYTES: usize = 40;

/// Events that one publish folds in, about 20 MB of memory.
pub(crate) const FOLD_EVENTS: usize = 150_000;

/// Bytes of events, decoded, that one publish folds in.
pub(crate) const FOLD_BYTES: usize = 16_000_000;

/// Chunks that one merge reads: 20 MB of events, decoded. A run that has as many is never merged.
pub(crate) const MERGE_CHUNKS: usize = 64;

/// Chunks that all merges of one pass read.
pub(crate) const PASS_CHUNKS: usize = 128;
