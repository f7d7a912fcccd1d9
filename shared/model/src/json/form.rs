//! Reads one event from the fields of a form, as the original service takes it.

use std::borrow::Cow;

use super::fields::{Fields, Input};
use super::{EventDefaults, FieldError};
use crate::event::Event;

impl Event {
    /// Reads the decoded pairs of a form. Values are texts: a number or a time is read from it,
    /// `properties` is the JSON text of an object, and unknown fields become string properties.
    /// An optional field that is empty is as good as left out.
    pub fn from_form(
        pairs: impl IntoIterator<Item = (String, String)>,
        defaults: &EventDefaults,
    ) -> Result<Event, Vec<FieldError>> {
        let pairs: Vec<(String, String)> = pairs.into_iter().collect();
        let mut fields = Fields::default();
        for (key, value) in &pairs {
            fields.insert(Cow::Borrowed(key), Input::Form(value));
        }
        fields.check(defaults)
    }
}
