//! Attempts of one request, until there is an answer or none is to be expected.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep, timeout_at};

use crate::http::attempt::Attempt;
use crate::http::request::Wanted;
use crate::http::retry::{Failure, Next};
use crate::http::said::said;
use crate::http::{Http, HttpError, HttpErrorKind, Response, Streaming};

/// Attempts of one request.
#[derive(Debug)]
pub(super) struct Trial {
    http: Http,
    wanted: Wanted,
    place: String,
    end: Instant,
    /// How many attempts count against the tries.
    tried: u32,
    /// How many there were.
    sent: u32,
}

impl Trial {
    pub(super) fn new(http: Http, wanted: Wanted) -> Self {
        let end = Instant::now() + wanted.total_time;
        Self {
            place: wanted.place(),
            end: http.stop.map_or(end, |stop| end.min(stop)),
            http,
            wanted,
            tried: 0,
            sent: 0,
        }
    }

    pub(super) async fn whole(mut self) -> Result<Response, HttpError> {
        loop {
            let attempt = self.attempt().await?;
            match attempt.whole().await {
                Ok(answer) => return Ok(answer),
                Err(failure) => self.go_on(failure).await?,
            }
        }
    }

    pub(super) async fn beginning(mut self) -> Result<Streaming, HttpError> {
        loop {
            let attempt = self.attempt().await?;
            match attempt.beginning().await {
                Ok(answer) => return Ok(answer),
                Err(failure) => self.go_on(failure).await?,
            }
        }
    }

    async fn attempt(&mut self) -> Result<Attempt<'_>, HttpError> {
        self.turn().await;
        if Instant::now() >= self.end {
            let message = format!("{}: no time is left for an answer", self.place);
            return Err(HttpError::new(HttpErrorKind::Unavailable, message));
        }
        self.sent += 1;
        Ok(Attempt {
            http: &self.http,
            wanted: &self.wanted,
            place: &self.place,
            number: self.sent,
            end: self.end,
        })
    }

    /// Waits until the next attempt may be sent.
    async fn turn(&mut self) {
        let Some(pace) = &self.wanted.pace else {
            return;
        };
        let began = Instant::now();
        let turn = pace.turn();
        let stop = self.http.stop;
        match stop {
            // Whether it was the turn or the end is seen by the end.
            Some(stop) => timeout_at(stop, turn).await.unwrap_or_default(),
            None => turn.await,
        }
        let end = self.end + began.elapsed();
        self.end = stop.map_or(end, |stop| end.min(stop));
    }

    /// Waits until the next attempt, or says why there is none.
    async fn go_on(&mut self, failure: Failure) -> Result<(), HttpError> {
        self.tried += 1;
        let rule = &self.wanted.rule;
        match rule.next(&failure, self.tried, rand::random()) {
            Next::End(kind) => Err(self.error(kind, failure, later(kind))),
            Next::Again { wait, .. } if Instant::now() + wait >= self.end => {
                Err(self.out_of_time(wait, failure))
            }
            Next::Again { wait, is_try } => {
                if !is_try {
                    self.tried -= 1;
                    self.hold_others(wait);
                }
                self.pause(&failure, wait).await;
                Ok(())
            }
        }
    }

    /// What is no try is a wait for the server, which wants the others as little.
    fn hold_others(&self, wait: Duration) {
        if let Some(pace) = &self.wanted.pace {
            pace.hold(wait);
        }
    }

    async fn pause(&self, failure: &Failure, wait: Duration) {
        let reason = self.reason(failure);
        let wait_s = wait.as_secs_f64();
        let place = &self.place;
        tracing::warn!(
            request = %place, attempt = self.sent, wait_s,
            "{place}: {reason}; trying again in {wait_s:.1} s"
        );
        sleep(wait).await;
    }

    fn out_of_time(&self, wait: Duration, failure: Failure) -> HttpError {
        let kind = HttpErrorKind::RetryLater { after: Some(wait) };
        let why = format!("; no time is left to wait {:.1} s", wait.as_secs_f64());
        self.error(kind, failure, why)
    }

    fn error(&self, kind: HttpErrorKind, failure: Failure, why: String) -> HttpError {
        let reason = self.reason(&failure);
        let attempts = match self.sent {
            1 => String::new(),
            sent => format!(" (after {sent} attempts)"),
        };
        let message = format!("{}: {reason}{attempts}{why}", self.place);
        HttpError::new(kind, message).with_body(body(failure))
    }

    fn reason(&self, failure: &Failure) -> String {
        match failure {
            Failure::Broken { cause, .. } => cause.clone(),
            Failure::TooLarge { limit_bytes } => {
                format!("the answer is larger than {limit_bytes} bytes")
            }
            Failure::Refused { refusal, .. } => {
                let said = said(refusal.body(), &self.wanted.secrets);
                let said = said.map(|said| format!(", {said:?}")).unwrap_or_default();
                format!("refused with {}{said}", refusal.status())
            }
        }
    }
}

/// What the server wants, if it wants us later.
fn later(kind: HttpErrorKind) -> String {
    match kind {
        HttpErrorKind::RetryLater { after: Some(after) } => {
            format!("; it asks to wait {} s", after.as_secs())
        }
        _ => String::new(),
    }
}

fn body(failure: Failure) -> Bytes {
    match failure {
        Failure::Refused { refusal, .. } => (*refusal).into_body(),
        _ => Bytes::new(),
    }
}
