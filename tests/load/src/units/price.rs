//! What units, requests and time cost, in dollars.
//!
//! List prices of us-east-1 without free tiers and discounts. DynamoDB: on-demand throughput of the
//! standard table class since 2024-11-01 (aws.amazon.com/dynamodb/pricing/on-demand). API Gateway:
//! HTTP APIs, the first 300 million a month, metered by 512 KB (aws.amazon.com/api-gateway/pricing).
//! Lambda: requests, and arm64 duration in the first tier (aws.amazon.com/lambda/pricing).

use weir_store::db::Units;

/// A million write units.
const WRITE_UNITS: f64 = 0.625;

/// A million read units.
const READ_UNITS: f64 = 0.125;

/// A million requests through an HTTP API.
const HTTP_API: f64 = 1.0;

/// A million invocations.
const INVOCATIONS: f64 = 0.2;

/// A gigabyte for a second.
const GB_SECOND: f64 = 0.000_013_333_4;

/// What the function that takes events in has, as the template says.
const TRACK_GB: f64 = 0.5;

/// What the function that does the upkeep has, as the template says.
const COMPACT_GB: f64 = 1.0;

/// Assumed: what a warm request of one event takes, most of it waiting for DynamoDB.
const REQUEST_MS: f64 = 10.0;

/// Assumed: what each further event of a request adds.
const EVENT_MS: f64 = 0.1;

/// Assumed: what a compaction takes that finds nothing to do.
pub(super) const IDLE_COMPACTION_MS: f64 = 100.0;

const MILLION: f64 = 1e6;

/// What so many units cost.
pub(super) fn of_units(units: Units) -> f64 {
    (units.write * WRITE_UNITS + units.read * READ_UNITS) / MILLION
}

/// What the way in costs for so many requests of so many events each.
pub(super) fn of_requests(requests: f64, events_each: f64) -> f64 {
    let ms = REQUEST_MS + EVENT_MS * (events_each - 1.0);
    requests * HTTP_API / MILLION + of_invocations(requests, ms, TRACK_GB)
}

/// What compactions cost that find nothing to do.
pub(super) fn of_idle_compactions(runs: f64) -> f64 {
    of_invocations(runs, IDLE_COMPACTION_MS, COMPACT_GB)
}

/// What invocations cost that take so long each.
fn of_invocations(invocations: f64, ms: f64, memory_gb: f64) -> f64 {
    invocations * (INVOCATIONS / MILLION + ms / 1e3 * memory_gb * GB_SECOND)
}

/// The prices and what is assumed, in words.
pub(super) fn notes() -> Vec<String> {
    vec![
        format!(
            "prices: us-east-1, list, no free tier. DynamoDB on demand, since 2024-11-01: ${WRITE_UNITS} \
             a million write units, ${READ_UNITS} a million read units \
             (aws.amazon.com/dynamodb/pricing/on-demand)"
        ),
        format!(
            "way in: API Gateway HTTP API ${HTTP_API:.2} a million requests \
             (aws.amazon.com/api-gateway/pricing); Lambda ${INVOCATIONS:.2} a million requests and \
             ${GB_SECOND} a GB-second, arm64 (aws.amazon.com/lambda/pricing)"
        ),
        format!(
            "assumed of the function that takes events in: {} MB, {REQUEST_MS} ms a request and \
             {EVENT_MS} ms for each further event. The upkeep's time, storage, backups, logs and data \
             transfer are not in it",
            TRACK_GB * 1024.0
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: f64, wanted: f64) {
        assert!((got - wanted).abs() < 1e-9, "{got}, not {wanted}");
    }

    #[test]
    fn units_are_priced_by_the_million() {
        let units = Units {
            read: 4e6,
            write: 2e6,
        };
        near(of_units(units), 2.0 * 0.625 + 4.0 * 0.125);
    }

    #[test]
    fn a_million_single_requests_cost_the_gateway_the_invocations_and_their_time() {
        // 10 ms of half a gigabyte are 5,000 GB-seconds a million.
        near(of_requests(1e6, 1.0), 1.0 + 0.2 + 5_000.0 * 0.000_013_333_4);
        // 100 events a request: 19.9 ms.
        near(
            of_requests(1e4, 100.0),
            0.01 + 0.002 + 1e4 * 0.0199 * 0.5 * 0.000_013_333_4,
        );
    }
}
