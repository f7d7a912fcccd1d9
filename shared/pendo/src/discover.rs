//! The custom fields that an account of Pendo has, as its documents of metadata tell them.

use serde_json::{Map, Value};

use crate::names::decamelize;

/// The custom fields of accounts and visitors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Custom {
    /// Those of accounts.
    pub accounts: Vec<CustomField>,
    /// Those of visitors.
    pub visitors: Vec<CustomField>,
}

/// A custom field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomField {
    /// What it is called in records: `plan_name`.
    pub name: String,
    /// What its values are.
    pub kind: CustomType,
}

/// What the values of a custom field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CustomType {
    /// Texts.
    Text,
    /// Times.
    Time,
    /// True or false.
    Boolean,
    /// Whole numbers, but for those that are not.
    Integer,
    /// Numbers.
    Float,
    /// Lists, and whatever Pendo may think of: told as they are.
    Other,
}

impl Custom {
    /// Reads them from what Pendo answers to `GET /api/v1/metadata/schema/account` and `…/visitor`.
    pub fn of(accounts: &Value, visitors: &Value) -> Custom {
        Custom {
            accounts: fields(accounts),
            visitors: fields(visitors),
        }
    }
}

/// The custom fields of a document, each name once.
fn fields(document: &Value) -> Vec<CustomField> {
    let custom = document.get("custom").and_then(Value::as_object);
    let mut fields: Vec<CustomField> = Vec::new();
    for (name, about) in custom.into_iter().flatten() {
        let name = decamelize(name);
        let kind = about.as_object().map_or(CustomType::Other, kind);
        match fields.iter_mut().find(|field| field.name == name) {
            Some(field) => field.kind = field.kind.or(kind),
            None => fields.push(CustomField { name, kind }),
        }
    }
    fields
}

impl CustomType {
    /// What values of either of two fields with one name are.
    fn or(self, other: CustomType) -> CustomType {
        match self == other {
            true => self,
            false => CustomType::Other,
        }
    }
}

fn kind(about: &Map<String, Value>) -> CustomType {
    let is_type = |(key, _): &(&String, &Value)| key.eq_ignore_ascii_case("type");
    let name = about
        .iter()
        .find(is_type)
        .and_then(|(_, name)| name.as_str());
    match name {
        Some("string") => CustomType::Text,
        Some("time") => CustomType::Time,
        Some("boolean") => CustomType::Boolean,
        Some("integer") => CustomType::Integer,
        Some("float") => CustomType::Float,
        _ => CustomType::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn custom_fields_of_every_type_are_found() {
        let cases = [
            (json!({"Type": "string"}), CustomType::Text),
            (json!({"type": "string"}), CustomType::Text),
            (
                json!({"Type": "time", "DisplayName": "x"}),
                CustomType::Time,
            ),
            (json!({"Type": "boolean"}), CustomType::Boolean),
            (json!({"Type": "integer"}), CustomType::Integer),
            (json!({"Type": "float"}), CustomType::Float),
            (json!({"Type": "list"}), CustomType::Other),
            (json!({"Type": ""}), CustomType::Other),
            (json!({"DisplayName": "x"}), CustomType::Other),
            (json!(null), CustomType::Other),
        ];
        for (about, kind) in cases {
            let document = json!({"auto": {"x": {"Type": "time"}}, "custom": {"Plan Name": about}});
            let custom = Custom::of(&json!({}), &document);
            let name = "plan_name".to_owned();
            assert_eq!(custom.visitors, [CustomField { name, kind }], "{document}");
            assert_eq!(custom.accounts, []);
        }
    }

    #[test]
    fn documents_without_custom_fields_have_none() {
        for document in [
            json!({}),
            json!({"custom": null}),
            json!({"custom": {}}),
            json!([]),
        ] {
            assert_eq!(Custom::of(&document, &document), Custom::default());
        }
    }

    #[test]
    fn two_fields_of_one_name_and_two_types_are_told_as_they_are() {
        let document =
            json!({"custom": {"planName": {"type": "string"}, "Plan Name": {"type": "float"}}});
        let name = "plan_name".to_owned();
        let kind = CustomType::Other;
        assert_eq!(
            Custom::of(&document, &json!(null)).accounts,
            [CustomField { name, kind }]
        );
    }
}
