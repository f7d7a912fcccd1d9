//! The fields of an object, and what each key of it becomes.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use serde_json::{Map, Value};

use crate::names::decamelize;
use crate::shape::Type;
use crate::shape::kind::may_be_null;
use crate::shape::widened::{Odd, within};

/// How many keys of an object are remembered. Rows have some tens of them, but they come from
/// outside.
const REMEMBERED: usize = 4096;

/// The fields of an object that are wanted.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    fields: Vec<Field>,
    /// Where each is, by what its key becomes.
    places: HashMap<Box<str>, usize>,
    /// Whether all others are wanted, too, as they are.
    is_open: bool,
    watches: Vec<(&'static str, Watch)>,
    lifted: Option<Box<Field>>,
    /// What came of the keys that were seen.
    seen: RwLock<HashMap<Box<str>, Slot>>,
}

/// A field.
#[derive(Debug)]
pub(crate) struct Field {
    /// What it is called in its record.
    pub(crate) name: Box<str>,
    /// Where it is in a row, for what is said about its values.
    pub(crate) path: Box<str>,
    /// What its values are.
    pub(crate) kind: Type,
    /// Whether it is told, or only looked into.
    pub(crate) is_told: bool,
    /// Whether its schema allows null.
    pub(crate) may_be_null: bool,
    odd: Odd,
}

/// What is needed of a key's value beside the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch {
    /// The id of an entity.
    Id,
    /// The time of a row; of several the latest.
    Time,
    /// The time of an account's or a visitor's last change, which is lifted into the record.
    LastUpdated,
    /// When a visitor was last seen.
    LastVisit,
    /// Whether a visitor's history must not be asked for.
    DoNotProcess,
    /// Groups of fields that are lifted into the record.
    Metadata,
}

/// The keys of a group whose values are needed.
pub(crate) type Watched = (&'static str, &'static [(&'static str, Watch)]);

/// What becomes of a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Slot {
    place: Option<usize>,
    /// What is needed of its value.
    pub(crate) watch: Option<Watch>,
}

impl Fields {
    /// The fields that the properties of a JSON Schema name.
    pub(crate) fn of(properties: Option<&Value>, path: &str) -> Fields {
        let mut fields = Fields::default();
        for (name, schema) in properties.and_then(Value::as_object).into_iter().flatten() {
            let path = match path {
                "" => name.clone(),
                path => format!("{path}.{name}"),
            };
            let mut field = Field::new(name, &path, Type::of(schema, &path));
            field.may_be_null = may_be_null(schema);
            fields.add(name, field);
        }
        fields
    }

    /// All fields, as they are.
    pub(crate) fn open() -> Fields {
        Fields {
            is_open: true,
            ..Fields::default()
        }
    }

    /// With keys whose values are needed.
    pub(crate) fn watching(mut self, watches: &[(&'static str, Watch)]) -> Fields {
        self.watches = watches.to_vec();
        self
    }

    /// Takes the fields with a prefix from the groups of an object that rows have. What is needed
    /// of a group is watched whether it is wanted or not.
    pub(crate) fn lifting(self, object: &str, prefix: &str, watches: &[Watched]) -> Fields {
        let mut fields = Fields::default();
        let mut groups = Fields::default();
        for field in self.fields {
            let name = field.name.clone();
            match name.strip_prefix(prefix) {
                Some(group) => groups.add(group, field),
                None => fields.add(&name, field),
            }
        }
        for (group, watches) in watches {
            groups.watch_within(group, prefix, watches);
        }
        fields.lifted = Some(Box::new(Field::new(object, object, Type::Object(groups))));
        fields
    }

    /// The object whose groups are lifted.
    pub(crate) fn lifted(&self) -> Option<&Field> {
        self.lifted.as_deref()
    }

    /// Whether fields that are not named are wanted as they are.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// What becomes of a key.
    pub(crate) fn slot(&self, key: &str) -> Slot {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = seen.get(key) {
            return *slot;
        }
        drop(seen);
        let slot = self.find(key);
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        if seen.len() < REMEMBERED {
            seen.insert(key.into(), slot);
        }
        slot
    }

    /// The field of a key, if it is wanted.
    pub(crate) fn at(&self, slot: Slot) -> Option<&Field> {
        slot.place.map(|place| &self.fields[place])
    }

    /// A field by its name in the record.
    pub(crate) fn named(&self, name: &str) -> Option<&Field> {
        self.places.get(name).map(|place| &self.fields[*place])
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// Has the properties of a schema allow what has come beside them.
    pub(crate) fn widen(&self, properties: &mut Map<String, Value>) {
        for field in &self.fields {
            field.widen(properties);
        }
        if let Some(Type::Object(groups)) = self.lifted().map(|lifted| &lifted.kind) {
            groups.widen(properties);
        }
    }

    fn find(&self, key: &str) -> Slot {
        let watch = self.watches.iter().find(|(name, _)| *name == key);
        Slot {
            place: self.places.get(decamelize(key).as_str()).copied(),
            watch: watch.map(|(_, watch)| *watch),
        }
    }

    fn add(&mut self, key: &str, field: Field) {
        self.places.insert(key.into(), self.fields.len());
        self.fields.push(field);
    }

    fn watch_within(&mut self, group: &str, prefix: &str, watches: &[(&'static str, Watch)]) {
        if !self.places.contains_key(group) {
            let name = format!("{prefix}{group}");
            let mut field = Field::new(&name, &name, Type::Object(Fields::default()));
            field.is_told = false;
            self.add(group, field);
        }
        let field = &mut self.fields[self.places[group]];
        let fields = match std::mem::replace(&mut field.kind, Type::Any) {
            Type::Object(fields) => fields,
            _ => Fields::open(),
        };
        field.kind = Type::Object(fields.watching(watches));
    }
}

impl Field {
    fn new(name: &str, path: &str, kind: Type) -> Field {
        Field {
            name: name.into(),
            path: path.into(),
            kind,
            is_told: true,
            may_be_null: true,
            odd: Odd::default(),
        }
    }

    /// Notes a value that the field's schema does not allow; says whether it is the first of its
    /// kind.
    pub(crate) fn note_odd(&self, value: &Value) -> bool {
        self.odd.note(value)
    }

    fn widen(&self, properties: &mut Map<String, Value>) {
        let Some(schema) = properties.get_mut(&*self.name) else {
            return;
        };
        self.odd.widen(schema);
        let mut kind = &self.kind;
        while let Type::List(items) = kind {
            kind = &items.kind;
        }
        if let (Type::Object(fields), Some(properties)) = (kind, within(schema)) {
            fields.widen(properties);
        }
    }
}
