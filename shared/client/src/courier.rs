//! Brings one batch to the server, for as long as it takes.
//!
//! Every attempt carries the batch's key and the same bytes, whichever server it goes to, so that
//! the batch is counted once even if an answer is lost. The server remembers a key for a day;
//! before that day is over the courier gives up, because a repeat would then be a guess.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use tokio::time::{Instant, sleep};
use weir_model::Timestamp;

use crate::answer::{Again, Outcome, judge};
use crate::auth::{Auth, Signature};
use crate::clock::Clock;
use crate::http::{Http, exchange};
use crate::key::Key;
use crate::notice::{Notices, codes};
use crate::options::Compression;
use crate::pauses::{Bounds, Pauses};
use crate::servers::Servers;
use crate::statistics::{Counters, Loss};

/// The server promises to remember keys for 24 hours; clocks differ.
const REMEMBERED: Duration = Duration::from_secs(23 * 3600);

/// Smaller bodies gain nothing.
const COMPRESS_FROM: usize = 1024;

/// What all batches are brought with.
#[derive(Debug)]
pub(crate) struct Courier {
    pub(crate) http: Http,
    pub(crate) servers: Servers,
    pub(crate) auth: Auth,
    pub(crate) clock: Clock,
    pub(crate) pauses: Bounds,
    pub(crate) compression: Compression,
    pub(crate) notices: Notices,
    pub(crate) counters: Arc<Counters>,
    /// Whose keys the batches' are.
    pub(crate) identity: String,
}

/// How a batch ended.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The server has it.
    Delivered,
    /// It goes on as smaller ones, of the events at these places; none may be left.
    Cut(Vec<Vec<usize>>),
    /// It cannot be sent without guessing.
    Stale,
}

/// What is sent, attempt for attempt.
struct Parcel<'a> {
    key: &'a Key,
    body: Bytes,
    is_compressed: bool,
    events: usize,
}

impl Courier {
    /// Brings events to the server under a key that was first used at a time.
    pub(crate) async fn bring(
        &self,
        key: &Key,
        lines: Bytes,
        events: usize,
        attempted: Timestamp,
    ) -> Verdict {
        let parcel = self.pack(key, lines, events).await;
        let mut pauses = Pauses::new(self.pauses);
        let mut failures = 0;
        loop {
            if let Some(age) = self.too_old(attempted) {
                self.tell_stale(&parcel, age);
                return Verdict::Stale;
            }
            let started = Instant::now();
            let (place, server) = self.servers.current();
            match self.attempt(&parcel, server).await {
                Outcome::Again(again) => {
                    failures += 1;
                    self.servers.leave(place);
                    self.wait(&parcel, server, again, &mut pauses, failures)
                        .await;
                }
                outcome => {
                    if failures > 0 {
                        let text = format!("{server} answers again, after {failures} failures");
                        self.notices.info(codes::RECOVERED, text);
                    }
                    return self.conclude(&parcel, outcome, started.elapsed());
                }
            }
        }
    }

    async fn pack<'a>(&self, key: &'a Key, lines: Bytes, events: usize) -> Parcel<'a> {
        let is_compressed = self.compression == Compression::Gzip && lines.len() >= COMPRESS_FROM;
        let body = match is_compressed {
            true => compress(lines).await,
            false => lines,
        };
        Parcel {
            key,
            body,
            is_compressed,
            events,
        }
    }

    /// How long ago the key was first used, if that is too long.
    fn too_old(&self, attempted: Timestamp) -> Option<Duration> {
        // A clock that was put back tells as little as one that went on.
        let ms = self.clock.now().as_millis().abs_diff(attempted.as_millis());
        let age = Duration::from_millis(ms);
        (age >= REMEMBERED).then_some(age)
    }

    async fn attempt(&self, parcel: &Parcel<'_>, server: &str) -> Outcome {
        let mut refused = None;
        loop {
            let signature = self
                .auth
                .sign(&self.http, server, &self.clock, refused.as_ref());
            let signature = match signature.await {
                Ok(signature) => signature,
                Err(again) => return Outcome::Again(again),
            };
            match self.post(parcel, server, &signature).await {
                Outcome::Unauthorized(detail) => match (signature, &refused) {
                    // The token may have been revoked or its key replaced; once is enough.
                    (token @ Signature::Token(_), None) => refused = Some(token),
                    _ => return Outcome::Again(Again::unauthorized(detail)),
                },
                outcome => return outcome,
            }
        }
    }

    async fn post(&self, parcel: &Parcel<'_>, server: &str, signature: &Signature) -> Outcome {
        let request = self.http.post(&format!("{server}/api/track/"));
        let request = self.auth.apply(request, signature);
        let mut request = request
            .header("idempotency-key", parcel.key.as_str())
            // API Gateway leaves bodies of this type alone.
            .header(CONTENT_TYPE, "application/x-ndjson");
        if parcel.is_compressed {
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        match exchange(request.body(parcel.body.clone())).await {
            Ok(reply) => judge(&reply, parcel.events, self.clock.now()),
            Err(cut) => Outcome::Again(Again::cut(cut.0)),
        }
    }

    /// Every server is tried once before the first pause, unless one asks for a pause.
    async fn wait(
        &self,
        parcel: &Parcel<'_>,
        server: &str,
        again: Again,
        pauses: &mut Pauses,
        failures: usize,
    ) {
        let is_round_over = failures.is_multiple_of(self.servers.len());
        let pause = match again.after {
            Some(after) => after,
            None if is_round_over => pauses.next(again.pace),
            None => Duration::ZERO,
        };
        self.counters.retry(parcel.events as u64, again.status);
        let (events, seconds) = (parcel.events, pause.as_secs_f64());
        let text = format!(
            "{server}: {}; {events} events go again in {seconds:.1} s",
            again.detail
        );
        self.notices.warn(again.code, text);
        sleep(pause).await;
    }

    fn conclude(&self, parcel: &Parcel<'_>, outcome: Outcome, took: Duration) -> Verdict {
        let events = parcel.events;
        match outcome {
            Outcome::Accepted { duplicates } => {
                let (events, bytes) = (events as u64, parcel.body.len() as u64);
                self.counters.delivered(events, duplicates, bytes, took);
                Verdict::Delivered
            }
            Outcome::Halve(detail) if events > 1 => {
                let text = format!("{detail}; {events} events go again in halves");
                self.notices.info(codes::HALVED, text);
                let half = events / 2;
                Verdict::Cut(vec![(0..half).collect(), (half..events).collect()])
            }
            Outcome::Halve(detail) => {
                self.reject(1, &detail);
                Verdict::Cut(Vec::new())
            }
            Outcome::Reject(bad) => {
                let reasons: Vec<_> = bad.values().take(5).map(String::as_str).collect();
                self.reject(bad.len(), &reasons.join(", "));
                let rest: Vec<_> = (0..events).filter(|at| !bad.contains_key(at)).collect();
                Verdict::Cut(if rest.is_empty() { vec![] } else { vec![rest] })
            }
            Outcome::KeyReused(detail) => {
                let text = format!(
                    "{detail}; {events} events under {} are set aside",
                    parcel.key
                );
                self.notices.error(codes::KEY_REUSED, text);
                Verdict::Stale
            }
            Outcome::Again(_) | Outcome::Unauthorized(_) => {
                unreachable!("attempts end with an outcome that is final or are made again")
            }
        }
    }

    fn reject(&self, events: usize, why: &str) {
        self.counters.dropped(events as u64, Loss::Rejected);
        let text = format!("the server refused {events} events, which are dropped: {why}");
        self.notices.error(codes::REJECTED, text);
    }

    fn tell_stale(&self, parcel: &Parcel<'_>, age: Duration) {
        let (events, hours) = (parcel.events, age.as_secs() / 3600);
        let text = format!(
            "{events} events were first sent {hours} hours ago under {}, which the server may \
             have forgotten: they are set aside, not sent",
            parcel.key
        );
        self.notices.error(codes::STALE, text);
    }
}

/// Off this thread, which has events to take in.
async fn compress(lines: Bytes) -> Bytes {
    let work = move || {
        let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
        let done = encoder.write_all(&lines).and_then(|()| encoder.finish());
        Bytes::from(done.expect("memory takes all that is written"))
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.expect("it does not panic, and the runtime outlives it")
}
