//! What every source must be able to do.

use serde_json::json;
use weir_collector::suite::{self, Failure, every_source_must};
use weir_pendo::Pendo;
use weir_third_parties::Failure as Answer;
use weir_third_parties::pendo::{Fixture, NOW, Source, refused, throttled};

use crate::rows::{click, count, moment, thing, use_of, visitor};
use crate::world::{DAY, HOUR, World, time};

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

/// Two or three of each, so that every request and every state can have its turn.
fn few() -> Fixture {
    let days = [0, 1, 1].into_iter().enumerate();
    let uses = days.clone().map(|(n, day)| use_of("a", NOW - day * DAY, n));
    let uses = uses.chain([use_of("b", NOW - DAY, 1)]);
    Fixture::default()
        .unpacked()
        .with(
            Source::Accounts,
            ["a", "b", "c"].map(
                |id| json!({"accountId": id, "metadata": {"auto": {"lastupdated": NOW - HOUR}}}),
            ),
        )
        .with(
            Source::Events,
            days.map(|(n, day)| count(NOW - day * DAY, n)),
        )
        .with(
            Source::Features,
            ["a", "b"].map(|id| thing(id, Some(NOW - DAY))),
        )
        .with(Source::FeatureEvents, uses)
        .with(Source::Guides, [thing("g", None)])
        .with(
            Source::GuideEvents,
            [click("g", NOW - DAY), click("g", NOW - HOUR)],
        )
        .with(Source::Reports, [thing("r", Some(NOW - DAY))])
        .with(
            Source::Visitors,
            ["v", "w"].map(|id| visitor(id, NOW - DAY)),
        )
        .with(
            Source::History,
            [moment("v", NOW - 2 * DAY), moment("w", NOW - DAY)],
        )
}

#[tokio::test]
async fn it_does_what_every_source_must() {
    let begin = time(NOW - 2 * DAY).to_string();
    let settings = json!({"record_limit": 2, "start_date": begin});
    every_source_must(&World::start(few()).await.with(settings)).await;
}
