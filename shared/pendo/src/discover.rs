//! The custom fields that an account of Pendo has, as its documents of metadata tell them.

use serde_json::Value;

/// The custom fields of accounts and visitors.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Custom {}

impl Custom {
    /// Reads them from what Pendo answers to `GET /api/v1/metadata/schema/account` and `…/visitor`.
    pub fn of(_accounts: &Value, _visitors: &Value) -> Custom {
        Custom::default()
    }
}
