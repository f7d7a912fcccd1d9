//! The tables: keys, names, expiry, and what keeps them from being lost.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use weir_store::db::{Table, TableNames};
use weir_store::tables::EXPIRES;

use crate::template::{STACK, Template};

const KIND: &str = "AWS::DynamoDB::Table";

/// The tables by the logical names of their resources.
pub(crate) fn by_resource(template: &Template) -> BTreeMap<String, Table> {
    let names = TableNames::with_prefix(&format!("{STACK}-"));
    let tables = template.of_type(KIND).into_iter();
    let found = tables.map(|(resource, properties)| {
        let name = properties["TableName"].as_str().expect("a name").to_owned();
        let table = Table::ALL
            .into_iter()
            .find(|table| names.of(*table) == name);
        (
            resource.to_owned(),
            table.unwrap_or_else(|| panic!("no table is called {name}")),
        )
    });
    found.collect()
}

#[test]
fn the_template_makes_exactly_the_tables_of_the_store() {
    let template = Template::read();
    let mut made: Vec<_> = by_resource(&template).into_values().collect();
    made.sort();
    assert_eq!(made, Table::ALL);
}

#[test]
fn each_table_has_the_keys_and_the_expiry_of_the_store() {
    let template = Template::read();
    for (resource, table) in by_resource(&template) {
        let properties = template.properties(&resource);
        let (definitions, schema) = keys(table);
        assert_eq!(
            properties["AttributeDefinitions"], definitions,
            "{resource}"
        );
        assert_eq!(properties["KeySchema"], schema, "{resource}");
        let expiry = match table.expires() {
            true => json!({"AttributeName": EXPIRES, "Enabled": true}),
            false => Value::Null,
        };
        assert_eq!(properties["TimeToLiveSpecification"], expiry, "{resource}");
    }
}

fn keys(table: Table) -> (Value, Value) {
    let keys = [("pk", "HASH"), ("sk", "RANGE")];
    let keys = &keys[..if table.has_sort_key() { 2 } else { 1 }];
    let definition = |(name, _): &_| json!({"AttributeName": name, "AttributeType": "S"});
    let element = |(name, kind): &_| json!({"AttributeName": name, "KeyType": kind});
    (
        keys.iter().map(definition).collect(),
        keys.iter().map(element).collect(),
    )
}

#[test]
fn each_table_is_paid_by_use_and_cannot_be_lost_by_accident() {
    let template = Template::read();
    for (resource, properties) in template.of_type(KIND) {
        assert_eq!(properties["BillingMode"], "PAY_PER_REQUEST", "{resource}");
        let recovery = &properties["PointInTimeRecoverySpecification"];
        assert_eq!(recovery["PointInTimeRecoveryEnabled"], true, "{resource}");
        assert_eq!(properties["DeletionProtectionEnabled"], true, "{resource}");
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            assert_eq!(template.attribute(resource, policy), "Retain", "{resource}");
        }
    }
}
