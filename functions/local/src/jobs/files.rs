//! The directory of job files: `NAME.json` is the job NAME.
//!
//! A file that cannot be read or says something that cannot be is told of by its name and stops
//! no other job.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use serde_json::Value;
use weir_collect::Definition;
use weir_model::{Schedule, Timestamp, Zone};
use weir_store::JobName;

/// A directory of job files.
#[derive(Debug, Clone)]
pub(crate) struct JobFiles {
    directory: PathBuf,
}

/// What was in the directory.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The jobs.
    pub(crate) jobs: BTreeMap<JobName, Job>,
    /// What is wrong with the other files, by file.
    pub(crate) broken: BTreeMap<String, String>,
}

/// A job as its file says it.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) name: JobName,
    pub(crate) definition: Definition,
    /// When it runs; none: when somebody asks for it.
    pub(crate) when: Option<When>,
    /// The file as JSON.
    pub(crate) document: Value,
    /// When the file was last written.
    pub(crate) written: Timestamp,
}

/// A schedule and the zone that it is read in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct When {
    pub(crate) schedule: Schedule,
    pub(crate) zone: Zone,
}

impl When {
    /// The first time after `after`.
    pub(crate) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        self.schedule.next(after, &self.zone)
    }
}

/// What tells one state of the directory from another: name, time and size of each file.
pub(crate) type Stamp = Vec<(PathBuf, Option<SystemTime>, u64)>;

impl JobFiles {
    /// The jobs of a directory, which must be there.
    pub(crate) fn open(directory: &Path) -> Result<JobFiles> {
        let shown = directory.display();
        let directory = fs::canonicalize(directory)
            .with_context(|| format!("cannot open the directory of jobs {shown}"))?;
        let files = JobFiles { directory };
        files
            .stamp()
            .with_context(|| format!("cannot list {shown}"))?;
        Ok(files)
    }

    /// Where it is.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// What would change if a file did.
    pub(crate) fn stamp(&self) -> io::Result<Stamp> {
        let mut stamp = Stamp::new();
        for path in self.paths()? {
            let about = fs::metadata(&path).ok();
            let written = about.as_ref().and_then(|about| about.modified().ok());
            stamp.push((path, written, about.map_or(0, |about| about.len())));
        }
        Ok(stamp)
    }

    /// Reads all files.
    pub(crate) fn read(&self) -> io::Result<Found> {
        let mut found = Found::default();
        for path in self.paths()? {
            match Job::read(&path) {
                Ok(job) => _ = found.jobs.insert(job.name.clone(), job),
                Err(why) => _ = found.broken.insert(file_name(&path), why),
            }
        }
        Ok(found)
    }

    fn paths(&self) -> io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            // What an editor keeps beside a file begins with a dot.
            let hidden = file_name(&path).starts_with('.');
            if !hidden && path.extension().is_some_and(|end| end == "json") {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }
}

impl Job {
    /// Reads a job file. The error names the file and the key.
    fn read(path: &Path) -> Result<Job, String> {
        let file = file_name(path);
        let refuse = |why: &dyn std::fmt::Display| format!("{file}: {why}");
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name: JobName = stem.parse().map_err(|error| refuse(&error))?;
        let text = fs::read_to_string(path).map_err(|error| refuse(&error))?;
        let definition = Definition::parse(&text, &file).map_err(|error| error.to_string())?;
        let document = serde_json::from_str(&text).map_err(|error| refuse(&error))?;
        Ok(Job {
            when: When::of(&definition).map_err(|why| refuse(&why))?,
            name,
            definition,
            document,
            written: written(path),
        })
    }
}

impl When {
    fn of(definition: &Definition) -> Result<Option<When>, String> {
        let zone = definition
            .time_zone
            .as_deref()
            .map_or(Ok(Zone::utc()), Zone::parse);
        let zone = zone.map_err(|error| format!("time-zone: {error}"))?;
        let Some(text) = &definition.schedule else {
            return Ok(None);
        };
        let schedule = Schedule::parse(text).map_err(|error| format!("schedule: {error}"))?;
        Ok(Some(When { schedule, zone }))
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Long ago, if the file system does not say.
fn written(path: &Path) -> Timestamp {
    let modified = fs::metadata(path).and_then(|about| about.modified()).ok();
    let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let millis = since.and_then(|since| i64::try_from(since.as_millis()).ok());
    millis
        .and_then(|millis| Timestamp::from_millis(millis).ok())
        .unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PINGDOM: &str = r#"{"entrypoint": "pingdom", "query": {"name": "govuk"}, "options": {},
        "data-set": {"data-group": "g", "data-type": "t"}, "schedule": "rate(1 hour)"}"#;

    fn directory(files: &[(&str, &str)]) -> (tempfile::TempDir, JobFiles) {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(directory.path().join(name), text).unwrap();
        }
        let files = JobFiles::open(directory.path()).unwrap();
        (directory, files)
    }

    #[test]
    fn each_file_is_a_job_of_its_name() {
        let (_kept, files) = directory(&[
            ("uptime.json", PINGDOM),
            (".uptime.json", "no job"),
            ("notes.txt", "no job"),
        ]);
        let found = files.read().unwrap();
        assert!(found.broken.is_empty(), "{:?}", found.broken);
        let names: Vec<&str> = found.jobs.keys().map(JobName::as_str).collect();
        assert_eq!(names, ["uptime"]);
        let when = found.jobs.values().next().unwrap().when.as_ref().unwrap();
        assert_eq!(when.schedule.as_str(), "rate(1 hour)");
        assert_eq!(when.zone, Zone::utc());
    }

    #[test]
    fn a_bad_file_is_named_with_its_key_and_stops_no_other() {
        let with = |key: &str, value: &str| {
            PINGDOM.replacen('{', &format!("{{\"{key}\": \"{value}\", "), 1)
        };
        let without_schedule = PINGDOM.replace(", \"schedule\": \"rate(1 hour)\"", "");
        let (_kept, files) = directory(&[
            ("good.json", PINGDOM),
            ("by-hand.json", &without_schedule),
            ("json.json", "{"),
            ("no name.json", PINGDOM),
            ("zone.json", &with("time-zone", "Mars/Olympus")),
            ("rate.json", &PINGDOM.replace("1 hour", "1 week")),
            ("entry.json", &PINGDOM.replace("\"pingdom\"", "\"pong\"")),
        ]);
        let found = files.read().unwrap();
        assert_eq!(found.jobs.len(), 2);
        let check = |file: &str, parts: &[&str]| {
            let why = &found.broken[file];
            for part in parts.iter().chain([&file]) {
                assert!(why.contains(part), "{file}: {why} lacks {part}");
            }
        };
        check("json.json", &["JSON"]);
        check("no name.json", &["no name"]);
        check("zone.json", &["time-zone", "Mars/Olympus"]);
        check("rate.json", &["schedule", "rate(1 week)", "days"]);
        check("entry.json", &["entrypoint", "pong"]);
        assert_eq!(found.broken.len(), 5);
    }

    #[test]
    fn a_change_is_seen_by_the_stamp() {
        let (kept, files) = directory(&[("a.json", PINGDOM)]);
        let before = files.stamp().unwrap();
        assert_eq!(before, files.stamp().unwrap());
        fs::write(kept.path().join("a.json"), format!("{PINGDOM} ")).unwrap();
        let changed = files.stamp().unwrap();
        assert_ne!(before, changed);
        fs::write(kept.path().join("b.json"), PINGDOM).unwrap();
        assert_ne!(changed, files.stamp().unwrap());
    }
}
