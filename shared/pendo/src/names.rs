//! Names as records have them: `lastUpdatedAt` becomes `last_updated_at`.
//!
//! The rules are those of pyhumps 3.8.0, whose names Pendo's records have had in Singer: what it
//! does is seen from outside, and the table of the tests was printed by it.

/// Gives a name its words apart and in lower case.
///
/// What has only capitals stays as it is, and so do numbers. Spaces go. A run of capitals and
/// digits is one word, but for its last letter when that begins the next: `HTTPServer` becomes
/// `http_server`, and `IDs`, regrettably, `i_ds`. Only A to Z begin a word.
pub(crate) fn decamelize(name: &str) -> String {
    let dense: String = name.chars().filter(|char| !char.is_whitespace()).collect();
    match is_upper(&dense) || is_number(&dense) {
        true => name.to_owned(),
        false => separate(&without_runs(&dense)).to_lowercase(),
    }
}

/// Whether there are capitals and no other letters that have a case.
fn is_upper(name: &str) -> bool {
    let is_small = |char: char| char.is_lowercase() || TITLE_CASE.contains(&char);
    name.contains(char::is_uppercase) && !name.contains(is_small)
}

/// Letters of which one half is a capital: they are neither.
const TITLE_CASE: [char; 4] = ['ǅ', 'ǈ', 'ǋ', 'ǲ'];

fn is_number(name: &str) -> bool {
    !name.is_empty() && name.chars().all(char::is_numeric)
}

fn in_run(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

/// Leaves of each run of capitals and digits the capitals that begin a word.
fn without_runs(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(begin) = rest.bytes().position(in_run) {
        let run = &rest[begin..];
        let end = run.bytes().position(|byte| !in_run(byte));
        // The last of a run belongs to the word that it begins.
        let word = end.map_or(run.len(), |end| end - 1);
        text.push_str(&rest[..begin]);
        push_title(&mut text, &run[..word]);
        let end = end.unwrap_or(run.len());
        text.push_str(&run[word..end]);
        rest = &run[end..];
    }
    text.push_str(rest);
    text
}

/// Adds capitals and digits with all letters small that follow a letter.
fn push_title(text: &mut String, run: &str) {
    let mut after_letter = false;
    for char in run.chars() {
        match after_letter {
            true => text.push(char.to_ascii_lowercase()),
            false => text.push(char),
        }
        after_letter = char.is_ascii_alphabetic();
    }
}

/// Puts an underscore before each capital that is not the first of all.
fn separate(name: &str) -> String {
    let Some(first) = name.bytes().position(|byte| byte.is_ascii_uppercase()) else {
        return name.to_owned();
    };
    // Dashes and underscores before the first capital belong to its word.
    let head = name[..first].trim_end_matches(['-', '_']);
    let mut text = String::with_capacity(name.len() + 8);
    text.push_str(head);
    if !head.is_empty() {
        text.push('_');
    }
    text.push_str(&name[head.len()..=first]);
    for char in name[first + 1..].chars() {
        if char.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(char);
    }
    text
}

/// The name that is most likely meant by a misspelt one.
pub(crate) fn closest<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    const LIKE: f64 = 0.8;
    let text = text.to_lowercase();
    let likeness = |name: &'n str| (strsim::jaro_winkler(&text, &name.to_lowercase()), name);
    let like = names
        .into_iter()
        .map(likeness)
        .filter(|(likeness, _)| *likeness >= LIKE);
    like.max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by pyhumps 3.8.0.
    #[rustfmt::skip]
    const TABLE: &[(&str, &str)] = &[
        ("isVIP", "is_vip"),
        ("userID", "user_id"),
        ("ID", "ID"),
        ("id", "id"),
        ("Id", "id"),
        ("iD", "i_d"),
        ("IDs", "i_ds"),
        ("userIDs", "user_i_ds"),
        ("HTTPServer", "http_server"),
        ("HTTPSServer", "https_server"),
        ("URLPath", "url_path"),
        ("URL2Path", "url2_path"),
        ("url2path", "url2path"),
        ("a1B2", "a1_b2"),
        ("a1b2c3", "a1b2c3"),
        ("A1B2C3", "A1B2C3"),
        ("aA1", "a_a1"),
        ("AA1a", "aa1a"),
        ("AA1aB", "aa1a_b"),
        ("is1VIP", "is1_vip"),
        ("is1vIP", "is1v_ip"),
        ("abc123Def", "abc123_def"),
        ("abc123def", "abc123def"),
        ("ABC123", "ABC123"),
        ("ABC123D", "ABC123D"),
        ("123ABC", "123ABC"),
        ("1a", "1a"),
        ("1A", "1A"),
        ("a1", "a1"),
        ("A1", "A1"),
        ("12", "12"),
        ("x1Y", "x1_y"),
        ("x1YZ", "x1_yz"),
        ("x1YZa", "x1_y_za"),
        ("X1YZa", "x1_y_za"),
        ("aT12", "a_t12"),
        ("aT12b", "a_t12b"),
        ("aT1B", "a_t1_b"),
        ("T1", "T1"),
        ("T1a", "t1a"),
        ("T12", "T12"),
        ("SCREAMING", "SCREAMING"),
        ("SCREAMING_SNAKE", "SCREAMING_SNAKE"),
        ("FIRST_name", "firs_t_name"),
        ("first_Name", "first__name"),
        ("Url_Path", "url__path"),
        ("URL_PATH", "URL_PATH"),
        ("URL-PATH", "URL-PATH"),
        ("url__Path", "url___path"),
        ("url-Path", "url_-path"),
        ("with-dash", "with-dash"),
        ("With-Dash", "with-_dash"),
        ("-x", "-x"),
        ("x-", "x-"),
        ("-X", "-X"),
        ("x_", "x_"),
        ("_x", "_x"),
        ("__x", "__x"),
        ("_X", "_X"),
        ("__X", "__X"),
        ("_ID", "_ID"),
        ("ID_", "ID_"),
        ("__ID__", "__ID__"),
        ("_xY", "_x_y"),
        ("xY_", "x_y_"),
        ("x__y", "x__y"),
        ("x--y", "x--y"),
        ("-xY", "-x_y"),
        ("a_b", "a_b"),
        ("aB", "a_b"),
        ("AB", "AB"),
        ("ABc", "a_bc"),
        ("aBC", "a_bc"),
        ("aBCd", "a_b_cd"),
        ("aAb", "a_ab"),
        ("aABb", "a_a_bb"),
        ("AaBb", "aa_bb"),
        ("AAbB", "a_ab_b"),
        ("aBCDe", "a_bc_de"),
        ("A", "A"),
        ("a", "a"),
        ("a.b", "a.b"),
        ("aB.cD", "a_b.c_d"),
        ("a/b", "a/b"),
        ("a$B", "a$_b"),
        ("$aB", "$a_b"),
        ("a@B", "a@_b"),
        ("AB$", "AB$"),
        ("aB#", "a_b#"),
        ("%aB", "%a_b"),
        ("a:B", "a:_b"),
        ("visitorId", "visitor_id"),
        ("accountId", "account_id"),
        ("lastUpdatedAt", "last_updated_at"),
        ("createdByUser", "created_by_user"),
        ("elementPathRules", "element_path_rules"),
        ("guideStepId", "guide_step_id"),
        ("browserTime", "browser_time"),
        ("remoteIp", "remote_ip"),
        ("userAgent", "user_agent"),
        ("numEvents", "num_events"),
        ("trackTypeId", "track_type_id"),
        ("lastupdated", "lastupdated"),
        ("firstvisit", "firstvisit"),
        ("idhash", "idhash"),
        ("DisplayName", "display_name"),
        ("ElementType", "element_type"),
        ("isHidden", "is_hidden"),
        ("isPerApp", "is_per_app"),
        ("neverIndex", "never_index"),
        ("untaggedUrl", "untagged_url"),
        ("parsedUserAgent", "parsed_user_agent"),
        ("lastTs", "last_ts"),
        ("pollResponse", "poll_response"),
        ("appId", "app_id"),
        ("accountIds", "account_ids"),
        ("metadata_agent", "metadata_agent"),
        ("snake_case_name", "snake_case_name"),
        ("é", "é"),
        ("É", "É"),
        ("Éa", "éa"),
        ("aÉ", "aé"),
        ("ÉÉ", "ÉÉ"),
        ("aÉb", "aéb"),
        ("ParéeB", "parée_b"),
        ("camelCaseÄrger", "camel_caseärger"),
        ("ÄrgerLich", "ärger_lich"),
        ("ÄRGER", "ÄRGER"),
        ("äÄ", "ää"),
        ("aÄ1", "aä1"),
        ("1Ä", "1Ä"),
        ("ßA", "ß_a"),
        ("aß", "aß"),
        ("İ", "İ"),
        ("İx", "i̇x"),
        ("ǅa", "ǆa"),
        ("aǅ", "aǆ"),
        ("Ⅷ", "Ⅷ"),
        ("aⅧ", "aⅷ"),
        ("²", "²"),
        ("a²B", "a²_b"),
        ("中文", "中文"),
        ("中文A", "中文A"),
        ("中文aB", "中文a_b"),
        ("Ωmega", "ωmega"),
        ("ΑΣ", "ΑΣ"),
        ("aΣ", "aς"),
        ("Привет", "привет"),
        ("приветМир", "приветмир"),
        ("ПРИВЕТ", "ПРИВЕТ"),
        ("😀", "😀"),
        ("a😀B", "a😀_b"),
        ("", ""),
        ("Plan Name", "plan_name"),
        ("plan name", "planname"),
        ("PLAN NAME", "PLAN NAME"),
        ("plan NAME", "plan_name"),
        ("Plan  Name", "plan_name"),
        ("Plan\tName", "plan_name"),
        ("a b C d", "ab_cd"),
        (" a", "a"),
        ("a ", "a"),
        (" A", " A"),
        ("é B", "é_b"),
        ("X Y", "X Y"),
        ("XY Z", "XY Z"),
        ("xY Z", "x_yz"),
        ("Custom_FieldName", "custom__field_name"),
        ("custom fieldName", "customfield_name"),
        ("A B", "A B"),
        ("a  B", "a_b"),
        ("a_ b", "a_b"),
        ("a -b", "a-b"),
        ("First Name", "first_name"),
        ("1 1", "1 1"),
        (" 1", " 1"),
        ("1 a", "1a"),
        ("1 A", "1 A"),
        ("\n", ""),
        ("a\u{a0}B", "a_b"),
        ("Account ID", "account_id"),
        ("Is VIP?", "is_vi_p?"),
        ("Plan (2024)", "plan(2024)"),
        ("NPS Score", "nps_score"),
        ("nps-score Last", "nps-score_last"),
        ("Last Seen At", "last_seen_at"),
        ("e-mail Address", "e-mail_address"),
        ("Customer's Name", "customer's_name"),
        ("Äpfel & Birnen", "äpfel&_birnen"),
        ("ARR in €", "ar_rin€"),
    ];

    #[test]
    fn names_are_those_of_pyhumps() {
        for (name, expected) in TABLE {
            assert_eq!(decamelize(name), *expected, "{name:?}");
        }
    }

    #[test]
    fn a_name_with_its_words_apart_stays_as_it_is() {
        for (_, name) in TABLE {
            let is_plain = name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if is_plain {
                assert_eq!(decamelize(name), *name);
            }
        }
    }
}
