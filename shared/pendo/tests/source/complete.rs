//! Completeness: whatever happens, in the end all is told.
//!
//! A scene is a Pendo with a few features and visitors and what they did, and some runs. Runs meet
//! faults, and end wherever they have told a state; what they told after it may be lost. Between
//! runs time passes, rows come, and parents appear, with a past. In the end a sink must hold what an
//! undisturbed run tells of what is there then.

use proptest::prelude::*;
use serde_json::{Value, json};
use weir_collector::suite::Table;
use weir_collector::{Message, State};
use weir_pendo::StreamId;
use weir_third_parties::Failure;
use weir_third_parties::pendo::{Fixture, NOW, Source, refused, throttled};

use crate::rows::{click, count, misdated, moment, thing, use_of, visitor, vote};
use crate::world::{DAY, HOUR, Told, World};

const IDS: [&str; 6] = ["a", "b/1", "c\"", "d\\", "é", "z"];

const STREAMS: [StreamId; 9] = [
    StreamId::Events,
    StreamId::Features,
    StreamId::FeatureEvents,
    StreamId::Guides,
    StreamId::GuideEvents,
    StreamId::PollEvents,
    StreamId::Reports,
    StreamId::Visitors,
    StreamId::VisitorHistory,
];

#[derive(Debug, Clone)]
struct Scene {
    /// The features and visitors at first, as places in [`IDS`].
    parents: Vec<usize>,
    /// Whose, how many days ago, which.
    past: Vec<(usize, i64, usize)>,
    settings: Value,
    runs: Vec<Run>,
}

#[derive(Debug, Clone)]
struct Run {
    faults: Vec<(&'static str, u64, Failure)>,
    /// After which of its states it ends, as a share of them.
    ends_at: f64,
    /// Whether what it told after that state has arrived all the same.
    arrives: bool,
    hours: i64,
    appears: Option<usize>,
    /// What belongs to this parent is refused.
    refuses: Option<usize>,
    /// Whose and which rows come.
    comes: Vec<(usize, usize)>,
}

fn scene() -> impl Strategy<Value = Scene> {
    (
        prop::sample::subsequence((0..IDS.len()).collect::<Vec<_>>(), 1..5),
        prop::collection::vec((0..IDS.len(), 0_i64..6, 0_usize..4), 0..25),
        settings(),
        prop::collection::vec(a_run(), 1..4),
    )
        .prop_map(|(parents, past, settings, runs)| Scene {
            parents,
            past,
            settings,
            runs,
        })
}

fn settings() -> impl Strategy<Value = Value> {
    let window = prop::option::of(1..4);
    (1..20, 1..7, 0..3, window, any::<bool>()).prop_map(
        |(limit, concurrency, lookback, window, is_hourly): (_, _, _, Option<i32>, _)| {
            let mut settings = json!({
                "record_limit": limit, "concurrency": concurrency, "lookback_window": lookback,
                "period": if is_hourly { "hourRange" } else { "dayRange" },
            });
            if let Some(days) = window {
                settings["events_date_window"] = days.into();
            }
            settings
        },
    )
}

fn a_run() -> impl Strategy<Value = Run> {
    let fault = prop_oneof![
        (0_usize..9).prop_map(Failure::CutRows),
        (0_usize..400).prop_map(Failure::Cut),
        Just(Failure::Malformed),
        Just(Failure::Truncated),
        Just(refused(503, "later")),
        Just(refused(403, "no")),
        Just(throttled(None)),
        Just(throttled(Some(0))),
        Just(throttled(Some(3600))),
    ];
    let at = prop::sample::select(vec![
        "",
        "eatureEvents",
        "guideEvents",
        "history",
        "/features",
        "/events",
    ]);
    (
        prop::collection::vec((at, 0_u64..12, fault), 0..4),
        prop_oneof![0.0..1.0_f64, Just(0.999)],
        any::<bool>(),
        0_i64..40,
        prop::option::of(0..IDS.len()),
        prop::option::weighted(0.3, 0..IDS.len()),
        prop::collection::vec((0..IDS.len(), 4_usize..9), 0..6),
    )
        .prop_map(
            |(faults, ends_at, arrives, hours, appears, refuses, comes)| Run {
                faults,
                ends_at,
                arrives,
                hours,
                appears,
                refuses,
                comes,
            },
        )
}

impl Scene {
    fn fixture(&self) -> Fixture {
        let ids = || self.parents.iter().map(|place| IDS[*place]);
        let mut past = self.past.clone();
        past.sort_unstable();
        past.dedup();
        let at = |days: i64, number: usize| NOW - days * DAY - (number as i64) * HOUR;
        let of = |place: &usize| IDS[*place];
        let past = past.iter();
        Fixture::default()
            .with(
                Source::Features,
                ids().map(|id| thing(id, Some(NOW - 2 * DAY))),
            )
            .with(Source::Visitors, ids().map(|id| visitor(id, NOW - HOUR)))
            .with(Source::Reports, ids().map(|id| thing(id, Some(NOW - DAY))))
            .with(
                Source::Events,
                past.clone()
                    .map(|(_, days, n)| (at(*days, 0), *n))
                    .collect::<std::collections::BTreeSet<_>>()
                    .into_iter()
                    .map(|(day, n)| count(day, n)),
            )
            .with(
                Source::FeatureEvents,
                past.clone()
                    .map(|(place, days, n)| use_of(of(place), at(*days, 0), *n)),
            )
            .with(
                Source::Guides,
                ids().map(|id| thing(id, Some(NOW - 2 * DAY))),
            )
            .with(
                Source::GuideEvents,
                past.clone()
                    .map(|(place, days, n)| misdated(click(of(place), at(*days, *n)), skew(*n))),
            )
            .with(
                Source::PollEvents,
                past.clone()
                    .map(|(place, days, n)| misdated(vote(at(*days, *n), *place), skew(*n))),
            )
            .with(
                Source::History,
                past.map(|(place, days, n)| moment(of(place), at(*days, *n))),
            )
    }
}

/// By how much a browser's clock is wrong.
fn skew(number: usize) -> i64 {
    [0, 4 * DAY, -3 * DAY, 2 * DAY][number]
}

/// Rows come and parents appear.
fn go_on(world: &World, run: &Run, number: usize, there: &mut Vec<usize>) {
    world.pass(run.hours * HOUR);
    let now = weir_store::Clock::now(&world.clock).as_millis();
    if let Some(place) = run.appears.filter(|place| !there.contains(place)) {
        there.push(place);
        let id = IDS[place];
        world.pendo.add(Source::Features, [thing(id, Some(now))]);
        world.pendo.add(Source::Guides, [thing(id, Some(now))]);
        world.pendo.add(Source::Visitors, [visitor(id, now)]);
        world.pendo.add(Source::Reports, [thing(id, Some(now))]);
    }
    let mut comes = run.comes.clone();
    comes.sort_unstable();
    comes.dedup();
    for (place, which) in comes {
        let (id, which) = (IDS[place], which + 10 * number);
        world
            .pendo
            .add(Source::FeatureEvents, [use_of(id, now, which)]);
        let at = now + which as i64;
        world.pendo.add(Source::History, [moment(id, at)]);
        world.pendo.add(Source::GuideEvents, [click(id, at)]);
        world.pendo.add(Source::PollEvents, [vote(at, place)]);
        world
            .pendo
            .add(Source::Events, [count(now, 100 * place + which)]);
        if there.contains(&place) {
            world.pendo.put(Source::Visitors, visitor(id, at));
            world.pendo.put(Source::Features, thing(id, Some(now)));
        }
    }
}

/// Plays a scene. What the sink holds, and what it must hold.
async fn play(scene: &Scene) -> (Table, Table) {
    let world = World::start(scene.fixture())
        .await
        .only(&STREAMS)
        .with(scene.settings.clone());
    let (mut there, mut state, mut messages) = (scene.parents.clone(), None, Vec::new());
    for (number, run) in scene.runs.iter().enumerate() {
        for (at, after, failure) in &run.faults {
            world.pendo.fail(at, *after, 1, failure.clone());
        }
        if let Some(place) = run.refuses {
            world.pendo.fail_parent(IDS[place], 3, refused(404, "gone"));
        }
        let told = world.read(state.clone()).await;
        world.pendo.heal();
        state = take(told, run, state, &mut messages);
        go_on(&world, run, number, &mut there);
    }
    // What was interrupted comes to its end, and says what could not be read before; then all is read
    // once more.
    let rest = world.read(state).await;
    let last = world.complete(Some(rest.state())).await;
    messages.extend(rest.messages.into_iter().chain(last.messages));
    let whole = world.complete(None).await;
    assert_eq!(whole.repeated(), 0, "an undisturbed run tells a row twice");
    (Table::after(&messages), whole.table())
}

/// What of a run arrives, and where the next one goes on.
fn take(told: Told, run: &Run, before: Option<State>, to: &mut Vec<Message>) -> Option<State> {
    let places = told.messages.iter().enumerate();
    let places = places.filter(|(_, message)| matches!(message, Message::State(_)));
    let states: Vec<usize> = places.map(|(place, _)| place).collect();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a few"
    )]
    let chosen = (run.ends_at * (states.len() + 1) as f64) as usize;
    let place = chosen.checked_sub(1).and_then(|chosen| states.get(chosen));
    let state = match place {
        Some(place) => match &told.messages[*place] {
            Message::State(state) => Some(state.clone()),
            _ => before,
        },
        None => before,
    };
    let arrived = match run.arrives {
        true => told.messages.len(),
        false => place.map_or(0, |place| place + 1),
    };
    to.extend(told.messages.into_iter().take(arrived));
    state
}

/// What one has that the other does not.
fn difference(found: &Table, expected: &Table) -> Vec<String> {
    let lost = expected.records().iter();
    let lost = lost.filter(|(key, record)| found.records().get(*key) != Some(*record));
    let more = found.records().keys();
    let more = more.filter(|key| !expected.records().contains_key(*key));
    let lost = lost.map(|(key, record)| format!("lost {key:?}: {record}"));
    lost.chain(more.map(|key| format!("more: {key:?}")))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whatever_happens_all_is_told_in_the_end(scene in scene()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let (found, expected) = runtime.unwrap().block_on(play(&scene));
        let difference = difference(&found, &expected);
        prop_assert!(difference.is_empty(), "{:#?}", difference);
    }
}
