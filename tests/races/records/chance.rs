//! Records against a plain map, while calls fail, are late and are torn at random.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use weir_model::Record;
use weir_store::{DataSet, Patched, Store};

use super::shelf::{
    Numbers, create, current, is_sound, look, name, numbers, object, put, read, record, until_done,
};
use crate::scene::{HOUR, MINUTE, Scene, soon};

/// Ids that all of it is about: few, so that they meet.
const IDS: u64 = 12;

#[derive(Debug, Clone)]
enum Step {
    /// (id, day) each, perhaps the same id twice.
    Put(Vec<(u64, u32)>),
    Patch(u64, Option<u32>),
    Delete(u64),
    Empty,
    Sweep,
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    let entry = (0..IDS, 0..29_u32);
    let batch = prop_oneof![
        3 => prop::collection::vec(entry.clone(), 1..8),
        1 => prop::collection::vec(entry, 100..130),
    ];
    prop_oneof![
        6 => batch.prop_map(Step::Put),
        3 => (0..IDS, prop::option::of(1..29_u32)).prop_map(|(id, day)| Step::Patch(id, day)),
        3 => (0..IDS).prop_map(Step::Delete),
        1 => Just(Step::Empty),
        1 => Just(Step::Sweep),
        2 => Just(Step::Look),
    ]
}

#[derive(Debug, Clone)]
struct Story {
    steps: Vec<Step>,
    seed: u64,
    failing: f64,
    torn: bool,
}

fn stories(failing: f64) -> impl Strategy<Value = Story> {
    let steps = prop::collection::vec(step(), 1..25);
    (steps, any::<u64>(), any::<bool>()).prop_map(move |(steps, seed, torn)| Story {
        steps,
        seed,
        failing,
        torn,
    })
}

fn id(n: u64) -> String {
    format!("r{n}")
}

fn run(cases: u32, failing: f64, play: impl AsyncFn(&Story) + Copy) {
    let config = Config {
        cases,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let tried = TestRunner::new(config).run(&stories(failing), |story| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(play(&story));
        Ok(())
    });
    tried.unwrap();
}

#[test]
fn a_set_equals_a_map_when_nothing_fails() {
    run(24, 0.0, one_after_the_other);
}

#[test]
fn a_set_equals_a_map_when_calls_fail_at_random() {
    run(24, 0.15, one_after_the_other);
}

#[test]
fn a_set_equals_a_map_when_most_calls_fail() {
    run(16, 0.5, one_after_the_other);
}

#[test]
fn writers_at_once_leave_each_record_as_one_of_them_wrote_it() {
    run(24, 0.15, all_at_once);
}

/// One client, who repeats what failed, against a map that never fails. Whatever arrives late
/// changes nothing.
async fn one_after_the_other(story: &Story) {
    let scene = Scene::start().await;
    let mut set = create(&scene).await;
    scene.world.chaos.tear_transactions(story.torn);
    scene.world.chaos.random(story.seed, story.failing);
    let store = scene.store("client");
    let mut map = Numbers::new();
    for (n, step) in (1_u64..).zip(&story.steps) {
        match step {
            Step::Look => {
                assert_eq!(numbers(&read(&store, &set).await), map);
                continue;
            }
            Step::Sweep => {
                scene.pass(HOUR);
                until_done(|| store.sweep_records(soon(&store))).await;
            }
            step => set = apply(step, n, &store, set).await,
        }
        expect(step, n, &mut map);
    }
    scene.world.chaos.calm();
    scene.world.chaos.quiet().await;
    assert_eq!(look(&scene).await, map);
    scene.pass(40 * MINUTE);
    store.sweep_records(soon(&store)).await.unwrap();
    assert_eq!(look(&scene).await, map);
}

/// Does one step, until it is done.
async fn apply(step: &Step, n: u64, store: &Store, set: DataSet) -> DataSet {
    match step {
        Step::Put(entries) => put(store, &set, &batch(entries, n)).await,
        Step::Patch(id_, day) => {
            let mut patch = object(json!({ "nn": n }));
            if let Some(day) = day {
                let time = format!("2013-03-{day:02}T00:00:00Z");
                patch.insert("_timestamp".into(), time.into());
            }
            let id = id(*id_);
            let done = until_done(|| store.patch_record(&set, &id, &patch, soon(store))).await;
            assert!(matches!(done, Patched::Done | Patched::Missing), "{done:?}");
        }
        Step::Delete(id_) => {
            let id = id(*id_);
            until_done(|| store.delete_record(&set, &id, soon(store))).await;
        }
        Step::Empty => {
            let name = name();
            let emptied = until_done(|| store.empty_data_set(&name, soon(store))).await;
            return emptied.expect("it is there");
        }
        Step::Sweep | Step::Look => {}
    }
    set
}

fn batch(entries: &[(u64, u32)], n: u64) -> Vec<Record> {
    let each = entries.iter();
    each.map(|(id_, day)| record(&id(*id_), *day, n)).collect()
}

fn expect(step: &Step, n: u64, map: &mut Numbers) {
    match step {
        Step::Put(entries) => map.extend(entries.iter().map(|(id_, _)| (id(*id_), n))),
        Step::Patch(id_, _) => {
            map.entry(id(*id_)).and_modify(|number| *number = n);
        }
        Step::Delete(id_) => {
            map.remove(&id(*id_));
        }
        Step::Empty => map.clear(),
        Step::Sweep | Step::Look => {}
    }
}

/// Three clients at once on the same ids, each in a process of its own. Every record is as one of
/// them left it, pointers and documents belong together, and when all have ended nothing that
/// arrives late changes that.
async fn all_at_once(story: &Story) {
    let scene = Scene::start().await;
    let set = create(&scene).await;
    scene.world.chaos.tear_transactions(story.torn);
    scene.world.chaos.random(story.seed, story.failing);
    let clients = ["one", "two", "three"].map(|actor| {
        let (store, set) = (scene.store(actor), set.clone());
        let steps: Vec<(u64, Step)> = (1..).zip(story.steps.clone()).collect();
        let part = actor.len();
        tokio::spawn(async move {
            let mine = steps
                .into_iter()
                .filter(|(n, _)| n % 3 == part as u64 % 3 || n % 5 == 0);
            for (n, step) in mine {
                if !matches!(step, Step::Empty | Step::Sweep) {
                    apply(&step, n, &store, set.clone()).await;
                }
            }
        })
    });
    for client in clients {
        client.await.unwrap();
    }
    let settled = numbers(&read(&scene.store("reader"), &set).await);
    scene.world.chaos.calm();
    scene.world.chaos.quiet().await;
    assert_eq!(look(&scene).await, settled);
    is_sound(&scene, &current(&scene).await).await;
    let written = written(&story.steps);
    for (id, number) in &settled {
        assert!(written[id].contains(number), "{id} is {number}");
    }
}

/// The numbers that anybody may have written to each id.
fn written(steps: &[Step]) -> BTreeMap<String, Vec<u64>> {
    let mut written: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (n, step) in (1_u64..).zip(steps) {
        let ids: Vec<u64> = match step {
            Step::Put(entries) => entries.iter().map(|(id, _)| *id).collect(),
            Step::Patch(id, _) => vec![*id],
            _ => vec![],
        };
        for id_ in ids {
            written.entry(id(id_)).or_default().push(n);
        }
    }
    written
}
