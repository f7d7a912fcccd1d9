//! What goes wrong between a run and its store, at which call.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use futures::future::BoxFuture;
use serde_json::Value;
use tokio::sync::watch;
use weir_store::embedded::{Answer, Call, Cut, Transport};

/// What happens at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection is cut before the call arrives.
    LostBefore,
    /// The call takes effect, and its answer is lost.
    LostAfter,
    /// Too many calls.
    Throttled,
    /// A call that is not as it has to be.
    Refused,
    /// The process ends before the call arrives.
    KilledBefore,
    /// The call takes effect, and the process ends.
    KilledAfter,
    /// The process freezes before the call goes out.
    FrozenBefore,
    /// The call takes effect, and the process freezes before it sees the answer.
    FrozenAfter,
}

/// One process's way to the engine.
#[derive(Debug)]
pub(crate) struct Faulty {
    this: Weak<Faulty>,
    engine: Arc<dyn Transport>,
    faults: Mutex<HashMap<usize, Fault>>,
    calls: Mutex<usize>,
    pub(crate) killed: watch::Sender<bool>,
    pub(crate) frozen: watch::Sender<bool>,
    thawed: AtomicBool,
    thaw: watch::Sender<bool>,
    bookmarks: Arc<Mutex<Vec<Value>>>,
}

impl Faulty {
    pub(crate) fn new(
        engine: Arc<dyn Transport>,
        faults: HashMap<usize, Fault>,
        bookmarks: Arc<Mutex<Vec<Value>>>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            engine,
            faults: Mutex::new(faults),
            calls: Mutex::new(0),
            killed: watch::Sender::new(false),
            frozen: watch::Sender::new(false),
            thawed: AtomicBool::new(false),
            thaw: watch::Sender::new(false),
            bookmarks,
        })
    }

    /// Lets a frozen process go on.
    pub(crate) fn thaw(&self) {
        self.thawed.store(true, Ordering::SeqCst);
        self.thaw.send_replace(true);
    }

    fn fault(&self) -> Option<Fault> {
        let mut calls = self.calls.lock().unwrap();
        *calls += 1;
        self.faults.lock().unwrap().remove(&(*calls - 1))
    }

    async fn kill(&self) -> Result<Answer, Cut> {
        self.killed.send_replace(true);
        std::future::pending().await
    }

    /// A second freeze of the same process would only be longer.
    async fn freeze(&self) {
        if !self.thawed.load(Ordering::SeqCst) {
            self.frozen.send_replace(true);
            let thawed = self
                .thaw
                .subscribe()
                .wait_for(|thawed| *thawed)
                .await
                .map(|_| ());
            thawed.expect("the process is held here");
        }
    }

    /// Carries a call out, and notes the bookmark that it put.
    async fn deliver(&self, call: Call) -> Result<Answer, Cut> {
        let bookmark = bookmark_put(&call);
        let answer = self.engine.call(call).await?;
        if answer.status == 200 {
            self.bookmarks.lock().unwrap().extend(bookmark);
        }
        Ok(answer)
    }
}

impl Transport for Faulty {
    /// A call that has gone out goes its way, whether anybody waits for it or not.
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, Cut>> {
        let fault = self.fault();
        let (this, lost) = (self.this.upgrade().expect("it is called"), || {
            Cut("on purpose".to_owned())
        });
        let carried = tokio::spawn(async move {
            match fault {
                None => this.deliver(call).await,
                Some(Fault::LostBefore) => Err(lost()),
                Some(Fault::LostAfter) => {
                    this.deliver(call).await?;
                    Err(lost())
                }
                Some(Fault::Throttled) => Ok(Answer::error(
                    400,
                    "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
                    "on purpose",
                )),
                Some(Fault::Refused) => Ok(Answer::error(
                    400,
                    "com.amazon.coral.validate#ValidationException",
                    "on purpose",
                )),
                Some(Fault::KilledBefore) => this.kill().await,
                Some(Fault::KilledAfter) => {
                    this.deliver(call).await?;
                    this.kill().await
                }
                Some(Fault::FrozenBefore) => {
                    this.freeze().await;
                    this.deliver(call).await
                }
                Some(Fault::FrozenAfter) => {
                    let answer = this.deliver(call).await;
                    this.freeze().await;
                    answer
                }
            }
        });
        Box::pin(async move { carried.await.expect("carrying a call does not panic") })
    }
}

/// The bookmark that a call puts, if it does.
fn bookmark_put(call: &Call) -> Option<Value> {
    if call.operation != "PutItem" {
        return None;
    }
    let body: Value = serde_json::from_slice(&call.body).ok()?;
    let text = body["Item"]["bookmark"]["S"].as_str()?;
    serde_json::from_str(text).ok()
}
