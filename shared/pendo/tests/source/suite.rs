//! What every source must be able to do.

use weir_collector::suite::{self, Failure, every_source_must};
use weir_pendo::Pendo;
use weir_third_parties::Failure as Answer;
use weir_third_parties::pendo::{Fixture, refused, throttled};

use crate::world::World;
use serde_json::json;

impl suite::World for World {
    type Source = Pendo;

    fn source(&self) -> Pendo {
        World::source(self)
    }

    fn fail(&self, after: usize, failure: Failure) {
        self.recover();
        let answer = match failure {
            Failure::Throttled => throttled(Some(0)),
            Failure::Exhausted => throttled(Some(3600)),
            Failure::Unavailable => refused(503, "try later"),
            Failure::CutOff => Answer::CutRows(1),
            Failure::Malformed => Answer::Malformed,
            Failure::Refused => refused(403, "no permission"),
        };
        self.pendo.fail("", after as u64, 1, answer);
    }

    fn recover(&self) {
        self.pendo.heal();
    }

    fn requests(&self) -> usize {
        self.pendo.asked()
    }

    /// The streams and parents that are not refused have gone on.
    fn goes_on_beside_refusals(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn it_does_what_every_source_must() {
    let world = World::start(Fixture::plain().unpacked()).await;
    every_source_must(&world.with(json!({"record_limit": 2}))).await;
}
