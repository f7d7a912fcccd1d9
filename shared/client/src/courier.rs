//! Brings one batch to the server, for as long as it takes.
//!
//! Every attempt carries the batch's key and the same bytes, whichever server it goes to, so that
//! the batch is counted once even if an answer is lost. The server remembers a key for a day;
//! before that day is over the courier gives up, because a repeat would then be a guess. For the
//! same reason a batch is not taken apart once it may have been stored; see `attempts`.

mod attempts;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::answer::{Again, Outcome, judge};
use crate::auth::{Auth, Signature};
use crate::clock::Clock;
use crate::http::{Arrival, Cut, Http, exchange};
use crate::key::Key;
use crate::notice::{Notices, brief, codes};
use crate::options::Compression;
use crate::pauses::{Bounds, Pace, Pause};
use crate::servers::{Servers, shown};
use crate::statistics::{Counters, Loss};
use attempts::Age;
pub(crate) use attempts::Attempts;

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
    /// Tells those who pause that someone waits.
    pub(crate) hurry: Notify,
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
    /// It goes again after a pause, and others may go first.
    Later(Pause),
}

/// What is sent, attempt for attempt.
struct Parcel<'a> {
    key: &'a Key,
    body: Bytes,
    is_compressed: bool,
    events: usize,
}

impl Courier {
    /// Brings events to the server under a key.
    pub(crate) async fn bring(
        &self,
        key: &Key,
        lines: Bytes,
        events: usize,
        attempts: &mut Attempts,
    ) -> Verdict {
        let parcel = self.pack(key, lines, events).await;
        loop {
            match attempts.age(self.clock.now()) {
                Age::Known => {}
                Age::Forgotten(age) => {
                    self.tell_stale(&parcel, age);
                    return Verdict::Stale;
                }
                Age::Unknown => return Verdict::Later(self.await_clock(&parcel, attempts)),
            }
            let started = Instant::now();
            let (place, server) = self.servers.current();
            let outcome = self.attempt(&parcel, server).await;
            match attempts.weigh(outcome) {
                Outcome::Again(again) => {
                    attempts.failed(&again);
                    self.servers.leave(place);
                    let gives_way = attempts.give_way(&again, self.servers.len());
                    let pause = self.begin_pause(&parcel, server, again, attempts);
                    if gives_way {
                        return Verdict::Later(pause);
                    }
                    self.sit_out(pause).await;
                }
                outcome => {
                    if attempts.failures > 0 {
                        let failures = attempts.failures;
                        let server = shown(server);
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
            Err(Cut(why, arrival)) => Outcome::Again(Again {
                is_doubtful: arrival == Arrival::Perhaps,
                ..Again::cut(why)
            }),
        }
    }

    /// Every server is tried once before the first pause, unless one asks for a pause. What it asks
    /// for comes before the client's own pause, so that no answer makes clients come back at once,
    /// or all together.
    fn begin_pause(
        &self,
        parcel: &Parcel<'_>,
        server: &str,
        again: Again,
        attempts: &mut Attempts,
    ) -> Pause {
        let is_round_over = attempts.failures.is_multiple_of(self.servers.len());
        let asked = again.after.unwrap_or_default();
        let own = match is_round_over || again.after.is_some() {
            true => attempts.pauses.next(again.pace),
            false => Duration::ZERO,
        };
        self.counters.retry(parcel.events as u64, again.status);
        let (events, seconds) = (parcel.events, (asked + own).as_secs_f64());
        let text = format!(
            "{server}: {}; {events} events go again in {seconds:.1} s",
            again.detail
        );
        self.notices.warn(again.code, text);
        self.pause(asked, own, again.is_own)
    }

    /// A pause for as long as the server asked, and then until it is over or someone waits for all
    /// to be sent. Whoever does so again and again does not make it shorter than the first.
    fn pause(&self, asked: Duration, own: Duration, is_own: bool) -> Pause {
        let asked = Instant::now() + asked;
        Pause {
            least: asked + own.min(self.pauses.first),
            until: asked + own,
            is_own,
        }
    }

    async fn sit_out(&self, pause: Pause) {
        let hurry = self.hurry.notified();
        tokio::pin!(hurry);
        // From now on it hears of it.
        hurry.as_mut().enable();
        sleep_until(pause.least).await;
        tokio::select! {
            () = sleep_until(pause.until) => {}
            () = hurry => {}
        }
    }

    fn await_clock(&self, parcel: &Parcel<'_>, attempts: &mut Attempts) -> Pause {
        let text = format!(
            "{} events were first sent at a time that is still to come: they wait until the clock \
             is right",
            parcel.events
        );
        self.notices.warn(codes::RETRY, text);
        self.pause(Duration::ZERO, attempts.pauses.next(Pace::Slow), true)
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
        let text = format!(
            "the server refused {events} events, which are dropped: {}",
            brief(why)
        );
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
