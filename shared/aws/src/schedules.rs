//! The schedules of a group of EventBridge Scheduler, each of which has a function run.

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::operation::get_schedule::GetScheduleOutput;
use aws_sdk_scheduler::types::{
    DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, ScheduleState,
    Target,
};
use aws_types::SdkConfig;

use crate::call::{CallError, failed};

/// The schedules of one group. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Schedules {
    client: Client,
    group: String,
}

/// A schedule: when, and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledCall {
    /// Its name in the group.
    pub name: String,
    /// When, as `cron(0 10 * * ? *)`.
    pub expression: String,
    /// The time zone of the expression.
    pub time_zone: String,
    /// Whether it happens at all.
    pub enabled: bool,
    /// The ARN of the function.
    pub function: String,
    /// The ARN of the role that may invoke it.
    pub role: String,
    /// The function's event, a JSON text.
    pub input: String,
    /// The ARN of the queue for events that could not be handed over.
    pub dead_letters: String,
    /// How often a hand-over is tried again.
    pub retries: i32,
    /// For how long.
    pub retry_seconds: i32,
}

impl Schedules {
    /// The schedules of a group that this configuration reaches.
    pub fn new(config: &SdkConfig, group: &str) -> Schedules {
        Schedules {
            client: Client::new(config),
            group: group.to_owned(),
        }
    }

    /// The names of all of them.
    ///
    /// # Errors
    /// When there is no such group, or they cannot be listed.
    pub async fn names(&self) -> Result<Vec<String>, CallError> {
        let call = self.client.list_schedules().group_name(&self.group);
        let mut items = call.into_paginator().items().send();
        let mut names = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| {
                let group = format!("schedule group {}", self.group);
                failed("list the schedules of", group, &error)
            })?;
            names.extend(item.name);
        }
        Ok(names)
    }

    /// One of them.
    ///
    /// # Errors
    /// When there is none of this name, or it cannot be read.
    pub async fn read(&self, name: &str) -> Result<ScheduledCall, CallError> {
        let call = self.client.get_schedule().group_name(&self.group);
        let found = call.name(name).send().await;
        let found = found.map_err(|error| failed("read", self.what(name), &error))?;
        Ok(ScheduledCall::of(name, found))
    }

    /// Adds one.
    ///
    /// # Errors
    /// When it is there, or EventBridge Scheduler does not take it.
    pub async fn create(&self, schedule: &ScheduledCall) -> Result<(), CallError> {
        let call = self.client.create_schedule().group_name(&self.group);
        call.name(&schedule.name)
            .schedule_expression(&schedule.expression)
            .schedule_expression_timezone(&schedule.time_zone)
            .state(schedule.state())
            .flexible_time_window(on_time())
            .target(schedule.target())
            .send()
            .await
            .map_err(|error| failed("create", self.what(&schedule.name), &error))?;
        Ok(())
    }

    /// Replaces the one of its name.
    ///
    /// # Errors
    /// When there is none, or EventBridge Scheduler does not take it.
    pub async fn update(&self, schedule: &ScheduledCall) -> Result<(), CallError> {
        let call = self.client.update_schedule().group_name(&self.group);
        call.name(&schedule.name)
            .schedule_expression(&schedule.expression)
            .schedule_expression_timezone(&schedule.time_zone)
            .state(schedule.state())
            .flexible_time_window(on_time())
            .target(schedule.target())
            .send()
            .await
            .map_err(|error| failed("update", self.what(&schedule.name), &error))?;
        Ok(())
    }

    /// Takes one away.
    ///
    /// # Errors
    /// When there is none of this name, or it cannot be deleted.
    pub async fn delete(&self, name: &str) -> Result<(), CallError> {
        let call = self.client.delete_schedule().group_name(&self.group);
        let deleted = call.name(name).send().await;
        deleted.map_err(|error| failed("delete", self.what(name), &error))?;
        Ok(())
    }

    fn what(&self, name: &str) -> String {
        format!("schedule {name} of the group {}", self.group)
    }
}

impl ScheduledCall {
    /// What somebody else has left out or added by hand is read as something that differs.
    fn of(name: &str, found: GetScheduleOutput) -> ScheduledCall {
        let enabled = found.state == Some(ScheduleState::Enabled);
        let target = found.target.as_ref();
        let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
        let retry = target.and_then(Target::retry_policy);
        let dead_letters = target.and_then(Target::dead_letter_config);
        ScheduledCall {
            name: name.to_owned(),
            expression: text(found.schedule_expression()),
            time_zone: text(found.schedule_expression_timezone()),
            enabled,
            function: text(target.map(Target::arn)),
            role: text(target.map(Target::role_arn)),
            input: text(target.and_then(Target::input)),
            dead_letters: text(dead_letters.and_then(DeadLetterConfig::arn)),
            retries: retry
                .and_then(RetryPolicy::maximum_retry_attempts)
                .unwrap_or(-1),
            retry_seconds: retry
                .and_then(RetryPolicy::maximum_event_age_in_seconds)
                .unwrap_or(-1),
        }
    }

    fn state(&self) -> ScheduleState {
        match self.enabled {
            true => ScheduleState::Enabled,
            false => ScheduleState::Disabled,
        }
    }

    fn target(&self) -> Target {
        let retry = RetryPolicy::builder()
            .maximum_retry_attempts(self.retries)
            .maximum_event_age_in_seconds(self.retry_seconds);
        let dead_letters = DeadLetterConfig::builder().arn(&self.dead_letters);
        Target::builder()
            .arn(&self.function)
            .role_arn(&self.role)
            .input(&self.input)
            .dead_letter_config(dead_letters.build())
            .retry_policy(retry.build())
            .build()
            .expect("it has an ARN and a role")
    }
}

fn on_time() -> FlexibleTimeWindow {
    FlexibleTimeWindow::builder()
        .mode(FlexibleTimeWindowMode::Off)
        .build()
        .expect("it has a mode")
}
