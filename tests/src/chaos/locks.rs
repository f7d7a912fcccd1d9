//! Items of transactions that are not visible in full yet.

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde_json::Value;

use super::Seen;

/// A table's name and the key of an item in it.
pub(super) type Place = (String, String);

#[derive(Default)]
pub(super) struct Locks(Mutex<BTreeSet<Place>>);

/// Places taken until this is dropped.
pub(super) struct Taken<'a> {
    locks: &'a Locks,
    places: Vec<Place>,
}

impl Locks {
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().expect("no holder panics").is_empty()
    }

    pub(super) fn is_taken(&self, place: &Place) -> bool {
        self.0.lock().expect("no holder panics").contains(place)
    }

    /// Takes all places; nothing if one of them is taken.
    pub(super) fn take(&self, places: Vec<Place>) -> Option<Taken<'_>> {
        let mut taken = self.0.lock().expect("no holder panics");
        if places.iter().any(|place| taken.contains(place)) {
            return None;
        }
        taken.extend(places.iter().cloned());
        Some(Taken {
            locks: self,
            places,
        })
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut taken = self.locks.0.lock().expect("no holder panics");
        for place in &self.places {
            taken.remove(place);
        }
    }
}

/// The item that an action of a transaction, or a call of its own, is about.
pub(super) fn place_of(action: &Value) -> Place {
    let name = action["TableName"].as_str().unwrap_or_default();
    place(name, action.get("Key").unwrap_or(&action["Item"]))
}

/// The item with the key attributes found in `attributes`.
pub(super) fn place(name: &str, attributes: &Value) -> Place {
    let key = [&attributes["pk"]["S"], &attributes["sk"]["S"]];
    (name.to_owned(), serde_json::json!(key).to_string())
}

/// The actions of a transaction: each its kind and what belongs to it.
pub(super) fn actions(seen: &Seen) -> Vec<(&str, &Value)> {
    let items = seen.body()["TransactItems"].as_array();
    items.into_iter().flatten().filter_map(action).collect()
}

fn action(item: &Value) -> Option<(&str, &Value)> {
    let mut fields = item.as_object()?.iter();
    let (kind, action) = fields.find(|(_, action)| !action.is_null())?;
    Some((kind, action))
}
