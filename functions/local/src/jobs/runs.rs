//! The jobs of a directory, and running one of them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::{OnceCell, RwLock, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use weir_aws::SdkConfig;
use weir_collect::{Addresses, Context, Inputs, JobCall, Ran, SinkChoice, Wanted, run_job};
use weir_collector::Limits;
use weir_collector::http::{Http, HttpOptions};
use weir_collector::secrets::Secrets;
use weir_store::{Clock, Store, StoreError};

use super::files::{Job, JobFiles};
use super::scheduler::{Board, Came, Scheduler};
use crate::args::JobPlaces;

/// How long a source may take to come to a state when the process stops; what came after its last
/// one is read again by the next run.
const GRACE: Duration = Duration::from_secs(20);

/// How long runs may take to come to a state when the process stops.
const LAST_RUNS: Duration = Duration::from_secs(40);

/// How addresses of buckets begin.
const BUCKETS: &str = "s3://";

/// Which jobs a server keeps.
#[derive(Debug, Clone)]
pub struct Setup {
    jobs: PathBuf,
    secrets: Option<PathBuf>,
    disabled: bool,
    when: Starts,
}

/// What starts a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Starts {
    /// Its schedule, and whoever asks.
    OnTime,
    /// Only who asks.
    ByHand,
}

impl Setup {
    /// Jobs that a server runs on time, if it is given any.
    pub(crate) fn on_time(places: &JobPlaces) -> Option<Setup> {
        Some(Setup {
            jobs: places.jobs.clone()?,
            secrets: places.secrets.clone(),
            disabled: places.disable_collectors,
            when: Starts::OnTime,
        })
    }

    /// The same for a command, which runs no job that nobody has asked for.
    pub(crate) fn by_hand(places: &JobPlaces) -> Option<Setup> {
        Some(Setup {
            when: Starts::ByHand,
            ..Setup::on_time(places)?
        })
    }
}

/// The jobs of a directory. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Jobs {
    board: Board,
    own: Arc<Own>,
}

#[derive(Debug)]
struct Own {
    setup: Setup,
    context: Context,
    /// How buckets are reached, once a job needs one.
    aws: OnceCell<SdkConfig>,
    secrets: Arc<Secrets>,
    /// Says `true` when runs are to stop.
    stop: watch::Sender<bool>,
    /// Held by each run.
    under_way: RwLock<()>,
}

/// Jobs, and whoever keeps them on time.
#[derive(Debug)]
pub(crate) struct Keeping {
    jobs: Jobs,
    scheduler: Option<JoinHandle<()>>,
}

impl Jobs {
    /// Reads the directory.
    ///
    /// # Errors
    /// When it cannot be read. A bad file is none.
    pub(crate) fn open(setup: Setup, store: &Store, clock: Arc<dyn Clock>) -> Result<Jobs> {
        let files = JobFiles::open(&setup.jobs)?;
        let shown = setup.jobs.display();
        let board =
            Board::open(files).with_context(|| format!("cannot read the jobs in {shown}"))?;
        let secrets = setup.secrets.clone().unwrap_or_else(|| setup.jobs.clone());
        let own = Own {
            context: context(store, clock)?,
            aws: OnceCell::new(),
            secrets: Arc::new(Secrets::directory(secrets)),
            setup,
            stop: watch::Sender::new(false),
            under_way: RwLock::default(),
        };
        Ok(Jobs {
            board,
            own: Arc::new(own),
        })
    }

    /// What is known of them.
    pub(crate) fn board(&self) -> &Board {
        &self.board
    }

    /// Runs one of them to its end, or, when the process stops, to its next state. None: collectors
    /// are switched off.
    ///
    /// # Errors
    /// When the store does not answer; what the run itself meets is in what it came to.
    pub(crate) async fn run(&self, job: &Job, wanted: Wanted) -> Result<Option<Ran>, StoreError> {
        let Own {
            setup,
            secrets,
            stop,
            under_way,
            ..
        } = &*self.own;
        let name = &job.name;
        if setup.disabled {
            tracing::info!(job = %name, "collectors are switched off: {name} is not run");
            return Ok(None);
        }
        let _under_way = under_way.read().await;
        let context = self.own.context_of(&job.definition.sink).await;
        let now = context.clock.now();
        let next = self.board.due(name);
        let call = JobCall {
            name,
            definition: &job.definition,
            inputs: &Inputs::named(&job.definition, secrets),
            wanted,
            state: None,
            next: next.or_else(|| job.when.as_ref()?.next(now)),
        };
        let limits = Limits::none(Arc::clone(&context.clock)).stop_when(stop.subscribe());
        run_job(&call, &context, limits.grace(GRACE))
            .await
            .map(Some)
    }

    /// Keeps them on time, if they are to be, until `stop` changes or its sender is gone.
    pub(crate) fn keep(self, stop: watch::Receiver<()>) -> Keeping {
        let on_time = self.own.setup.when == Starts::OnTime;
        let scheduler = on_time.then(|| tokio::spawn(self.clone().schedule(stop)));
        Keeping {
            jobs: self,
            scheduler,
        }
    }

    async fn schedule(self, stop: watch::Receiver<()>) {
        let scheduler = Scheduler {
            board: self.board.clone(),
            store: self.own.context.store.clone(),
            clock: Arc::clone(&self.own.context.clock),
            start: |job| self.clone().run_on_time(job),
        };
        scheduler.work(stop).await;
    }

    async fn run_on_time(self, job: Job) -> Came {
        match self.run(&job, Wanted::Resume).await {
            Ok(Some(Ran::Busy { until, .. })) => Came::Busy { until },
            Ok(Some(Ran::Over { .. }) | None) => Came::Ended,
            Err(error) => {
                let name = &job.name;
                tracing::error!(job = %name, %error, "{name} was not run: {error}");
                Came::Ended
            }
        }
    }
}

impl Own {
    /// What a job works with. The access to AWS is looked for when the first job needs it: that may
    /// ask a server.
    async fn context_of(&self, sink: &SinkChoice) -> Context {
        let mut context = self.context.clone();
        if matches!(sink, SinkChoice::Files { url, .. } if url.starts_with(BUCKETS)) {
            context.aws = Some(self.aws.get_or_init(weir_aws::of_user).await.clone());
        }
        context
    }
}

fn context(store: &Store, clock: Arc<dyn Clock>) -> Result<Context> {
    Ok(Context {
        store: store.clone(),
        http: Http::new(HttpOptions::from_environment()?)?,
        clock,
        addresses: Addresses::from_environment()?,
        aws: None,
    })
}

impl Keeping {
    /// Has all runs stop at their next state, and waits for that, within bounds.
    pub(crate) async fn stop(self) {
        self.jobs.own.stop.send_replace(true);
        if timeout(LAST_RUNS, self.jobs.own.under_way.write())
            .await
            .is_err()
        {
            tracing::warn!("jobs that take longer than {LAST_RUNS:?} to stop are cut off");
        }
        if let Some(scheduler) = self.scheduler {
            scheduler.abort();
            let _ = scheduler.await;
        }
    }
}
