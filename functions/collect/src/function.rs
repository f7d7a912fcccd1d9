//! The jobs of a deployed Weir: what a function is told, made into what runs them.

use std::process::ExitCode;
use std::sync::Arc;

use weir_aws::Functions;
use weir_collector::Fault;
use weir_collector::http::{Http, HttpOptions};
use weir_collector::secrets::Secrets;
use weir_lambda::{Deployed, Failed, Invocation, Metric, Outcome};
use weir_store::SystemClock;

use crate::access::Addresses;
use crate::collect::Context;
use crate::invocation::{Collecting, Done};

/// Runs jobs by events, as a function's main does.
pub fn function() -> ExitCode {
    weir_lambda::scheduled(|deployed| {
        let functions = Functions::new(&deployed.aws);
        let itself: Arc<str> = deployed.function.as_str().into();
        let collecting = Arc::new(collecting(deployed).map_err(|fault| Failed(fault.to_string()))?);
        Ok(move |invocation: Invocation| {
            let (collecting, itself) = (Arc::clone(&collecting), Arc::clone(&itself));
            let functions = functions.clone();
            async move {
                let again = async |event: String| {
                    let called = functions.invoke(&itself, event).await;
                    called.map_err(|error| error.to_string())
                };
                let run = collecting.run(&invocation.input, invocation.time, again);
                outcome(run.await)
            }
        })
    })
}

/// The stack's jobs may name the secrets below `STACK/collect/`, and no others.
fn collecting(deployed: Deployed) -> Result<Collecting, Fault> {
    let Deployed {
        store, aws, stack, ..
    } = deployed;
    let service = weir_aws::Secrets::new(&aws);
    let secrets = Arc::new(Secrets::manager(service, format!("{stack}/collect/")));
    let http = Http::new(HttpOptions::from_environment()?).map_err(Fault::new)?;
    let context = Context {
        store,
        http,
        clock: Arc::new(SystemClock),
        addresses: Addresses::from_environment()?,
        aws: Some(aws),
    };
    Ok(Collecting { context, secrets })
}

fn outcome(done: Done) -> Outcome {
    let counts = done.metrics.into_iter();
    let counts = counts.map(|(name, value)| Metric::count(name, value));
    let late = done.late.map(|late| late.as_secs());
    let late = late.map(|late| Metric::seconds("JobLatenessSeconds", late));
    Outcome {
        metrics: counts.chain(late).collect(),
        failed: done.failed.map(Failed),
        summary: done.summary,
    }
}
