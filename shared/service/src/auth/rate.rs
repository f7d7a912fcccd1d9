//! How often a client may call: a bucket of one second's requests for each limited client.
//!
//! Every process counts for itself, so a limit guards a process against a client that runs away;
//! it is no quota.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use weir_model::Timestamp;
use weir_store::registry::ClientId;

const SECOND_MICROS: i64 = 1_000_000;

/// Beyond this many clients, those that are idle are forgotten.
const MANY: usize = 1000;

/// The buckets of all limited clients, each as the time at which it will be full again
/// (the generic cell rate algorithm: one number for each instead of a level and a time).
#[derive(Debug, Default)]
pub struct Rates(Mutex<HashMap<ClientId, i64>>);

impl Rates {
    /// Takes one request out of a client's bucket.
    ///
    /// # Errors
    /// With the time after which there is room, when the bucket is empty.
    pub fn take(&self, client: &ClientId, rate: u32, now: Timestamp) -> Result<(), Duration> {
        let now = now.as_millis().saturating_mul(1000);
        let step = SECOND_MICROS / i64::from(rate.max(1));
        let mut buckets = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if buckets.len() >= MANY && !buckets.contains_key(client) {
            buckets.retain(|_, full_at| *full_at > now);
        }
        let full_at = buckets.entry(client.clone()).or_insert(now);
        // It is at most a second ahead, unless the clock was set back.
        *full_at = (*full_at).clamp(now, now + SECOND_MICROS);
        let ahead = *full_at + step - now - SECOND_MICROS;
        if ahead > 0 {
            return Err(Duration::from_micros(ahead.unsigned_abs()));
        }
        *full_at += step;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }

    fn client(name: &str) -> ClientId {
        ClientId::parse(name).unwrap()
    }

    fn taken(rates: &Rates, rate: u32, now: i64, tries: usize) -> usize {
        let taken = |_: &usize| rates.take(&client("one"), rate, at(now)).is_ok();
        (0..tries).filter(taken).count()
    }

    #[test]
    fn a_client_gets_its_rate_and_no_more() {
        let rates = Rates::default();
        assert_eq!(taken(&rates, 10, 50_000, 20), 10);
        assert_eq!(taken(&rates, 10, 50_100, 20), 1);
        assert_eq!(taken(&rates, 10, 50_300, 20), 2);
        assert_eq!(taken(&rates, 10, 60_000, 20), 10);
    }

    #[test]
    fn the_wait_is_the_time_until_there_is_room() {
        let rates = Rates::default();
        assert_eq!(taken(&rates, 2, 50_000, 2), 2);
        let wait = rates.take(&client("one"), 2, at(50_100)).unwrap_err();
        assert_eq!(wait, Duration::from_millis(400));
        assert!(rates.take(&client("one"), 2, at(50_500)).is_ok());
    }

    #[test]
    fn clients_do_not_share_a_bucket() {
        let rates = Rates::default();
        assert_eq!(taken(&rates, 1, 50_000, 2), 1);
        assert!(rates.take(&client("other"), 1, at(50_000)).is_ok());
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out_for_long() {
        let rates = Rates::default();
        assert_eq!(taken(&rates, 1, 9_000_000, 1), 1);
        let wait = rates.take(&client("one"), 1, at(50_000)).unwrap_err();
        assert_eq!(wait, Duration::from_secs(1));
        assert!(rates.take(&client("one"), 1, at(51_000)).is_ok());
    }

    #[test]
    fn idle_clients_are_forgotten_when_there_are_many() {
        let rates = Rates::default();
        for number in 0..MANY {
            rates
                .take(&client(&number.to_string()), 1, at(50_000))
                .unwrap();
        }
        rates.take(&client("one"), 1, at(60_000)).unwrap();
        assert_eq!(rates.0.lock().unwrap().len(), 1);
    }
}
