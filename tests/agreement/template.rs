//! The template, with the short forms of CloudFormation's functions written out, and those that
//! name something in the template carried out.

use std::path::Path;

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// What the stack is called here: the names of its tables are then the store's own defaults.
pub(crate) const STACK: &str = "weir";

/// The functions' logical names, as the code calls them.
pub(crate) const FUNCTIONS: [(&str, &str); 8] = [
    ("track", "TrackFunction"),
    ("query", "QueryFunction"),
    ("token", "TokenFunction"),
    ("data", "DataFunction"),
    ("compact", "CompactFunction"),
    ("collect-ga", "CollectGaFunction"),
    ("collect-pendo", "CollectPendoFunction"),
    ("collect-pingdom", "CollectPingdomFunction"),
];

/// Whether requests come to a function, or a schedule starts it.
pub(crate) fn answers_requests(function: &str) -> bool {
    function != "compact" && !collects(function)
}

/// Whether a function runs jobs.
pub(crate) fn collects(function: &str) -> bool {
    function.starts_with("collect-")
}

/// A template.
pub(crate) struct Template(Value);

impl Template {
    pub(crate) fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/template.yaml");
        let text = std::fs::read_to_string(&path).expect("the template is there");
        Self::parse(&text)
    }

    fn parse(text: &str) -> Self {
        let documents = Yaml::load_from_str(text).expect("YAML");
        assert_eq!(documents.len(), 1, "one document");
        Self(written_out(&documents[0]))
    }

    /// The resources of a type: their logical names and resolved properties.
    pub(crate) fn of_type(&self, kind: &str) -> Vec<(&str, Value)> {
        let resources = self.0["Resources"].as_object().expect("resources").iter();
        resources
            .filter(|(_, resource)| resource["Type"] == kind)
            .map(|(name, resource)| (name.as_str(), self.resolved(&resource["Properties"])))
            .collect()
    }

    /// The resolved properties of a resource.
    pub(crate) fn properties(&self, name: &str) -> Value {
        let resource = &self.0["Resources"][name];
        assert!(resource.is_object(), "there is no resource {name}");
        self.resolved(&resource["Properties"])
    }

    /// Other attributes of a resource, such as `DeletionPolicy`.
    pub(crate) fn attribute(&self, name: &str, attribute: &str) -> &Value {
        &self.0["Resources"][name][attribute]
    }

    fn resolved(&self, value: &Value) -> Value {
        match value {
            Value::Object(map) => match map.iter().next() {
                Some((function, argument)) if map.len() == 1 => self.call(function, argument),
                _ => None,
            }
            .unwrap_or_else(|| {
                let members = map.iter();
                Value::Object(
                    members
                        .map(|(k, v)| (k.clone(), self.resolved(v)))
                        .collect(),
                )
            }),
            Value::Array(list) => list.iter().map(|value| self.resolved(value)).collect(),
            _ => value.clone(),
        }
    }

    fn call(&self, function: &str, argument: &Value) -> Option<Value> {
        match (function, argument) {
            ("Ref", Value::String(name)) => Some(self.referred(name)),
            ("Fn::GetAtt", Value::Array(path)) => {
                let path: Vec<_> = path.iter().filter_map(Value::as_str).collect();
                Some(path.join(".").into())
            }
            ("Fn::Sub", Value::String(text)) => Some(self.substituted(text).into()),
            ("Fn::Join", Value::Array(parts)) => {
                let parts = self.resolved(&parts[1]);
                let parts: Vec<_> = list(&parts).into_iter().filter_map(Value::as_str).collect();
                Some(parts.join(argument[0].as_str()?).into())
            }
            ("Fn::If", Value::Array(choice)) => {
                let holds = self.holds(&self.0["Conditions"][choice[0].as_str()?]);
                Some(self.resolved(&choice[if holds { 1 } else { 2 }]))
            }
            _ => None,
        }
    }

    /// Whether a condition holds with the parameters' defaults.
    fn holds(&self, condition: &Value) -> bool {
        match (&condition["Fn::Equals"], &condition["Fn::Not"]) {
            (Value::Array(sides), _) => self.resolved(&sides[0]) == self.resolved(&sides[1]),
            (_, Value::Array(not)) => !self.holds(&not[0]),
            _ => panic!("no condition that is known here: {condition}"),
        }
    }

    /// The logical name of the one secret.
    pub(crate) fn secret(&self) -> String {
        let secrets = self.of_type("AWS::SecretsManager::Secret");
        assert_eq!(secrets.len(), 1);
        secrets[0].0.to_owned()
    }

    /// A parameter's default, a pseudo parameter, or the logical name of a resource.
    fn referred(&self, name: &str) -> Value {
        match name {
            "AWS::StackName" => STACK.into(),
            "AWS::NoValue" => Value::Null,
            _ => match &self.0["Parameters"][name] {
                Value::Object(parameter) => parameter["Default"].clone(),
                _ => name.into(),
            },
        }
    }

    fn substituted(&self, text: &str) -> String {
        let mut rest = text;
        let mut done = String::new();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').expect("a closing brace");
            let value = self.referred(name);
            done += before;
            done += value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
                .as_str();
            rest = after;
        }
        done + rest
    }
}

/// `!GetAtt A.B` is `{"Fn::GetAtt": ["A", "B"]}`, and so on (CloudFormation user guide, "Intrinsic
/// function reference").
fn written_out(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(scalar) => plain(scalar),
        Yaml::Sequence(list) => list.iter().map(written_out).collect(),
        Yaml::Mapping(map) => {
            let members = map.iter().map(|(key, value)| {
                let key = key.as_str().expect("keys are text").to_owned();
                (key, written_out(value))
            });
            Value::Object(members.collect::<Map<_, _>>())
        }
        Yaml::Tagged(tag, tagged) => long_form(&tag.suffix, written_out(tagged)),
        other => panic!("nothing that a template has: {other:?}"),
    }
}

fn plain(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => (*value).into(),
        Scalar::Integer(value) => (*value).into(),
        Scalar::FloatingPoint(value) => value.into_inner().into(),
        Scalar::String(text) => text.as_ref().into(),
    }
}

fn long_form(tag: &str, argument: Value) -> Value {
    match (tag, &argument) {
        ("Ref" | "Condition", _) => json!({ tag: argument }),
        ("GetAtt", Value::String(path)) => {
            let (name, attribute) = path.split_once('.').expect("a name and an attribute");
            json!({ "Fn::GetAtt": [name, attribute] })
        }
        _ => json!({ format!("Fn::{tag}"): argument }),
    }
}

/// A value that is one thing or a list of them.
pub(crate) fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) => list.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

#[test]
fn short_forms_are_read() {
    let template = Template::parse(
        "
Parameters:
  Days: {Type: Number, Default: 30}
Conditions:
  IsShort: !Not [!Equals [!Ref Days, 30]]
Resources:
  Log:
    Type: AWS::Logs::LogGroup
    Properties:
      LogGroupName: !Sub /aws/${AWS::StackName}-${Days}
      RetentionInDays: !Ref Days
      Beside: [!GetAtt Other.Arn, !Ref Other, !If [IsShort, b, !Ref Days]]
",
    );
    let expected = json!({
        "LogGroupName": "/aws/weir-30",
        "RetentionInDays": 30,
        "Beside": ["Other.Arn", "Other", 30],
    });
    assert_eq!(template.properties("Log"), expected);
    assert_eq!(template.of_type("AWS::Logs::LogGroup"), [("Log", expected)]);
}
