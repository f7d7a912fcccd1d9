//! Answers that are cut: asked for again, a few times in a row.
//!
//! A request whose answer does not begin is sent again by the client. An answer that ends in its
//! middle is its reader's, who knows where to go on; how often, and after which pause, is here.

use std::time::Duration;

use tokio::time::sleep;
use weir_collector::http::{HttpError, HttpErrorKind};

use crate::api::{TRIES, Trouble};

/// Sits out answers that are cut.
#[derive(Debug)]
pub(crate) struct Patience {
    pause: Duration,
    tried: u32,
}

impl Patience {
    pub(crate) fn new(pause: Duration) -> Patience {
        Patience { pause, tried: 0 }
    }

    /// Something new has arrived: the tries begin again.
    pub(crate) fn progress(&mut self) {
        self.tried = 0;
    }

    /// Waits until it is worth asking again: not at all after the first cut, then ever longer.
    ///
    /// # Errors
    /// When it was tried often enough, or is no cut.
    pub(crate) async fn again(&mut self, error: HttpError) -> Result<(), Trouble> {
        self.tried += 1;
        let is_cut = matches!(
            error.kind(),
            HttpErrorKind::Unavailable | HttpErrorKind::Malformed
        );
        if !is_cut || self.tried >= TRIES {
            return Err(error.into());
        }
        tracing::warn!("{error}; asking for the rest");
        if let Some(doublings) = self.tried.checked_sub(2) {
            sleep(self.pause * 2_u32.pow(doublings)).await;
        }
        Ok(())
    }
}
