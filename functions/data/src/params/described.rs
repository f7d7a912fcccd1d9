//! The parameters as the OpenAPI description has them.

use utoipa::IntoParams;

/// What can be asked of a data set.
// It only describes what `Parameters` reads.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it only describes what is read")]
pub(crate) struct ReadParameters {
    /// The first instant asked for: ISO 8601 with seconds and an offset or `Z`.
    #[param(required = false, example = "2013-03-11T00:00:00Z")]
    start_at: String,
    /// The instant at which the span ends, which is not in it unless `inclusive` says so.
    #[param(required = false, example = "2013-03-18T00:00:00Z")]
    end_at: String,
    /// How many periods, from `start_at` on, or back from `end_at` or from now. Needs `period`.
    /// When the periods at that end have no records, the whole span moves until the end has.
    #[param(required = false, minimum = 1)]
    duration: u32,
    /// Counts records by periods of the calendar in UTC: `hour`, `day`, `week` (from Monday),
    /// `month`, `quarter`, `year`. Needs `duration`, or both ends. Periods without records are
    /// there with a count of 0.
    #[param(required = false)]
    period: String,
    /// `key:value`: only records with this value. `true` and `false` are booleans. May be repeated:
    /// all have to fit.
    #[param(required = false)]
    filter_by: Vec<String>,
    /// `key:prefix`: only records whose text begins so. Not together with `filter_by`.
    #[param(required = false)]
    filter_by_prefix: Vec<String>,
    /// A key whose values make groups, counted in `_count`. May be repeated: each combination is a
    /// group. Records without the key are in none.
    #[param(required = false)]
    group_by: Vec<String>,
    /// `key` or `key:method`, with the method `sum`, `count`, `set` or `mean`: what the records of
    /// each group, and of each period, have under the key. Needs `group_by` or `period`.
    #[param(required = false)]
    collect: Vec<String>,
    /// `key:ascending` or `key:descending`. Groups may be sorted by what they are grouped by,
    /// `_count`, `_group_count`, and what is collected.
    #[param(required = false)]
    sort_by: String,
    /// At most so many records, or groups. Records beyond it are a `Link` away.
    #[param(required = false, minimum = 1)]
    limit: u32,
    /// `true`: one row for each group and period, instead of a list of periods in each group.
    #[param(required = false)]
    flatten: bool,
    /// `true`: `end_at` is in the span.
    #[param(required = false)]
    inclusive: bool,
    /// `json`, or `csv` with a line of names.
    #[param(required = false)]
    format: String,
    /// Where a page of records goes on: from the `Link` of the one before, with the other
    /// parameters unchanged but for `limit` and `format`.
    #[param(required = false)]
    cursor: String,
}
