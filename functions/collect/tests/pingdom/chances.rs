//! Whatever goes wrong in between, after a calm run everything is there, and no bookmark goes back.

use std::time::Duration;

use proptest::prelude::*;
use tokio::runtime::Builder;
use tokio::sync::watch;
use weir_collect::Wanted;
use weir_third_parties::Failure;
use weir_third_parties::pingdom::refused;

use crate::world::{World, document};

/// What happens before and in a run.
#[derive(Debug, Clone)]
struct Chance {
    /// Hours since the run before.
    hours: u64,
    /// Which request goes wrong, and how; past the last one none does.
    fails_at: u64,
    failure: usize,
    /// Whether it is asked to stop at once.
    stops: bool,
}

fn chances() -> impl Strategy<Value = Vec<Chance>> {
    let chance = (0_u64..1_000, 0_u64..5, 0_usize..6, any::<bool>());
    let chance = chance.prop_map(|(hours, fails_at, failure, stops)| Chance {
        hours,
        fails_at,
        failure,
        stops,
    });
    prop::collection::vec(chance, 1..5)
}

fn failure(number: usize) -> Failure {
    let exhausted = refused(429, "no more");
    match number {
        0 => Failure::Malformed,
        1 => Failure::Truncated,
        2 => Failure::Cut(20),
        3 => refused(403, "no permission"),
        4 => refused(503, "try later"),
        _ => exhausted.with_header("req-limit-long", "Remaining: 0 Time until reset: 86400"),
    }
}

/// The bookmark, as text whose order is that of time.
async fn bookmark(world: &World) -> Option<String> {
    let bookmark = world.job().await?.bookmark?;
    bookmark["bookmarks"]["monitoring"]["hour"]
        .as_str()
        .map(str::to_owned)
}

async fn play(chances: &[Chance]) {
    let world = World::start().await;
    world.run(Wanted::Resume).await;
    let mut before = bookmark(&world).await;
    let mut hours = 24;
    for chance in chances {
        world
            .clock
            .advance(Duration::from_secs(chance.hours * 3600));
        hours += chance.hours;
        world.pingdom.heal();
        world
            .pingdom
            .fail("", chance.fails_at, 1, failure(chance.failure));
        let (_stop, stopped) = watch::channel(chance.stops);
        let limits = world.limits().stop_when(stopped);
        world
            .ask(&document(), Wanted::Resume, world.credential(), limits)
            .await;
        let after = bookmark(&world).await;
        assert!(after >= before, "{after:?} is before {before:?}");
        before = after;
    }
    world.pingdom.heal();
    let (report, _) = world.run(Wanted::Resume).await;
    assert!(report.is_complete(), "{}", report.ended);
    let records = world.records().await;
    assert_eq!(records.len() as u64, hours);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn after_a_calm_run_every_hour_is_there(chances in chances()) {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(play(&chances));
    }
}
