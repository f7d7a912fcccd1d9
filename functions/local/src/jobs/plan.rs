//! What has to change for the schedules of a stack to be those of a directory. Pure.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use weir_aws::ScheduledCall;
use weir_collect::Entrypoint;

use super::files::Job;

/// How often EventBridge Scheduler tries again to hand an event to Lambda, and for how long: a job
/// that is an hour late is made up for by the next one.
const RETRIES: i32 = 5;
const RETRY_SECONDS: i32 = 3600;

/// What an event says beside the job's document, which therefore cannot say it.
const KEYS_OF_EVENTS: [&str; 7] = [
    "name",
    "start",
    "end",
    "state",
    "started",
    "round",
    "scheduled",
];

/// EventBridge Scheduler API reference, "Target": the longest input.
const LONGEST_INPUT: usize = 262_144;

/// What EventBridge Scheduler puts the time of the run into the place of.
const SCHEDULED_TIME: &str = "<aws.scheduler.scheduled-time>";

/// The names of what a stack has for its jobs, which `infra/template.yaml` gives them.
#[derive(Debug, Clone)]
pub(super) struct Places {
    partition: String,
    region: String,
    account: String,
    stack: String,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// There is none of this name.
    Create(ScheduledCall),
    /// It is another; with what differs.
    Update(ScheduledCall, Vec<String>),
    /// There is no such job.
    Delete(String),
}

impl Places {
    /// Reads region and account from the name of one of the stack's tables:
    /// `arn:aws:dynamodb:eu-central-1:111122223333:table/weir-registry`.
    pub(super) fn of(stack: &str, table_arn: &str) -> Option<Places> {
        let parts: Vec<&str> = table_arn.split(':').collect();
        let ["arn", partition, "dynamodb", region, account, _] = parts[..] else {
            return None;
        };
        Some(Places {
            partition: partition.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            stack: stack.to_owned(),
        })
    }

    /// The group of the stack's schedules.
    pub(super) fn group(&self) -> String {
        format!("{}-jobs", self.stack)
    }

    fn function(&self, entrypoint: Entrypoint) -> String {
        let name = match entrypoint {
            Entrypoint::Pingdom => "collect-pingdom",
            Entrypoint::Ga | Entrypoint::GaTrending | Entrypoint::GaRealtime => "collect-ga",
            Entrypoint::Pendo => "collect-pendo",
        };
        let resource = format!("function:{}-{name}", self.stack);
        self.arn("lambda", &self.region, &resource)
    }

    fn role(&self) -> String {
        self.arn("iam", "", &format!("role/{}-schedule", self.stack))
    }

    fn dead_letters(&self) -> String {
        self.arn("sqs", &self.region, &format!("{}-schedule-dlq", self.stack))
    }

    fn arn(&self, service: &str, region: &str, resource: &str) -> String {
        format!(
            "arn:{}:{service}:{region}:{}:{resource}",
            self.partition, self.account
        )
    }

    /// The schedule of a job; none if the job has none.
    ///
    /// # Errors
    /// When EventBridge Scheduler would not take it, or its function would misunderstand it.
    pub(super) fn schedule(&self, job: &Job) -> Result<Option<ScheduledCall>, String> {
        let Some(when) = &job.when else {
            return Ok(None);
        };
        refuse_keys_of_events(job)?;
        let input = event(job);
        if input.len() > LONGEST_INPUT {
            let length = input.len();
            return Err(format!(
                "{}: it has {length} bytes as an event, and EventBridge Scheduler takes \
                 {LONGEST_INPUT}",
                job.definition.file
            ));
        }
        Ok(Some(ScheduledCall {
            name: job.name.to_string(),
            expression: when.schedule.to_string(),
            time_zone: when.zone.name().to_owned(),
            enabled: true,
            function: self.function(job.definition.entrypoint),
            role: self.role(),
            input,
            dead_letters: self.dead_letters(),
            retries: RETRIES,
            retry_seconds: RETRY_SECONDS,
        }))
    }
}

fn refuse_keys_of_events(job: &Job) -> Result<(), String> {
    let is_there = |key: &&&str| job.document.get(**key).is_some();
    match KEYS_OF_EVENTS.iter().find(is_there) {
        None => Ok(()),
        Some(key) => Err(format!(
            "{}: {key}: it is a key of the events of a deployed job, and a job's file cannot have \
             it: take it out",
            job.definition.file
        )),
    }
}

/// What the function gets: the job's document, its name, and, from EventBridge Scheduler, when it
/// is due (user guide, "Adding context attributes").
fn event(job: &Job) -> String {
    let mut event = job.document.clone();
    event["name"] = job.name.as_str().into();
    event["scheduled"] = SCHEDULED_TIME.into();
    event.to_string()
}

/// What turns the schedules that are there into the wanted ones: in the order of their names, and
/// deletions last.
pub(super) fn changes(wanted: Vec<ScheduledCall>, found: Vec<ScheduledCall>) -> Vec<Change> {
    let mut found: BTreeMap<String, ScheduledCall> = found
        .into_iter()
        .map(|schedule| (schedule.name.clone(), schedule))
        .collect();
    let mut changes = Vec::new();
    for schedule in wanted {
        match found.remove(&schedule.name) {
            None => changes.push(Change::Create(schedule)),
            Some(old) => {
                let differences = differences(&old, &schedule);
                if !differences.is_empty() {
                    changes.push(Change::Update(schedule, differences));
                }
            }
        }
    }
    changes.extend(found.into_keys().map(Change::Delete));
    changes
}

fn differences(old: &ScheduledCall, new: &ScheduledCall) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, old: &str, new: &str| {
        if old != new {
            found.push(format!(
                "{what}: {} -> {new}",
                if old.is_empty() { "none" } else { old }
            ));
        }
    };
    compare("schedule", &old.expression, &new.expression);
    compare("time-zone", &old.time_zone, &new.time_zone);
    compare("state", state(old), state(new));
    compare("function", &old.function, &new.function);
    compare("role", &old.role, &new.role);
    compare("dead letters", &old.dead_letters, &new.dead_letters);
    compare("retries", &retries(old), &retries(new));
    found.extend(documents(&old.input, &new.input));
    found
}

fn state(schedule: &ScheduledCall) -> &'static str {
    match schedule.enabled {
        true => "enabled",
        false => "disabled",
    }
}

fn retries(schedule: &ScheduledCall) -> String {
    format!("{} in {} s", schedule.retries, schedule.retry_seconds)
}

/// The keys of two documents whose values differ. The order of keys says something: dimensions
/// and mappings are applied in it.
fn documents(old: &str, new: &str) -> Vec<String> {
    if old == new {
        return Vec::new();
    }
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let (old, new) = (read(old), read(new));
    let empty = serde_json::Map::new();
    let (before, after) = (
        old.as_object().unwrap_or(&empty),
        new.as_object().unwrap_or(&empty),
    );
    let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
    keys.sort();
    keys.dedup();
    let text = |value: Option<&Value>| value.map(Value::to_string);
    let differing = keys
        .into_iter()
        // The schedule itself is compared already.
        .filter(|key| !matches!(key.as_str(), "schedule" | "time-zone"))
        .filter(|key| text(before.get(*key)) != text(after.get(*key)));
    let found: Vec<String> = differing
        .map(|key| format!("{key} of the document"))
        .collect();
    let same_schedule = text(before.get("schedule")) == text(after.get("schedule"));
    match found.is_empty() && same_schedule {
        true => vec!["the document's form".to_owned()],
        false => found,
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Create(schedule) => write!(
                f,
                "create {}: {} in {}",
                schedule.name, schedule.expression, schedule.time_zone
            ),
            Change::Update(schedule, differences) => {
                write!(f, "update {}: {}", schedule.name, differences.join("; "))
            }
            Change::Delete(name) => write!(f, "delete {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::files::JobFiles;

    const REGISTRY: &str = "arn:aws:dynamodb:eu-central-1:111122223333:table/shop-registry";

    fn job(document: &str) -> Job {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("uptime.json"), document).unwrap();
        let mut found = JobFiles::open(directory.path()).unwrap().read().unwrap();
        assert!(found.broken.is_empty(), "{:?}", found.broken);
        found.jobs.pop_first().unwrap().1
    }

    fn document(schedule: &str, check: &str) -> String {
        format!(
            "{{\"entrypoint\": \"backdrop.collector.pingdom\", \"query\": {{\"name\": {check:?}}},
              \"options\": {{}}, \"data-set\": {{\"data-group\": \"g\", \"data-type\": \"t\"}},
              \"schedule\": {schedule:?}, \"time-zone\": \"Europe/London\"}}"
        )
    }

    fn wanted(schedule: &str, check: &str) -> ScheduledCall {
        let places = Places::of("shop", REGISTRY).unwrap();
        let job = job(&document(schedule, check));
        places.schedule(&job).unwrap().unwrap()
    }

    #[test]
    fn a_job_becomes_a_schedule_of_its_stack() {
        let schedule = wanted("rate(1 hour)", "govuk");
        let in_account = "eu-central-1:111122223333";
        assert_eq!(
            schedule.function,
            format!("arn:aws:lambda:{in_account}:function:shop-collect-pingdom")
        );
        assert_eq!(
            schedule.role,
            "arn:aws:iam::111122223333:role/shop-schedule"
        );
        assert_eq!(
            schedule.dead_letters,
            format!("arn:aws:sqs:{in_account}:shop-schedule-dlq")
        );
        assert_eq!(schedule.time_zone, "Europe/London");
        let event: Value = serde_json::from_str(&schedule.input).unwrap();
        assert_eq!(event["name"], "uptime");
        assert_eq!(event["scheduled"], "<aws.scheduler.scheduled-time>");
        assert_eq!(event["query"]["name"], "govuk");
    }

    #[test]
    fn nothing_changes_what_is_equal() {
        let schedule = wanted("rate(1 hour)", "govuk");
        assert_eq!(changes(vec![schedule.clone()], vec![schedule]), []);
    }

    #[test]
    fn what_is_missing_other_or_too_many_is_changed() {
        let schedule = wanted("rate(1 hour)", "govuk");
        let create = changes(vec![schedule.clone()], Vec::new());
        assert_eq!(
            create[0].to_string(),
            "create uptime: rate(1 hour) in Europe/London"
        );
        let delete = changes(Vec::new(), vec![schedule.clone()]);
        assert_eq!(delete[0].to_string(), "delete uptime");
        let check = |old: ScheduledCall, expected: &str| {
            let changes = changes(vec![schedule.clone()], vec![old]);
            assert_eq!(changes[0].to_string(), format!("update uptime: {expected}"));
        };
        let other = "schedule: rate(2 hours) -> rate(1 hour)";
        check(wanted("rate(2 hours)", "govuk"), other);
        check(wanted("rate(1 hour)", "other"), "query of the document");
        let paused = ScheduledCall {
            enabled: false,
            ..schedule.clone()
        };
        check(paused, "state: disabled -> enabled");
        let by_hand = ScheduledCall {
            input: "no document".to_owned(),
            dead_letters: String::new(),
            ..schedule.clone()
        };
        let check_parts = changes(vec![schedule.clone()], vec![by_hand]);
        let text = check_parts[0].to_string();
        assert!(text.contains("dead letters: none -> arn:aws:sqs"), "{text}");
        assert!(text.contains("entrypoint of the document"), "{text}");
    }

    #[test]
    fn a_file_cannot_say_what_an_event_says() {
        let places = Places::of("shop", REGISTRY).unwrap();
        for key in KEYS_OF_EVENTS {
            let with = format!("{{\"{key}\": null, \"entrypoint\"");
            let document = document("rate(1 hour)", "govuk").replacen("{\"entrypoint\"", &with, 1);
            let refusal = places.schedule(&job(&document)).unwrap_err();
            assert!(
                refusal.contains("uptime.json: ") && refusal.contains(key),
                "{refusal}"
            );
        }
    }

    #[test]
    fn a_job_without_a_schedule_has_none() {
        let places = Places::of("shop", REGISTRY).unwrap();
        let document = document("rate(1 hour)", "govuk").replace("\"schedule\"", "\"note\"");
        assert_eq!(places.schedule(&job(&document)), Ok(None));
        assert!(Places::of("shop", "table/shop-registry").is_none());
    }
}
