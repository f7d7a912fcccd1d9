//! What requests to one server have in common: its limits.

use std::fmt::Debug;
use std::time::Duration;

use futures::future::BoxFuture;

/// Who knows when the next request may be sent, for all requests that share a limit.
pub trait Pace: Debug + Send + Sync {
    /// Waits until a request may be sent. It is asked before each attempt.
    fn turn(&self) -> BoxFuture<'_, ()>;

    /// Hears that the server wants no requests for so long. The request that was told so waits as
    /// well, whatever is done about the others.
    fn hold(&self, wait: Duration);
}
