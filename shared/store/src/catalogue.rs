//! The catalogue: which namespaces and series there are, in which years, and how many shards a
//! series has.
//!
//! An item per series and year is put before the first commit into that year, so a reader that
//! asks for the years first can miss nothing that was stored before it asked. The counts on these
//! items are the compactor's, recomputed from manifests; nothing is ever added to them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use weir_model::{Name, Series, Timestamp, Totals};

use crate::attribute;
use crate::db::{
    AttributeValue, Condition, Deadline, Item, Key, Order, Put, Query, SkRange, Table,
};
use crate::error::StoreError;
use crate::keys;
use crate::store::Store;

/// The year under which a series' settings stand.
const SETTINGS: u16 = 0;

/// A series has at most this many shards: each is one more query for a reader.
pub const SHARDS_MAX: u8 = 16;

/// How long a writer may go by a shard count it has read. Counts only grow, and readers always
/// ask, so an old one is merely slower.
const SHARDS_KNOWN: Duration = Duration::from_secs(300);

/// Series that a process remembers; beyond that it forgets all and asks again.
const KNOWN_MAX: usize = 100_000;

/// Catalogue items that a request puts at once.
const PUTS_AT_ONCE: usize = 16;

/// What a writer knows to be in the catalogue.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<HashMap<Series, Entry>>);

#[derive(Debug, Clone, Default)]
struct Entry {
    years: BTreeSet<u16>,
    shards: Option<(u8, Timestamp)>,
}

impl Known {
    /// The catalogue keys a request has to ask for.
    fn missing(
        &self,
        wanted: &BTreeSet<(&Series, u16)>,
        now: Timestamp,
    ) -> BTreeSet<(Series, u16)> {
        let known = self.0.lock().expect("no panic while remembering");
        let mut missing = BTreeSet::new();
        for (series, year) in wanted {
            let entry = known.get(*series);
            if !entry.is_some_and(|entry| entry.years.contains(year)) {
                missing.insert(((*series).clone(), *year));
            }
            if !entry.is_some_and(|entry| entry.knows_shards(now)) {
                missing.insert(((*series).clone(), SETTINGS));
            }
        }
        missing
    }

    fn remember(&self, series: &Series, change: impl FnOnce(&mut Entry)) {
        let mut known = self.0.lock().expect("no panic while remembering");
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        change(known.entry(series.clone()).or_default());
    }

    fn shards(&self, wanted: &BTreeSet<(&Series, u16)>) -> HashMap<Series, u8> {
        let known = self.0.lock().expect("no panic while remembering");
        let counts = wanted.iter().filter_map(|(series, _)| {
            let (shards, _) = known.get(*series)?.shards?;
            (shards > 1).then(|| ((*series).clone(), shards))
        });
        counts.collect()
    }
}

impl Entry {
    fn knows_shards(&self, now: Timestamp) -> bool {
        self.shards
            .is_some_and(|(_, read)| now < read.saturating_add(SHARDS_KNOWN))
    }
}

/// Where a series' events may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// Its shards, at least 1.
    pub shards: u8,
    /// The years it may have events in, ascending.
    pub years: Vec<u16>,
}

/// A series in the catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Its name.
    pub name: Name,
    /// The years it may have events in.
    pub years: Vec<u16>,
    /// What the compactor last counted, all years together.
    pub totals: Totals,
    pub(crate) shards: u8,
    /// When it counted each year; none that it has not counted yet.
    pub(crate) counted: BTreeMap<u16, Timestamp>,
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing<T> {
    /// In the order of their names.
    pub entries: Vec<T>,
    /// Whether there are more.
    pub more: bool,
}

impl Store {
    /// Puts what the catalogue lacks of these series and years, and gives the shard counts above
    /// one.
    pub(crate) async fn catalogue_years(
        &self,
        wanted: &BTreeSet<(&Series, u16)>,
        deadline: Deadline,
    ) -> Result<HashMap<Series, u8>, StoreError> {
        let now = self.now();
        let missing = self.known().missing(wanted, now);
        if !missing.is_empty() {
            let there = self.read_catalogue(&missing, now, deadline).await?;
            let absent = missing.into_iter().filter(|(_, year)| *year != SETTINGS);
            let absent: Vec<_> = absent.filter(|place| !there.contains(place)).collect();
            self.put_namespaces(&absent, deadline).await?;
            self.put_years(absent, deadline).await?;
        }
        Ok(self.known().shards(wanted))
    }

    /// Which of these items are there; remembers what it reads.
    async fn read_catalogue(
        &self,
        wanted: &BTreeSet<(Series, u16)>,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<HashSet<(Series, u16)>, StoreError> {
        let keys = wanted
            .iter()
            .map(|(series, year)| year_key(series, *year))
            .collect();
        let items = self.db().get_many(Table::Registry, keys, deadline).await?;
        let shards: HashMap<(String, String), u8> = items.iter().filter_map(shards_of).collect();
        let found: HashSet<(String, String)> = items.iter().filter_map(place_of).collect();
        let mut there = HashSet::new();
        for (series, year) in wanted {
            let place = place(series, *year);
            if *year == SETTINGS {
                let count = shards.get(&place).copied().unwrap_or(1);
                self.known()
                    .remember(series, |entry| entry.shards = Some((count, now)));
            } else if found.contains(&place) {
                self.known()
                    .remember(series, |entry| _ = entry.years.insert(*year));
                there.insert((series.clone(), *year));
            }
        }
        Ok(there)
    }

    /// A namespace is listed before its first series is.
    async fn put_namespaces(
        &self,
        absent: &[(Series, u16)],
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        let namespaces: BTreeSet<Name> = absent.iter().map(|(s, _)| s.namespace.clone()).collect();
        let puts = namespaces.into_iter().map(|namespace| {
            self.put_if_absent(Key::new(keys::NAMESPACES, namespace.as_str()), deadline)
        });
        stream::iter(puts)
            .buffer_unordered(PUTS_AT_ONCE)
            .try_collect()
            .await
    }

    async fn put_years(
        &self,
        absent: Vec<(Series, u16)>,
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        let puts = absent
            .into_iter()
            .map(|(series, year)| self.put_year(series, year, deadline));
        stream::iter(puts)
            .buffer_unordered(PUTS_AT_ONCE)
            .try_collect()
            .await
    }

    async fn put_year(
        &self,
        series: Series,
        year: u16,
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        self.put_if_absent(year_key(&series, year), deadline)
            .await?;
        self.known()
            .remember(&series, |entry| _ = entry.years.insert(year));
        Ok(())
    }

    /// Being there is all that matters, so a refusal is as good.
    async fn put_if_absent(&self, key: Key, deadline: Deadline) -> Result<(), StoreError> {
        let condition = Some(Condition::absent());
        let put = Put {
            table: Table::Registry,
            item: key.into_item(),
            condition,
        };
        match self.db().put_repeatable(put, deadline).await {
            Ok(()) | Err(crate::db::CallError::Refused) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Where a series' events may be, as of now.
    pub async fn extent(&self, series: &Series, deadline: Deadline) -> Result<Extent, StoreError> {
        let of_name = SkRange::Between(
            keys::name_year(&series.name, SETTINGS),
            keys::name_year(&series.name, 9999),
        );
        let items = self
            .db()
            .query_all(&names_query(&series.namespace, of_name), deadline)
            .await?;
        let mut extent = Extent {
            shards: 1,
            years: Vec::new(),
        };
        for item in &items {
            match named_year(item) {
                Some((name, SETTINGS)) if name == series.name.as_str() => {
                    extent.shards = attribute::read_number(item, "shards").unwrap_or(1);
                }
                Some((name, year)) if name == series.name.as_str() => extent.years.push(year),
                _ => {}
            }
        }
        Ok(extent)
    }

    /// Gives a series more shards: each sustains about 500 requests a second on AWS. Counts only
    /// grow; a lower one changes nothing.
    pub async fn raise_shards(
        &self,
        series: &Series,
        shards: u8,
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        let shards = shards.clamp(1, SHARDS_MAX);
        let mut item = year_key(series, SETTINGS).into_item();
        item.insert("shards".into(), attribute::number(shards));
        let condition = Some(Condition {
            expression: "attribute_not_exists(pk) OR shards < :shards".into(),
            names: Vec::new(),
            values: vec![(":shards".into(), attribute::number(shards))],
        });
        let put = Put {
            table: Table::Registry,
            item,
            condition,
        };
        match self.db().put_repeatable(put, deadline).await {
            Ok(()) | Err(crate::db::CallError::Refused) => {
                self.known().remember(series, |entry| entry.shards = None);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Lists namespaces after one, by name.
    pub async fn namespaces(
        &self,
        after: Option<&Name>,
        limit: usize,
        deadline: Deadline,
    ) -> Result<Listing<Name>, StoreError> {
        let sk = match after {
            Some(name) => SkRange::From(keys::after_name(name.as_str())),
            None => SkRange::All,
        };
        let query = Query {
            table: Table::Registry,
            pk: keys::NAMESPACES.into(),
            sk,
            order: Order::Ascending,
            attributes: None,
            limit: u32::try_from(limit + 1).ok(),
        };
        let mut entries = Vec::new();
        let mut from = None;
        while entries.len() <= limit {
            let page = self.db().query_page(&query, from, deadline).await?;
            let names = page
                .items
                .iter()
                .filter_map(|item| attribute::read_text(item, "sk"));
            entries.extend(names.filter_map(|name| Name::parse(name).ok()));
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        Ok(cut(entries, limit))
    }

    /// Lists the series of a namespace after one, by name.
    pub async fn names(
        &self,
        namespace: &Name,
        after: Option<&Name>,
        limit: usize,
        deadline: Deadline,
    ) -> Result<Listing<Listed>, StoreError> {
        let sk = match after {
            Some(name) => SkRange::From(keys::after_name(name.as_str())),
            None => SkRange::All,
        };
        let query = names_query(namespace, sk);
        let mut entries: Vec<Listed> = Vec::new();
        let mut from = None;
        loop {
            let page = self.db().query_page(&query, from, deadline).await?;
            for item in &page.items {
                list(&mut entries, item)?;
            }
            from = page.next;
            // The last one's years may go on in the next page. A name that has settings alone is
            // not one of a series.
            let complete = entries
                .split_last()
                .map_or(&[][..], |(_, complete)| complete);
            let found = complete.iter().filter(|entry| !entry.years.is_empty());
            if from.is_none() || found.count() > limit {
                break;
            }
        }
        entries.retain(|entry| !entry.years.is_empty());
        Ok(cut(entries, limit))
    }
}

/// Adds a catalogue item to the listing: the years of a name stand together.
fn list(entries: &mut Vec<Listed>, item: &Item) -> Result<(), StoreError> {
    let Some((name, year)) = named_year(item) else {
        return Ok(());
    };
    if entries.last().is_none_or(|last| last.name.as_str() != name) {
        let name = Name::parse(name).map_err(|e| StoreError::corrupt("a catalogue item", e))?;
        entries.push(Listed {
            name,
            years: Vec::new(),
            totals: Totals::default(),
            shards: 1,
            counted: BTreeMap::new(),
        });
    }
    let entry = entries.last_mut().expect("one was just pushed");
    if year == SETTINGS {
        entry.shards = attribute::read_number(item, "shards").unwrap_or(1);
    } else {
        entry.years.push(year);
    }
    let made = attribute::read_number(item, "made").and_then(|ms| Timestamp::from_millis(ms).ok());
    entry.counted.extend(made.map(|made| (year, made)));
    if let Some(bytes) = attribute::read_bytes(item, "totals") {
        let totals = Totals::decode(bytes).map_err(StoreError::decode("a year's totals"))?;
        entry.totals.merge(&totals);
    }
    Ok(())
}

fn cut<T>(mut entries: Vec<T>, limit: usize) -> Listing<T> {
    let more = entries.len() > limit;
    entries.truncate(limit);
    Listing { entries, more }
}

fn names_query(namespace: &Name, sk: SkRange) -> Query {
    Query {
        table: Table::Registry,
        pk: keys::names_partition(namespace),
        sk,
        order: Order::Ascending,
        attributes: None,
        limit: None,
    }
}

pub(crate) fn year_key(series: &Series, year: u16) -> Key {
    let (pk, sk) = place(series, year);
    Key { pk, sk: Some(sk) }
}

fn place(series: &Series, year: u16) -> (String, String) {
    (
        keys::names_partition(&series.namespace),
        keys::name_year(&series.name, year),
    )
}

fn place_of(item: &Item) -> Option<(String, String)> {
    let text = |name| attribute::read_text(item, name).map(str::to_owned);
    Some((text("pk")?, text("sk")?))
}

fn shards_of(item: &Item) -> Option<((String, String), u8)> {
    Some((place_of(item)?, attribute::read_number(item, "shards")?))
}

fn named_year(item: &Item) -> Option<(&str, u16)> {
    keys::parse_name_year(item.get("sk").map(AttributeValue::as_s)?.ok()?)
}
