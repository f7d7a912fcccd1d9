//! Random histories: what is sent, repeated, compacted and restarted, in which order.

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::sample::select;

/// A zone, with the instant around which its events lie: where its clocks do something odd.
pub(crate) const PLACES: [(&str, i64); 12] = [
    ("UTC", 1_715_768_430_000),
    ("Europe/Berlin", 1_711_846_800_000), // 2024-03-31, clocks go forward
    ("Asia/Kathmandu", 504_901_800_000),  // 1986-01-01, +5:30 becomes +5:45
    ("Australia/Lord_Howe", 1_712_415_600_000), // 2024-04-06, half an hour back
    ("Pacific/Apia", 1_325_239_200_000),  // 2011-12-30 is left out
    ("America/St_Johns", 1_173_582_060_000), // 2007-03-11 00:01, at an odd minute
    ("America/St_Johns", 1_194_143_460_000), // 2007-11-04 00:01, back across midnight
    ("Africa/Casablanca", 1_680_400_800_000), // 2023, Ramadan ends
    ("Africa/Monrovia", 63_593_070_000),  // 1972-01-07, -0:44:30 ends
    ("Africa/Monrovia", 31_536_000_000),  // 1971, the offset has seconds
    ("Asia/Kolkata", 1_700_000_000_000),
    ("America/Sao_Paulo", 1_540_695_600_000), // 2018-11-04, midnight is left out
];

/// What happens, and how often calls fail.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) seed: u64,
    pub(crate) failures: f64,
    pub(crate) place: (&'static str, i64),
    pub(crate) steps: Vec<Step>,
}

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A process sends a request.
    Send { node: usize, request: Request },
    /// A process repeats an earlier request, if that had a key.
    Repeat { node: usize, earlier: usize },
    /// Two processes send the same keyed request at once.
    Race { request: Request },
    /// Two processes send the same events with ids at once, without a key, each in groups of its
    /// own size.
    Regroup {
        events: Vec<Sent>,
        sizes: [usize; 2],
    },
    /// A compactor runs, whatever waits.
    Compact { node: usize },
    /// A process is lost and another takes its place.
    Restart { node: usize },
    /// Time passes.
    Wait { minutes: u64 },
    /// The series gets more shards.
    Raise { shards: u8 },
}

/// Events of one series, with or without a key.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) keyed: bool,
    pub(crate) events: Vec<Sent>,
}

/// One event: its distance from the place's instant, its value, and perhaps an id.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) offset_ms: i64,
    pub(crate) value: f64,
    pub(crate) id: Option<u8>,
}

pub(crate) fn histories(failures: f64) -> impl Strategy<Value = History> {
    let steps = prop::collection::vec(step(), 4..16);
    (any::<u64>(), select(PLACES.to_vec()), steps).prop_map(move |(seed, place, steps)| History {
        seed,
        failures,
        place,
        steps,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..2_usize, request()).prop_map(|(node, request)| Step::Send { node, request }),
        3 => (0..2_usize, 0..8_usize).prop_map(|(node, earlier)| Step::Repeat { node, earlier }),
        2 => request().prop_map(|request| Step::Race { request }),
        2 => regroup(),
        4 => (0..2_usize).prop_map(|node| Step::Compact { node }),
        1 => (0..2_usize).prop_map(|node| Step::Restart { node }),
        3 => (1..90_u64).prop_map(|minutes| Step::Wait { minutes }),
        1 => (1..5_u8).prop_map(|shards| Step::Raise { shards }),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let few = prop::collection::vec(sent(), 1..6);
    // More than one transaction holds.
    let many = prop::collection::vec(sent_with_some_id(), 90..140);
    let events = prop_oneof![9 => few, 1 => many];
    (any::<bool>(), events).prop_map(|(keyed, events)| Request { keyed, events })
}

fn regroup() -> impl Strategy<Value = Step> {
    // The whole is more than one transaction holds, unless many ids are the same.
    let events = prop::collection::vec(sent_with_some_id(), 60..180);
    let size = || prop_oneof![7..20_usize, 40..100_usize, Just(180)];
    (events, size(), size()).prop_map(|(mut events, one, other)| {
        // Of two events with an id, which one counts would depend on who comes first.
        let mut seen = HashSet::new();
        events.retain(|event| seen.insert(event.id));
        Step::Regroup {
            events,
            sizes: [one, other],
        }
    })
}

fn sent() -> impl Strategy<Value = Sent> {
    (offset_ms(), value(), prop::option::weighted(0.3, 0..12_u8)).prop_map(
        |(offset_ms, value, id)| Sent {
            offset_ms,
            value,
            id,
        },
    )
}

fn sent_with_some_id() -> impl Strategy<Value = Sent> {
    (offset_ms(), value(), any::<u8>()).prop_map(|(offset_ms, value, id)| Sent {
        offset_ms,
        value,
        id: Some(id),
    })
}

/// Close to the odd instant, within hours of it, and days away.
fn offset_ms() -> impl Strategy<Value = i64> {
    const MINUTE: i64 = 60_000;
    prop_oneof![
        -90 * MINUTE..90 * MINUTE,
        (-8_i64..8).prop_map(|quarters| quarters * 15 * MINUTE),
        -36 * 60 * MINUTE..36 * 60 * MINUTE,
        -40 * 1440 * MINUTE..40 * 1440 * MINUTE,
    ]
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-1000..1000_i32).prop_map(f64::from),
        -1e6..1e6_f64,
        Just(0.0),
        Just(1e15)
    ]
}
