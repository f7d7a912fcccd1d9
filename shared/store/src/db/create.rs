//! Making the tables, on an embedded engine. A deployment's template makes its own.

use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};

use super::client::signing_at;
use super::{ATTEMPT, Attempt, CallError, Db, answer, classify::classify};
use crate::tables::Table;

impl Db {
    /// Makes the tables that are not there yet.
    pub async fn create_tables(&self) -> Result<(), CallError> {
        for table in Table::ALL {
            self.create_table(table).await?;
        }
        Ok(())
    }

    async fn create_table(&self, table: Table) -> Result<(), CallError> {
        let attempt = Attempt {
            signed_at: self.clock.now(),
            timeout: ATTEMPT,
        };
        let keys = [("pk", KeyType::Hash), ("sk", KeyType::Range)];
        let keys = &keys[..if table.has_sort_key() { 2 } else { 1 }];
        let request = self
            .client
            .create_table()
            .table_name(self.name(table))
            .billing_mode(BillingMode::PayPerRequest)
            .set_attribute_definitions(Some(
                keys.iter().map(|(name, _)| definition(name)).collect(),
            ))
            .set_key_schema(Some(
                keys.iter()
                    .map(|(name, kind)| element(name, kind))
                    .collect(),
            ))
            .customize()
            .config_override(signing_at(attempt.signed_at));
        let made = answer(attempt, request.send(), |error| {
            match error.as_service_error() {
                Some(CreateTableError::ResourceInUseException(_)) => CallError::Refused,
                _ => classify(error),
            }
        });
        match made.await {
            Ok(_) | Err(CallError::Refused) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn definition(name: &str) -> AttributeDefinition {
    AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(ScalarAttributeType::S)
        .build()
        .expect("name and type are set")
}

fn element(name: &str, kind: &KeyType) -> KeySchemaElement {
    KeySchemaElement::builder()
        .attribute_name(name)
        .key_type(kind.clone())
        .build()
        .expect("name and kind are set")
}
