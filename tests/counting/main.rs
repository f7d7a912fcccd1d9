//! Counting under faults: whatever happens between the processes and their store, the answers
//! equal a plain recount of what was accepted.

mod history;
mod model;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use history::{History, histories};

/// Runs one history on a runtime of one thread whose time is paused, so that a failure can be
/// repeated.
fn run(history: History) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(model::play(history))
}

/// How many histories are tried; the environment may ask for more.
fn config() -> Config {
    Config {
        cases: 24,
        max_shrink_iters: 200,
        ..Config::default()
    }
}

#[test]
fn answers_equal_a_recount_when_nothing_fails() {
    TestRunner::new(config())
        .run(&histories(0.0), run)
        .expect("every history is counted exactly");
}

#[test]
fn answers_equal_a_recount_when_calls_fail_at_random() {
    TestRunner::new(config())
        .run(&histories(0.08), run)
        .expect("every history is counted exactly");
}

#[test]
fn answers_equal_a_recount_when_most_calls_fail() {
    TestRunner::new(config())
        .run(&histories(0.35), run)
        .expect("every history is counted exactly");
}
