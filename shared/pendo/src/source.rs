//! The source: the wanted streams of Pendo, one unit after the other.
//!
//! A unit is a stream and its child. Units are read in the order of the catalog, a child right after
//! its parent's records, for which the parents' ids are gathered meanwhile. A state that was left in
//! the middle of a stream goes on there, and then to the end of the list: what comes before was read
//! by the run that left it, but for readings that it has not ended, which come last.
//!
//! A stream or a parent that Pendo refuses, or has no answer about, is left out, with its bookmark, and
//! the run fails at its end. A refused key ends it at once, and so does a Pendo that does not answer
//! about one stream after the other.

mod units;

use std::sync::Arc;
use std::time::Duration;

use weir_collector::{Fault, Output, Source, SourceError, State};

use crate::api::{Api, Apps, PendoAccess, Trouble, metadata};
use crate::config::Config;
use crate::discover::Custom;
use crate::parents::Parents;
use crate::pass::{Ended, end_pass, read_pass};
use crate::selection::{SelectedStream, Selection};
use crate::state::{Book, Failures, Pass, Series, Traversal};
use crate::streams::{EntityKind, EventsKind, Kind, MetadataOf, StreamId};
use crate::sync::{
    Pace, Plan, Reader, Teller, bookmark_after, looking_back, tell_metadata, tell_reports,
    tell_series, traverse,
};

/// The first pause of a backoff where an answer was cut.
const PAUSE: Duration = Duration::from_secs(1);

/// So many streams in a row without an answer, and Pendo is not there. The next run begins with the
/// last of them, so two that never have an answer hold up nobody for ever.
const UNAVAILABLE_IN_A_ROW: u32 = 2;

/// Reads the wanted streams of Pendo.
#[derive(Debug)]
pub struct Pendo {
    config: Config,
    selection: Selection,
    access: PendoAccess,
    pace: Pace,
    pause: Duration,
}

impl Pendo {
    /// Takes what is wanted. Nothing is asked yet.
    pub fn new(config: Config, selection: Selection, access: PendoAccess) -> Pendo {
        Pendo {
            config,
            selection,
            access,
            pace: Pace::Usual,
            pause: PAUSE,
        }
    }

    /// Tells a state wherever there can be one, instead of one in a few seconds.
    #[must_use]
    pub fn with_every_state(self) -> Pendo {
        let pace = Pace::EveryBorder;
        Pendo { pace, ..self }
    }

    /// Waits so long when an answer was cut twice, and doubles it from then on (a second).
    #[must_use]
    pub fn pausing(self, pause: Duration) -> Pendo {
        Pendo { pause, ..self }
    }
}

impl Source for Pendo {
    async fn read(
        &mut self,
        state: Option<&State>,
        output: &mut Output,
    ) -> Result<(), SourceError> {
        let book = Book::read(state, self.config.period)?;
        let api = Arc::new(Api::open(&self.config, &self.access, self.pause)?);
        let observer = Arc::clone(&self.access.observer);
        let run = Run {
            pendo: self,
            apps: Apps::of(&self.config),
            teller: Teller::new(output, &*observer, book, self.pace),
            unavailable: 0,
            api,
        };
        // It is large, and callers keep what they wait for.
        Box::pin(run.read()).await
    }
}

/// Asks Pendo for the custom fields of accounts and visitors.
///
/// # Errors
/// When Pendo does not answer, or refuses the key.
pub async fn discover(config: &Config, access: &PendoAccess) -> Result<Custom, SourceError> {
    let api = Api::open(config, access, PAUSE)?;
    let ask = async |stream, of| {
        let answer = api.whole(stream, &metadata(of)).await;
        answer.map_err(|trouble| match trouble.of_stream() {
            Ok(fault) => SourceError::Final(fault),
            Err(error) => error,
        })
    };
    let accounts = ask(StreamId::MetadataAccounts, MetadataOf::Account).await?;
    let visitors = ask(StreamId::MetadataVisitors, MetadataOf::Visitor).await?;
    Ok(Custom::of(&accounts, &visitors))
}

/// A run.
struct Run<'a> {
    pendo: &'a Pendo,
    api: Arc<Api>,
    apps: Apps,
    teller: Teller<'a>,
    /// Streams since the last one that there was an answer about.
    unavailable: u32,
}

impl<'a> Run<'a> {
    async fn read(mut self) -> Result<(), SourceError> {
        let ended = self.read_units().await;
        let failures = &self.teller.book.failures;
        ended.map_err(|error| match error {
            SourceError::Final(fault) => SourceError::Final(failures.added_to(fault)),
            SourceError::Later { fault, after } => SourceError::Later {
                fault: failures.added_to(fault),
                after,
            },
            SourceError::Stopped => SourceError::Stopped,
        })
    }

    async fn read_units(&mut self) -> Result<(), SourceError> {
        let resumes = self.teller.book.currently();
        let (units, goes_on) = self.order(resumes);
        if !goes_on {
            self.teller.book.failures = Failures::default();
        }
        for (place, unit) in units.iter().enumerate() {
            self.teller.book.set_currently(Some(unit.id));
            let child = self.child_of(unit);
            let resumed = resumes.filter(|_| goes_on && place == 0);
            let unavailable = self.unavailable;
            self.unit(unit, child, resumed).await?;
            if self.unavailable == unavailable {
                self.unavailable = 0;
            }
            let next = units.get(place + 1);
            self.teller.book.set_currently(next.map(|next| next.id));
            if next.is_some() {
                self.teller.state().await?;
            }
        }
        let failures = std::mem::take(&mut self.teller.book.failures);
        // After the last one there is nothing left that could be stopped.
        let _ = self.teller.state().await;
        match failures.fault() {
            Some(fault) => Err(SourceError::Final(fault)),
            None => Ok(()),
        }
    }

    async fn unit(
        &mut self,
        stream: &SelectedStream,
        child: Option<&SelectedStream>,
        resumed: Option<StreamId>,
    ) -> Result<(), SourceError> {
        match stream.id.kind() {
            Kind::Entity(kind) => self.entity(stream, kind, child, resumed).await,
            Kind::Events(kind) => self.series(stream, kind).await,
            Kind::Reports => self.reports(stream).await,
            Kind::Metadata(of) => self.metadata(stream, of).await,
            // It is a child.
            Kind::History => Ok(()),
        }
    }

    async fn entity(
        &mut self,
        stream: &SelectedStream,
        kind: EntityKind,
        child: Option<&SelectedStream>,
        resumed: Option<StreamId>,
    ) -> Result<(), SourceError> {
        let mut pass = match child {
            Some(child) => Some((child, self.teller.book.pass(child.id)?)),
            None => None,
        };
        let goes_on = |pass: &Pass, child: StreamId| pass.began.is_some() && resumed == Some(child);
        let parents = match &pass {
            Some((child, pass)) if goes_on(pass, child.id) => {
                let plan = Plan::ids(pass.after.as_deref());
                self.things(stream, kind, plan, None).await?
            }
            _ => self.parents(stream, kind, &mut pass).await?,
        };
        match (pass, parents) {
            (Some((child, pass)), Some(parents)) => self.child(child, pass, parents).await,
            _ => Ok(()),
        }
    }

    /// Tells a stream of things. None, if it could not be read.
    async fn parents(
        &mut self,
        stream: &SelectedStream,
        kind: EntityKind,
        pass: &mut Option<(&SelectedStream, Pass)>,
    ) -> Result<Option<Parents>, SourceError> {
        let now = self.api.now();
        let under_way = self.teller.book.traversal(stream.id)?;
        let gathers = pass.is_some();
        let plan = match &under_way {
            Some(under_way) => {
                // Where the pass was, is not gathered: it begins again.
                if let Some((_, pass)) = pass.as_mut().filter(|(_, pass)| pass.after.is_some()) {
                    pass.begin(now);
                }
                Plan::after(gathers, under_way.after.as_deref())
            }
            None => {
                let after = pass.as_ref().and_then(|(_, pass)| pass.after.as_deref());
                Plan::whole(gathers, after)
            }
        };
        let mut under_way = under_way.unwrap_or(Traversal {
            began: now,
            ..Traversal::default()
        });
        self.teller.begin(stream).await?;
        let parents = self
            .things(stream, kind, plan, Some(&mut under_way))
            .await?;
        if parents.is_none() {
            self.teller.end();
            return Ok(None);
        }
        self.end_traversal(stream.id, &under_way)?;
        if let Some((child, pass)) = pass {
            if pass.began.is_none() {
                pass.begin(now);
            }
            self.teller.book.begin_pass(child.id, pass)?;
            self.teller.book.set_currently(Some(child.id));
            self.teller.state().await?;
        }
        Ok(parents)
    }

    fn end_traversal(&mut self, stream: StreamId, ended: &Traversal) -> Result<(), SourceError> {
        let before = self.teller.book.bookmark(stream)?;
        let period = self.pendo.config.period;
        let after = bookmark_after(stream, period, before, ended.began, ended.greatest);
        self.teller.book.set_traversal(stream, None);
        self.teller.book.set_bookmark(stream, after);
        self.teller.end();
        Ok(())
    }

    /// Reads things as planned; without a traversal nothing is told.
    async fn things(
        &mut self,
        stream: &SelectedStream,
        kind: EntityKind,
        plan: Plan,
        under_way: Option<&mut Traversal>,
    ) -> Result<Option<Parents>, SourceError> {
        let bookmark = self.bookmark(stream.id)?;
        let tells = under_way.is_some();
        let mut nothing = Traversal::default();
        let under_way = under_way.unwrap_or(&mut nothing);
        let asked = (&kind, &self.apps, self.pendo.config.record_limit);
        let place = (bookmark, &mut *under_way);
        let read = traverse(&self.api, stream, asked, plan, place, &mut self.teller).await;
        match read {
            Ok(parents) => Ok(Some(parents)),
            Err(trouble) => {
                if tells {
                    let id = stream.id;
                    let write = |book: &mut Book| book.set_traversal(id, Some(under_way));
                    self.teller.last_word(write).await;
                }
                self.failed(stream.id, trouble)?;
                Ok(None)
            }
        }
    }

    async fn child(
        &mut self,
        stream: &SelectedStream,
        mut pass: Pass,
        parents: Parents,
    ) -> Result<(), SourceError> {
        let bookmark = self.teller.book.bookmark(stream.id)?;
        self.teller.book.set_currently(Some(stream.id));
        self.teller.begin(stream).await?;
        let reader = self.reader(stream);
        let parents = parents.read().map_err(Trouble::from).map_err(of_file)?;
        let reading = Arc::clone(&reader);
        let ended = read_pass(reading, parents, bookmark, &mut pass, &mut self.teller).await?;
        match ended {
            Ended::Complete => end_pass(&reader, bookmark, &mut pass, &mut self.teller.book),
            Ended::GivenUp => self.teller.book.set_pass(stream.id, &pass),
        }
        self.teller.end();
        Ok(())
    }

    async fn series(
        &mut self,
        stream: &SelectedStream,
        kind: EventsKind,
    ) -> Result<(), SourceError> {
        let before = self.teller.book.bookmark(stream.id)?;
        let config = &self.pendo.config;
        let position = before.unwrap_or(config.start_date.as_millis());
        let since = looking_back(config, stream.id, position);
        let under_way = self.teller.book.series(stream.id)?;
        let mut under_way = under_way.unwrap_or_else(|| Series {
            began: self.api.now(),
            greatest: None,
            at: since,
        });
        self.teller.begin(stream).await?;
        let reader = self.reader(stream);
        let read = tell_series(reader, kind, since, &mut under_way, &mut self.teller).await;
        let id = stream.id;
        if let Err(trouble) = read {
            let write = |book: &mut Book| book.set_series(id, Some(&under_way));
            self.teller.last_word(write).await;
            self.failed(id, trouble)?;
            self.teller.end();
            return Ok(());
        }
        let (began, greatest) = (under_way.began, under_way.greatest);
        let after = bookmark_after(id, config.period, before, began, greatest);
        self.teller.book.set_series(id, None);
        self.teller.book.set_bookmark(id, after);
        self.teller.end();
        Ok(())
    }

    async fn reports(&mut self, stream: &SelectedStream) -> Result<(), SourceError> {
        let began = self.api.now();
        let before = self.teller.book.bookmark(stream.id)?;
        let since = self.bookmark(stream.id)?;
        self.teller.begin(stream).await?;
        let told = tell_reports(&self.api, stream, since, &mut self.teller).await;
        match told {
            Ok(greatest) => {
                let period = self.pendo.config.period;
                let after = bookmark_after(stream.id, period, before, began, greatest);
                self.teller.book.set_bookmark(stream.id, after);
            }
            Err(trouble) => self.failed(stream.id, trouble)?,
        }
        self.teller.end();
        Ok(())
    }

    async fn metadata(
        &mut self,
        stream: &SelectedStream,
        of: MetadataOf,
    ) -> Result<(), SourceError> {
        self.teller.begin(stream).await?;
        let told = tell_metadata(&self.api, stream, of, &mut self.teller).await;
        if let Err(trouble) = told {
            self.failed(stream.id, trouble)?;
        }
        self.teller.end();
        Ok(())
    }

    /// Notes that a stream could not be read, if the others can.
    fn failed(&mut self, stream: StreamId, trouble: Trouble) -> Result<(), SourceError> {
        let fault = match trouble {
            Trouble::Unavailable(fault) => {
                self.unavailable += 1;
                if self.unavailable >= UNAVAILABLE_IN_A_ROW || self.teller.is_stopping() {
                    let fault = Fault::new(format_args!("{stream}: {fault}"));
                    return Err(SourceError::Later { fault, after: None });
                }
                fault
            }
            other => other.of_stream()?,
        };
        self.teller.book.failures.stream(stream, &fault);
        Ok(())
    }

    /// From when on things are told.
    fn bookmark(&self, stream: StreamId) -> Result<i64, SourceError> {
        let start = self.pendo.config.start_date.as_millis();
        Ok(self.teller.book.bookmark(stream)?.unwrap_or(start))
    }

    fn reader(&self, stream: &SelectedStream) -> Arc<Reader> {
        Arc::new(Reader {
            api: Arc::clone(&self.api),
            stream: stream.clone(),
            config: self.pendo.config.clone(),
            pace: self.pendo.pace,
        })
    }
}

fn of_file(trouble: Trouble) -> SourceError {
    match trouble.of_stream() {
        Ok(fault) => SourceError::Final(fault),
        Err(error) => error,
    }
}
