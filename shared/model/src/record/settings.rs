//! How a data set is read.

use serde::{Deserialize, Serialize};

/// Settings of a data set, by Backdrop's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataSetSettings {
    /// Whether queries may ask for single records and for spans of any length.
    pub raw_queries_allowed: bool,
    /// Whether answers are final: without it they carry a warning and are not cached.
    pub published: bool,
    /// Whether it can be read at all.
    pub queryable: bool,
    /// Whether answers are cached for two minutes only, not for half an hour.
    pub realtime: bool,
    /// After how many seconds without a new record something is wrong.
    #[serde(rename = "max_age_expected")]
    pub max_age_expected_s: Option<u64>,
}

impl Default for DataSetSettings {
    fn default() -> Self {
        Self {
            raw_queries_allowed: true,
            published: true,
            queryable: true,
            realtime: false,
            max_age_expected_s: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_read_back_and_what_is_not_said_is_as_by_default() {
        let json = r#"{"published":false,"max_age_expected":86400}"#;
        let settings: DataSetSettings = serde_json::from_str(json).expect("settings");
        let expected = DataSetSettings {
            published: false,
            max_age_expected_s: Some(86_400),
            ..DataSetSettings::default()
        };
        assert_eq!(settings, expected);
        let text = serde_json::to_string(&settings).expect("text");
        assert_eq!(
            serde_json::from_str::<DataSetSettings>(&text).ok(),
            Some(settings)
        );
        assert!(serde_json::from_str::<DataSetSettings>(r#"{"publish":true}"#).is_err());
    }
}
