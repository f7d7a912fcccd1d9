//! A function: its set-up and its instances.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::Bytes;
use http::Request;

use super::gateway;
use super::instance::Instance;
use super::runtime::Outcome;
use crate::world::Answer;

/// What a function runs and with what.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Its name.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// The program's arguments.
    pub arguments: Vec<String>,
    /// Variables besides those that Lambda sets.
    pub environment: Vec<(String, String)>,
    /// How much memory it says it has. It is not held to it.
    pub memory_mb: u32,
    /// How long one event may take.
    pub timeout: Duration,
    /// Where its instances write what they print.
    pub logs: PathBuf,
}

/// A function and its instances.
#[derive(Debug)]
pub struct Function {
    setup: Setup,
    started: AtomicUsize,
    instances: Mutex<Instances>,
}

#[derive(Debug, Default)]
struct Instances {
    idle: Vec<Arc<Instance>>,
    busy: Vec<Arc<Instance>>,
}

impl Function {
    /// A function that has no instance yet.
    pub fn new(setup: Setup) -> Self {
        Self {
            setup,
            started: AtomicUsize::new(0),
            instances: Mutex::default(),
        }
    }

    /// Starts an instance and lets it lie idle, so that it gets the next event.
    pub async fn start(&self) -> Arc<Instance> {
        let instance = self.start_one().await;
        self.instances().idle.push(Arc::clone(&instance));
        instance
    }

    async fn start_one(&self) -> Arc<Instance> {
        let number = self.started.fetch_add(1, Ordering::SeqCst);
        let name = format!("{}-{number}", self.setup.name);
        Arc::new(Instance::start(&name, &self.setup).await)
    }

    /// How many instances were started so far.
    pub fn started(&self) -> usize {
        self.started.load(Ordering::SeqCst)
    }

    /// The instances that have an event and have not ended.
    pub fn busy(&self) -> Vec<Arc<Instance>> {
        self.instances().busy.clone()
    }

    /// Sends a request through API Gateway.
    pub async fn request(&self, request: Request<Bytes>) -> Answer {
        let event = gateway::event(&request);
        gateway::answer(self.invoke(event.to_string()).await)
    }

    /// Gives an event to an idle instance, or to a new one if there is none.
    pub async fn invoke(&self, event: impl Into<Bytes>) -> Outcome {
        let instance = match self.take_idle() {
            Some(instance) => instance,
            None => self.start_one().await,
        };
        self.instances().busy.push(Arc::clone(&instance));
        let outcome = instance.invoke(event, self.setup.timeout).await;
        let mut instances = self.instances();
        instances.busy.retain(|busy| !Arc::ptr_eq(busy, &instance));
        if instance.is_alive() {
            instances.idle.push(instance);
        }
        outcome
    }

    fn take_idle(&self) -> Option<Arc<Instance>> {
        let mut instances = self.instances();
        instances.idle.retain(|idle| idle.is_alive());
        instances.idle.pop()
    }

    fn instances(&self) -> MutexGuard<'_, Instances> {
        self.instances.lock().expect("no holder panics")
    }
}
