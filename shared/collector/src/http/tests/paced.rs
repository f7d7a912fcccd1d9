//! Requests that keep to a pace, and times that a caller gives.

use std::sync::Mutex;

use futures::future::BoxFuture;

use super::*;

/// Writes down what it is asked; a turn takes a while.
#[derive(Debug, Default)]
struct Notebook {
    turn_time: Duration,
    turns: Mutex<usize>,
    holds: Mutex<Vec<Duration>>,
}

impl Pace for Notebook {
    fn turn(&self) -> BoxFuture<'_, ()> {
        *self.turns.lock().unwrap() += 1;
        Box::pin(tokio::time::sleep(self.turn_time))
    }

    fn hold(&self, wait: Duration) {
        self.holds.lock().unwrap().push(wait);
    }
}

#[tokio::test]
async fn each_attempt_takes_a_turn_and_a_429_holds_all() {
    let scripts = [
        answer("503 Busy", &["retry-after: 0"], b""),
        answer("429 Too Many Requests", &[], b""),
        answer("429 Too Many Requests", &["retry-after: 0"], b""),
        ok(b"[]"),
    ];
    let server = Server::start(scripts.map(Script::Bytes).to_vec()).await;
    let notebook = Arc::new(Notebook::default());
    let request = hasty().get(&server.url).pace(notebook.clone());
    request.stream().await.unwrap();
    assert_eq!(*notebook.turns.lock().unwrap(), 4);
    // Thirty seconds with our base, and the base at least.
    let holds = [30, 1].map(Duration::from_millis);
    assert_eq!(*notebook.holds.lock().unwrap(), holds);
}

#[tokio::test]
async fn a_wait_that_nobody_sits_out_holds_nobody() {
    let throttled = answer("429 Too Many Requests", &["retry-after: 1000"], b"");
    let server = Server::answering(throttled).await;
    let notebook = Arc::new(Notebook::default());
    let request = hasty().get(&server.url).pace(notebook.clone());
    request.send().await.unwrap_err();
    assert!(notebook.holds.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_turn_takes_nothing_from_the_time_of_all_attempts_but_from_that_of_the_job() {
    let server = Server::answering(ok(b"[]")).await;
    let notebook = Arc::new(Notebook {
        turn_time: Duration::from_secs(3600),
        ..Notebook::default()
    });
    let hour_passes = async {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(3601)).await;
        tokio::time::resume();
    };
    let request = hasty().get(&server.url).pace(notebook.clone());
    let request = request.total_time(Duration::from_secs(100)).send();
    let (answer, ()) = tokio::join!(request, hour_passes);
    answer.unwrap();

    let clock = ManualClock::new(Timestamp::parse("2026-11-21T17:00:00Z").unwrap());
    let http = hasty().with_clock(Arc::new(clock.clone()));
    let http = http.stop_at(clock.now());
    let error = http.get(&server.url).pace(notebook).send().await;
    let error = error.unwrap_err();
    assert!(error.to_string().contains("no time is left"), "{error}");
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn times_are_the_callers_and_the_end_stays() {
    let clock = ManualClock::new(Timestamp::parse("2026-11-21T17:00:00Z").unwrap());
    let http = hasty().with_clock(Arc::new(clock.clone()));
    let short = Duration::from_millis(100);
    let long = Duration::from_secs(300);
    let silent = Server::start(vec![Script::Silence(Vec::new())]).await;
    for (read_time, answer_time, words) in [
        (short, long, "silent for too long"),
        (long, short, "no whole answer within 0.1 s"),
    ] {
        let http = http.with_times(read_time, answer_time).unwrap();
        let error = http.get(&silent.url).tries(1).stream().await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    let ended = http.stop_at(clock.now()).with_times(long, long).unwrap();
    let error = ended.get(&silent.url).send().await.unwrap_err();
    assert!(error.to_string().contains("no time is left"), "{error}");
}
