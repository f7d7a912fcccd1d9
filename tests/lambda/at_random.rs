//! Killed at random: several clients, who repeat what may be repeated, while the processes of the
//! track and compact functions are killed at random calls, some of which arrive later all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::StatusCode;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use weir_compact::{Compactor, Options};
use weir_store::{Clock as _, ManualClock, SystemClock};
use weir_tests::chaos::When;
use weir_tests::lambda::Function;

use crate::cloud::Cloud;
use crate::request::{Request, Sent, Shape, check_counts};

/// The one series, so that enough waits of a day to be compacted.
const NAME: &str = "hot";

const CLIENTS: i64 = 3;

const REQUESTS: i64 = 150;

/// A process lives for fewer calls than this.
const LIFE: usize = 12;

/// A late call arrives within this time.
const LATE_MS: u64 = 300;

struct Play {
    cloud: Cloud,
    kills: AtomicUsize,
    is_over: AtomicBool,
}

impl Play {
    /// Starts an instance and sees to its end at a random call.
    async fn doom(self: &Arc<Self>, function: fn(&Cloud) -> &Function, dice: &mut StdRng) {
        let instance = function(&self.cloud).start().await;
        let when = if dice.random() {
            When::Before
        } else {
            When::After
        };
        let nth = dice.random_range(0..LIFE);
        let late = dice.random_bool(0.5).then(|| dice.random_range(0..LATE_MS));
        let gate = self.cloud.chaos.freeze(instance.name(), nth, when);
        let play = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                () = gate.reached() => {}
                () = instance.ended() => return,
            }
            instance.kill();
            play.kills.fetch_add(1, Ordering::SeqCst);
            if let Some(late_ms) = late {
                tokio::time::sleep(Duration::from_millis(late_ms)).await;
                gate.release();
            }
        });
    }

    async fn client(self: Arc<Self>, client: i64) -> Vec<(Request, Sent)> {
        let mut dice = StdRng::seed_from_u64(client.unsigned_abs());
        let mut sent = Vec::new();
        for number in 0..REQUESTS {
            let request = Request::new(NAME, shape(&mut dice), client * REQUESTS + number);
            let mut became = Sent::Unanswered;
            loop {
                if dice.random_bool(0.6) {
                    self.doom(|cloud| &cloud.track, &mut dice).await;
                }
                let answer = request.send(&self.cloud).await;
                if answer.status == StatusCode::CREATED {
                    request.check(&answer);
                    became = Sent::Answered;
                    break;
                }
                assert!(answer.status.is_server_error(), "{}", answer.text());
                if !request.is_repeatable() {
                    break;
                }
            }
            sent.push((request, became));
        }
        sent
    }

    async fn upkeep(self: Arc<Self>) -> usize {
        let mut dice = StdRng::seed_from_u64(99);
        let mut ended = 0;
        while !self.is_over.load(Ordering::SeqCst) {
            self.doom(|cloud| &cloud.compact, &mut dice).await;
            ended += usize::from(self.cloud.upkeep(json!({})).await.is_some());
        }
        ended
    }
}

fn shape(dice: &mut StdRng) -> Shape {
    let (has_key, has_ids) = (dice.random(), dice.random());
    Shape {
        days: 1,
        each: if dice.random_bool(0.1) { 60 } else { 4 },
        has_key,
        has_ids,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_killed_every_answered_event_counts_once() {
    let play = Arc::new(Play {
        cloud: Cloud::start().await,
        kills: AtomicUsize::new(0),
        is_over: AtomicBool::new(false),
    });
    let upkeep = tokio::spawn(Arc::clone(&play).upkeep());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| tokio::spawn(Arc::clone(&play).client(client)))
        .collect();
    let mut sent = Vec::new();
    for client in clients {
        sent.extend(client.await.expect("a client's checks hold"));
    }
    play.is_over.store(true, Ordering::SeqCst);
    let runs = upkeep.await.expect("upkeep does not fail");
    let kills = play.kills.load(Ordering::SeqCst);
    eprintln!(
        "{kills} kills, {} starts, {runs} whole runs of upkeep",
        play.cloud.track.started()
    );
    assert!(kills > 150, "only {kills} kills");
    check_end(&play.cloud, &sent).await;
}

/// Before and after everything is compacted, and again when all that was replaced is gone.
async fn check_end(cloud: &Cloud, sent: &[(Request, Sent)]) {
    // Late calls have arrived by then.
    tokio::time::sleep(Duration::from_millis(LATE_MS)).await;
    check_counts(cloud, NAME, sent).await;
    // Whoever was to be killed later is given a chance to be.
    while cloud.upkeep(json!({})).await.is_none() {}
    check_counts(cloud, NAME, sent).await;
    let clock = ManualClock::new(SystemClock.now());
    let store = cloud.store_at(Arc::new(clock.clone()));
    let mut compactor = Compactor::new(store.clone(), Options::default());
    for _ in 0..12 {
        clock.advance(Duration::from_secs(25 * 60));
        let report = compactor.run().await.expect("the engine answers");
        assert_eq!((report.failed, report.lost), (0, 0));
    }
    check_counts(cloud, NAME, sent).await;
    let report = weir_compact::verify(&store, &weir_compact::VerifyOptions::default()).await;
    let report = report.expect("the engine answers");
    assert_eq!(report.differences, []);
    assert!(report.days > 0);
}
