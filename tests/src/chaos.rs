//! What may happen between a process and its DynamoDB, done on purpose.
//!
//! An engine in this process answers every call at once, one at a time, and hides the races of
//! the real one. A [`Chaos`] stands before it: it holds calls up, lets them take effect and
//! loses the answer, lets them take effect long after the answer was given up, refuses them, and
//! makes the items of a transaction visible one by one. Every process of a test has a
//! [`front`](Chaos::front) of its own, by whose name its calls can be told from others'.
//!
//! A call goes its way in a task of its own, so that it takes effect even if whoever made it
//! has given up: that is what makes a late call late. Everything is decided in the order of
//! arrival and by a seeded generator, so on a runtime of one thread with paused time, over an
//! engine in memory, a run can be repeated.

mod answers;
mod gate;
mod locks;
mod random;
mod seen;
mod tear;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use futures::future::BoxFuture;
use tokio::sync::watch;
use weir_store::embedded::{Answer, Call, Cut, Transport};

pub use answers::{Failure, error_code};
pub use gate::{Gate, When};
pub use seen::Seen;

use gate::Barrier;
use locks::Locks;
use random::{Dice, Fate};

/// Tells the calls meant from others.
type Predicate = Box<dyn Fn(&Seen) -> bool + Send + Sync>;

/// One process's way to the engine, and the handle on what happens there. Rules set on one front
/// hold for the calls of all; [`Seen::actor`] tells them apart.
#[derive(Clone)]
pub struct Chaos {
    hub: Arc<Hub>,
    actor: Arc<str>,
}

/// What all fronts share.
struct Hub {
    engine: Arc<dyn Transport>,
    rules: Mutex<Rules>,
    torn: AtomicBool,
    locks: Locks,
    under_way: watch::Sender<usize>,
}

#[derive(Default)]
struct Rules {
    barriers: Vec<Arc<Barrier>>,
    failures: Vec<FailureRule>,
    copies: Vec<(Predicate, watch::Sender<Option<Arc<Seen>>>)>,
    dice: Option<Dice>,
}

struct FailureRule {
    matches: Predicate,
    failure: Failure,
    left: Arc<AtomicUsize>,
    happened: Arc<AtomicUsize>,
}

/// Failures that were planned.
#[derive(Debug, Clone)]
pub struct Planned {
    left: Arc<AtomicUsize>,
    happened: Arc<AtomicUsize>,
}

impl Planned {
    /// How many calls have failed so.
    pub fn happened(&self) -> usize {
        self.happened.load(Ordering::SeqCst)
    }

    /// Lets all further calls through.
    pub fn end(&self) {
        self.left.store(0, Ordering::SeqCst);
    }
}

/// A copy of a call that can be delivered again.
pub struct Late {
    hub: Arc<Hub>,
    copy: watch::Receiver<Option<Arc<Seen>>>,
}

impl Late {
    /// Waits until a call was copied.
    pub async fn caught(&self) {
        self.seen().await;
    }

    /// Delivers the copy, signed as it was; any number of times.
    pub async fn deliver(&self) -> Result<Answer, Cut> {
        let seen = self.seen().await;
        self.hub.deliver(&seen).await
    }

    async fn seen(&self) -> Arc<Seen> {
        let mut copy = self.copy.clone();
        let caught = copy.wait_for(Option::is_some).await;
        let caught = caught.expect("the rule ends only with a copy or the hub");
        caught.clone().expect("it was waited for")
    }
}

impl Chaos {
    /// Stands before an engine, doing nothing yet.
    pub fn new(engine: Arc<dyn Transport>) -> Self {
        let hub = Hub {
            engine,
            rules: Mutex::default(),
            torn: AtomicBool::new(false),
            locks: Locks::default(),
            under_way: watch::Sender::new(0),
        };
        Self {
            hub: Arc::new(hub),
            actor: "main".into(),
        }
    }

    /// The way of another process to the same engine.
    #[must_use]
    pub fn front(&self, actor: &str) -> Self {
        Self {
            hub: Arc::clone(&self.hub),
            actor: actor.into(),
        }
    }

    /// Holds up every matching call until the gate is opened. A held call keeps the time it was
    /// signed with, so that one held for an hour is refused when it is let go.
    pub fn hold(
        &self,
        matches: impl Fn(&Seen) -> bool + Send + Sync + 'static,
        when: When,
    ) -> Gate {
        self.barrier(Barrier::new(Box::new(matches), when, usize::MAX))
    }

    /// Holds up the next matching call, and lets others pass.
    pub fn hold_once(
        &self,
        matches: impl Fn(&Seen) -> bool + Send + Sync + 'static,
        when: When,
    ) -> Gate {
        self.barrier(Barrier::new(Box::new(matches), when, 1))
    }

    /// Freezes a process at its call number `nth` from now, counted from 0: holds up that call
    /// and all later ones.
    pub fn freeze(&self, actor: &str, nth: usize, when: When) -> Gate {
        let (actor, calls) = (actor.to_owned(), AtomicUsize::new(0));
        let matches =
            move |seen: &Seen| seen.actor() == actor && calls.fetch_add(1, Ordering::SeqCst) >= nth;
        self.hold(matches, when)
    }

    /// Holds up the item at this place of the next matching transaction or batch that is torn,
    /// before it becomes visible or before the next one does.
    pub fn hold_piece(
        &self,
        matches: impl Fn(&Seen) -> bool + Send + Sync + 'static,
        place: usize,
        when: When,
    ) -> Gate {
        self.barrier(Barrier::for_piece(Box::new(matches), place, when))
    }

    fn barrier(&self, barrier: Barrier) -> Gate {
        let barrier = Arc::new(barrier);
        self.hub.rules().barriers.push(Arc::clone(&barrier));
        Gate::new(barrier)
    }

    /// Fails the next matching call.
    pub fn fail_once(
        &self,
        matches: impl Fn(&Seen) -> bool + Send + Sync + 'static,
        failure: Failure,
    ) -> Planned {
        self.fail(matches, failure, 1)
    }

    /// Fails every matching call until that is ended.
    pub fn fail_all(
        &self,
        matches: impl Fn(&Seen) -> bool + Send + Sync + 'static,
        failure: Failure,
    ) -> Planned {
        self.fail(matches, failure, usize::MAX)
    }

    fn fail(
        &self,
        matches: impl Fn(&Seen) -> bool + Send + Sync + 'static,
        failure: Failure,
        times: usize,
    ) -> Planned {
        let planned = Planned {
            left: Arc::new(AtomicUsize::new(times)),
            happened: Arc::default(),
        };
        let Planned { left, happened } = planned.clone();
        let matches = Box::new(matches);
        let rule = FailureRule {
            matches,
            failure,
            left,
            happened,
        };
        self.hub.rules().failures.push(rule);
        planned
    }

    /// From now on fails calls at random, each with this probability and in a way drawn from all
    /// there are, and lets tasks overtake each other.
    pub fn random(&self, seed: u64, probability: f64) {
        self.hub.rules().dice = Some(Dice::new(seed, probability));
    }

    /// Ends random failures. Late calls that are under way still arrive; see
    /// [`quiet`](Chaos::quiet).
    pub fn calm(&self) {
        self.hub.rules().dice = None;
    }

    /// Copies the next matching call, which itself goes its way, to be delivered again.
    pub fn repeat_later(&self, matches: impl Fn(&Seen) -> bool + Send + Sync + 'static) -> Late {
        let copy = watch::Sender::new(None);
        let late = Late {
            hub: Arc::clone(&self.hub),
            copy: copy.subscribe(),
        };
        self.hub.rules().copies.push((Box::new(matches), copy));
        late
    }

    /// Whether transactions and batches become visible item by item, and reads see what changes
    /// while they last. All conditions of a transaction are still checked at one moment, and
    /// until its last item is visible, other writes to its items are refused as conflicts.
    /// [`hold_piece`](Chaos::hold_piece) stops it in the middle.
    pub fn tear_transactions(&self, torn: bool) {
        self.hub.torn.store(torn, Ordering::SeqCst);
    }

    /// Waits until no call is under way any more, late ones included.
    pub async fn quiet(&self) {
        let mut under_way = self.hub.under_way.subscribe();
        let quiet = under_way.wait_for(|calls| *calls == 0).await;
        quiet.expect("the hub is held here");
    }
}

impl Transport for Chaos {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, Cut>> {
        let hub = Arc::clone(&self.hub);
        let seen = Arc::new(Seen::new(Arc::clone(&self.actor), call));
        Box::pin(async move {
            match tokio::spawn(hub.carry(seen)).await {
                Ok(answer) => answer,
                Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
                Err(_) => Err(Cut("the runtime ended".to_owned())),
            }
        })
    }
}

impl Hub {
    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().expect("no holder panics")
    }

    /// The way of a call: copied, held up, failed or carried out, held up again.
    async fn carry(self: Arc<Self>, seen: Arc<Seen>) -> Result<Answer, Cut> {
        let _under_way = UnderWay::begin(&self);
        self.copy(&seen);
        let (fate, (before, after)) = self.draw();
        overtake(before).await;
        self.pass_barriers(When::Before, None, &seen).await;
        let answer = match self.planned(&seen).map_or(fate, Fate::Fails) {
            Fate::Goes => self.deliver(&seen).await,
            Fate::Fails(failure) => self.fail(failure, &seen).await,
            Fate::Late(delay) => {
                tokio::spawn(Arc::clone(&self).arrive_late(seen, delay));
                return Err(answers::lost());
            }
        };
        if answer.is_ok() {
            self.pass_barriers(When::After, None, &seen).await;
        }
        overtake(after).await;
        answer
    }

    async fn arrive_late(self: Arc<Self>, seen: Arc<Seen>, delay: std::time::Duration) {
        let _under_way = UnderWay::begin(&self);
        tokio::time::sleep(delay).await;
        // Nobody waits for this answer.
        let _ = self.deliver(&seen).await;
    }

    async fn fail(&self, failure: Failure, seen: &Seen) -> Result<Answer, Cut> {
        match failure {
            Failure::AfterEffect => {
                self.deliver(seen).await?;
                self.pass_barriers(When::After, None, seen).await;
                Err(answers::lost())
            }
            Failure::Partly => match answers::halve(seen) {
                Some((half, rest)) => Ok(answers::with_rest(self.deliver(&half).await?, rest)),
                None => Ok(answers::throttle(seen)),
            },
            Failure::BeforeEffect => Err(answers::lost()),
            Failure::Throttle => Ok(answers::throttle(seen)),
            Failure::Conflict => Ok(answers::conflict(seen)),
            Failure::ServerError => Ok(answers::server_error()),
        }
    }

    fn copy(&self, seen: &Arc<Seen>) {
        self.rules().copies.retain(|(matches, copy)| {
            let wanted = matches(seen);
            if wanted {
                copy.send_replace(Some(Arc::clone(seen)));
            }
            !wanted
        });
    }

    fn draw(&self) -> (Fate, (usize, usize)) {
        let mut rules = self.rules();
        rules.dice.as_mut().map_or((Fate::Goes, (0, 0)), Dice::draw)
    }

    fn planned(&self, seen: &Seen) -> Option<Failure> {
        let mut rules = self.rules();
        rules
            .failures
            .retain(|rule| rule.left.load(Ordering::SeqCst) > 0);
        let rule = rules.failures.iter().find(|rule| (rule.matches)(seen))?;
        rule.left.fetch_sub(1, Ordering::SeqCst);
        rule.happened.fetch_add(1, Ordering::SeqCst);
        Some(rule.failure)
    }

    /// `piece` is the place of an item in the torn call `seen`.
    async fn pass_barriers(&self, when: When, piece: Option<usize>, seen: &Seen) {
        let barriers: Vec<Arc<Barrier>> = {
            let mut rules = self.rules();
            rules.barriers.retain(|barrier| !barrier.is_open());
            let here = rules
                .barriers
                .iter()
                .filter(|barrier| barrier.stops(when, piece, seen));
            here.cloned().collect()
        };
        for barrier in barriers {
            barrier.wait().await;
        }
    }
}

impl fmt::Debug for Chaos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chaos")
            .field("actor", &self.actor)
            .finish_non_exhaustive()
    }
}

/// Counts a call for as long as it lives.
struct UnderWay(Arc<Hub>);

impl UnderWay {
    fn begin(hub: &Arc<Hub>) -> Self {
        hub.under_way.send_modify(|calls| *calls += 1);
        Self(Arc::clone(hub))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.send_modify(|calls| *calls -= 1);
    }
}

/// Lets other tasks go first some times.
async fn overtake(times: usize) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests;
