//! `weir export`: writes events out, a line each, in the form that import takes back.
//!
//! Series by series, each from its oldest event, page by page, so it needs little memory however
//! much there is.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;

use anyhow::{Context as _, Result};
use indicatif::ProgressBar;
use serde::Deserialize;

use crate::api::{Answer, Api, path};
use crate::args::ExportArgs;
use crate::output::counted;

/// Events of a page: as many as a server gives at once.
const PAGE: &str = "10000";

/// Entries of a page of the catalogue: as many as a server gives at once.
const ENTRIES: &str = "1000";

/// Writes the events that the arguments name.
pub(crate) async fn run(args: &ExportArgs, api: &Api) -> Result<()> {
    let mut out = open(args.output.as_deref())?;
    let mut export = Export {
        args,
        api,
        bar: ProgressBar::new_spinner(),
        events: 0,
    };
    export.write(&mut out).await?;
    out.flush().context("cannot write")?;
    export.bar.finish_and_clear();
    if args.output.is_some() || io::stderr().is_terminal() {
        eprintln!("exported {}", counted(export.events, "event", "events"));
    }
    Ok(())
}

type Out = BufWriter<Box<dyn Write + Send>>;

fn open(path: Option<&Path>) -> Result<Out> {
    let out: Box<dyn Write + Send> = match path {
        Some(path) => {
            let file = File::create(path);
            Box::new(file.with_context(|| format!("cannot write {}", path.display()))?)
        }
        None => Box::new(io::stdout()),
    };
    Ok(BufWriter::new(out))
}

struct Export<'a> {
    args: &'a ExportArgs,
    api: &'a Api,
    bar: ProgressBar,
    events: u64,
}

#[derive(Deserialize)]
struct Namespaces {
    namespaces: Vec<Namespace>,
}

#[derive(Deserialize)]
struct Namespace {
    namespace: String,
}

#[derive(Deserialize)]
struct Names {
    names: Vec<Name>,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

impl Export<'_> {
    async fn write(&mut self, out: &mut Out) -> Result<()> {
        let namespaces = match &self.args.namespace {
            Some(namespace) => vec![namespace.clone()],
            None => self.namespaces().await?,
        };
        for namespace in namespaces {
            let names = match &self.args.name {
                Some(name) => vec![name.clone()],
                None => self.names(&namespace).await?,
            };
            for name in names {
                self.series(&namespace, &name, out).await?;
            }
        }
        Ok(())
    }

    async fn namespaces(&self) -> Result<Vec<String>> {
        let mut all = Vec::new();
        let each = |answer: &Answer| {
            let page: Namespaces = answer.json()?;
            all.extend(page.namespaces.into_iter().map(|entry| entry.namespace));
            Ok(())
        };
        self.api
            .pages(path("/api/namespaces", &[("limit", Some(ENTRIES))]), each)
            .await?;
        Ok(all)
    }

    async fn names(&self, namespace: &str) -> Result<Vec<String>> {
        let mut all = Vec::new();
        let each = |answer: &Answer| {
            let page: Names = answer.json()?;
            all.extend(page.names.into_iter().map(|entry| entry.name));
            Ok(())
        };
        // By query: a path does not carry every namespace.
        let parameters = [("namespace", Some(namespace)), ("limit", Some(ENTRIES))];
        self.api
            .pages(path("/api/namespaces", &parameters), each)
            .await?;
        Ok(all)
    }

    async fn series(&mut self, namespace: &str, name: &str, out: &mut Out) -> Result<()> {
        let path = path(
            "/api/raw",
            &[
                ("namespace", Some(namespace)),
                ("name", Some(name)),
                ("tsMin", self.args.from.as_deref()),
                ("tsMax", self.args.to.as_deref()),
                ("order", Some("oldest")),
                ("format", Some("ndjson")),
                ("limit", Some(PAGE)),
            ],
        );
        let (events, bar) = (&mut self.events, &self.bar);
        let each = |answer: &Answer| {
            *events += answer.body().iter().filter(|byte| **byte == b'\n').count() as u64;
            bar.set_message(counted(*events, "event", "events"));
            bar.tick();
            out.write_all(answer.body()).context("cannot write")
        };
        self.api.pages(path, each).await
    }
}
