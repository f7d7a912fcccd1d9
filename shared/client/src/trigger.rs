//! Triggers, as FocusLab's clients record them: somebody did something to something.

use serde_json::{Map, Value};
use weir_model::Name;
use weir_model::limits::ACTOR_CHARS;

use crate::refused::Refused;

/// Somebody's action on an object: an event of the object's namespace with the action's name.
///
/// ```
/// # use weir_client::Trigger;
/// Trigger::new(7, "viewed", "blog post")
///     .identity("email", "ada@example.org")
///     .attribute("plan", "pro")
///     .variable("tags", vec!["rust", "events"]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    pub(crate) actor: String,
    action: String,
    object: String,
    /// Identities, attributes and variables, each with its field's name.
    pub(crate) groups: [(&'static str, Map<String, Value>); 3],
}

impl Trigger {
    /// A trigger without identities, attributes and variables. `actor_id` may be a number.
    pub fn new(
        actor_id: impl ToString,
        action: impl Into<String>,
        object: impl Into<String>,
    ) -> Self {
        Self {
            actor: actor_id.to_string(),
            action: action.into(),
            object: object.into(),
            groups: ["identities", "attributes", "variables"].map(|name| (name, Map::new())),
        }
    }

    /// Who the actor is elsewhere: connects one person's activity across actors.
    #[must_use]
    pub fn identity(self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.with(0, key.into(), value.into())
    }

    /// What the actor is like, to filter people by.
    #[must_use]
    pub fn attribute(self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.with(1, key.into(), value.into())
    }

    /// What the event is like.
    #[must_use]
    pub fn variable(self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.with(2, key.into(), value.into())
    }

    fn with(mut self, group: usize, key: String, value: Value) -> Self {
        self.groups[group].1.insert(key, value);
        self
    }

    /// Checks all of it; gives namespace and name.
    pub(crate) fn check(&self) -> Result<(Name, Name), Refused> {
        let name = |field, text| Name::parse(text).map_err(|e| Refused::field(field, e));
        let (object, action) = (name("object", &self.object)?, name("action", &self.action)?);
        if !(1..=ACTOR_CHARS).contains(&self.actor.chars().count()) {
            let reason = format!("must have 1 to {ACTOR_CHARS} characters");
            return Err(Refused::field("actor_id", reason));
        }
        for (group, members) in &self.groups {
            if let Some((key, _)) = members.iter().find(|(_, value)| !is_legal(value)) {
                let reason = "is neither a text, a number, nor a list of these";
                return Err(Refused::field(format!("{group}.{key}"), reason));
            }
        }
        Ok((object, action))
    }
}

fn is_legal(value: &Value) -> bool {
    let is_plain = |value: &Value| value.is_string() || value.is_number();
    match value {
        Value::Array(items) => items.iter().all(is_plain),
        other => is_plain(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(trigger: Trigger, expected: Result<(&str, &str), &str>) {
        let found = trigger.check();
        let found = found.map(|(object, action)| (object.to_string(), action.to_string()));
        let expected = expected.map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(
            found.map_err(|e| e.to_string()),
            expected.map_err(str::to_owned)
        );
    }

    #[test]
    fn a_trigger_is_checked_as_the_service_does() {
        let trigger = || Trigger::new(7, "viewed", "post");
        check(
            trigger()
                .identity("ids", json!([1, 2.5, "x"]))
                .variable("n", 1),
            Ok(("post", "viewed")),
        );
        let reason = "is neither a text, a number, nor a list of these";
        for bad in [json!(null), json!(true), json!({}), json!([[1]])] {
            check(
                trigger().attribute("plan", bad),
                Err(&format!("attributes.plan {reason}")),
            );
        }
        check(
            Trigger::new("", "viewed", "post"),
            Err("actor_id must have 1 to 256 characters"),
        );
        check(
            Trigger::new("a", "", "post"),
            Err("action is empty: 1 to 120 characters are allowed"),
        );
    }
}
