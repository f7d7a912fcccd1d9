//! What every source must do.

use serde_json::{Value, json};
use weir_collect::Pingdom;
use weir_collector::suite::{self, Failure};
use weir_third_parties::Failure as Answer;
use weir_third_parties::pingdom::{Check, refused};

use crate::world::{World, document, range, seconds};

/// Three portions, with hours that are missing or tell less than others.
struct Months(World);

impl suite::World for Months {
    type Source = Pingdom;

    fn source(&self) -> Pingdom {
        self.0
            .source(&document(), range("2025-12-01", "2026-02-20"))
    }

    fn fail(&self, after: usize, failure: Failure) {
        self.recover();
        let answer = match failure {
            Failure::Throttled => refused(429, "too fast").with_header("retry-after", "0"),
            Failure::Exhausted => refused(429, "no more")
                .with_header("req-limit-short", "Remaining: 40 Time until reset: 10")
                .with_header("req-limit-long", "Remaining: 0 Time until reset: 86400"),
            Failure::Unavailable => refused(503, "try later"),
            Failure::CutOff => Answer::Cut(15),
            Failure::Malformed => Answer::Malformed,
            Failure::Refused => refused(403, "no permission"),
        };
        self.0.pingdom.fail("", after as u64, 1, answer);
    }

    fn recover(&self) {
        self.0.pingdom.heal();
    }

    fn requests(&self) -> usize {
        self.0.pingdom.requests().len()
    }
}

#[tokio::test]
async fn a_check_of_pingdom_is_a_good_source() {
    let check = Check::new(7, "govuk")
        .with_hour(seconds("2026-01-05T05:00:00Z"), Value::Null)
        .with_hour(seconds("2026-02-19T23:00:00Z"), Value::Null)
        .with_hour(
            seconds("2025-12-05T05:00:00Z"),
            json!({"avgresponse": null, "uptime": 3000, "downtime": 600}),
        );
    suite::every_source_must(&Months(World::with_check(check).await)).await;
}
