//! What holds for every file.

#![allow(clippy::expect_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use landfall_envfile::{Canonical, EnvFile, Options, Outcome, Policy, Remedy, as_dotenv_line};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

/// Lines made of the pieces that matter, so that quotes meet and comments begin.
fn lines() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => "[A-C]".prop_map(String::from),
        8 => Just("=".to_owned()),
        4 => Just(" ".to_owned()),
        3 => prop_oneof![Just("\""), Just("'"), Just("#"), Just("\\"), Just("$"), Just("\t")].prop_map(String::from),
        2 => prop_oneof![Just("${A}"), Just("$B"), Just("export "), Just("\\n"), Just("\\\""), Just(" # x")].prop_map(String::from),
        1 => prop_oneof![Just("é"), Just("\u{feff}"), Just("\0"), Just("\r"), Just("1"), Just("\u{1b}")].prop_map(String::from),
    ];
    let line = vec(piece, 0..9).prop_map(|pieces| pieces.concat());
    (vec(line, 0..6), prop_oneof![Just("\n"), Just("\r\n")]).prop_map(|(lines, end)| lines.join(end))
}

fn variables() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map("[A-Z_][A-Z0-9_]{0,3}", "[ -~é\t]{0,12}", 0..6)
}

fn options() -> impl Strategy<Value = Options> {
    let policy = prop_oneof![Just(Policy::Strict), Just(Policy::Normalize), Just(Policy::Verbatim)];
    policy.prop_map(|policy| Options { policy, allow: Vec::new() })
}

fn pairs(variables: &[landfall_envfile::Variable]) -> Vec<(String, String)> {
    variables.iter().map(|v| (v.name.clone(), v.value.expose().to_owned())).collect()
}

/// One file of many that say the same: other order, quotes, comments, line ends.
fn written(variables: &BTreeMap<String, String>, backwards: bool, end: &str) -> String {
    let mut lines: Vec<String> = variables
        .iter()
        .map(|(name, value)| as_dotenv_line(name, value).expect("it can be written").expose().to_owned())
        .collect();
    if backwards {
        lines.reverse();
        lines.insert(0, "# a comment".to_owned());
        lines.push("  # another".to_owned());
        lines = lines
            .into_iter()
            .map(|line| if line.trim_start().starts_with('#') { line } else { format!(" export {line}") })
            .collect();
    }
    lines.iter().map(|line| format!("{line}{end}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, max_global_rejects: 200_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_stored_is_read_back_and_is_its_own_canonical_form(text in lines(), options in options(), interpolate: bool) {
        let settled = EnvFile::read(text.as_bytes(), interpolate).settle(&options);
        let refused = settled.findings.iter().any(|(_, outcome)| *outcome == Outcome::Refused);
        prop_assert_eq!(refused, settled.content.is_none());
        let Some(content) = settled.content else { return Ok(()) };
        if options.policy == Policy::Verbatim {
            prop_assert_eq!(content.bytes(), text.as_bytes());
            return Ok(());
        }
        let read = landfall_envfile::read_stored(content.bytes()).expect("it is UTF-8");
        prop_assert_eq!(pairs(&read), pairs(content.variables()));
        let again = Canonical::of_stored(content.bytes()).expect("it is UTF-8");
        prop_assert_eq!(again.bytes(), content.bytes());
        prop_assert_eq!(again.hash(), content.hash());
    }

    #[test]
    fn the_hash_is_the_same_if_and_only_if_the_variables_are(a in variables(), b in variables(), same: bool) {
        let b = if same { a.clone() } else { b };
        let hash = |text: String| {
            let settled = EnvFile::read(text.as_bytes(), false).settle(&Options::default());
            settled.content.expect("nothing refuses").hash().to_owned()
        };
        let (first, second) = (hash(written(&a, false, "\n")), hash(written(&b, true, "\r\n")));
        prop_assert_eq!(first == second, a == b);
    }

    /// Whatever dotenvy accepts is read as it reads it. It takes a stray quote for the beginning of a value that goes
    /// on on the next line, and does not close a double quote behind `$NAME`: such files it refuses mostly, and where
    /// not, they are left out here.
    #[test]
    fn the_dotenv_reading_is_that_of_dotenvy(text in lines()) {
        prop_assume!(!text.contains(['\u{feff}', '\0', '\r']));
        let oracle: Result<Vec<(String, String)>, _> = dotenvy::from_read_iter(text.as_bytes()).collect();
        prop_assume!(oracle.as_ref().is_ok_and(|variables| !variables.is_empty()));
        let oracle = oracle.unwrap_or_default();
        let one_line_each = oracle.iter().all(|(_, value)| !value.contains('\n'));
        let odd_quote = text.lines().any(|line| ['"', '\''].iter().any(|quote| line.matches(*quote).count() % 2 == 1));
        // It takes the character behind `$NAME` as it is, be it a quote or a backslash, and cuts a line's end off before
        // it looks for an escaped space there.
        let odd_dollar = text.match_indices('$').any(|(at, _)| {
            let rest = text[at + 1..].trim_start_matches(char::is_alphanumeric);
            rest.len() == text.len() - at - 1 && !rest.starts_with('{') || rest.starts_with(['\\', '"', '\'', ' '])
        });
        prop_assume!(one_line_each && !odd_quote && !odd_dollar && !text.contains("\\ "));
        let file = EnvFile::read(text.as_bytes(), true);
        prop_assert_eq!(pairs(&file.as_dotenv()), oracle);
    }

    #[test]
    fn where_nothing_is_found_the_readings_agree(text in lines()) {
        let file = EnvFile::read(text.as_bytes(), false);
        prop_assume!(file.findings().is_empty());
        prop_assert_eq!(pairs(&file.as_ecs()), pairs(&file.as_dotenv()));
        prop_assert!(file.rewritten().is_none());
    }

    #[test]
    fn positions_are_inside_the_file_and_no_text_shows_a_value(text in lines()) {
        let lines: Vec<&str> = text.split('\n').collect();
        let file = EnvFile::read(text.replace('A', "canary").as_bytes(), false);
        for finding in file.findings() {
            let line = lines.get(finding.line as usize - 1);
            prop_assert!(line.is_some(), "{finding:?}");
            let shown = [&finding.gets, &finding.meant, &finding.fix];
            prop_assert!(!shown.iter().any(|text| text.contains("canary")), "{finding:?}");
        }
    }

    #[test]
    fn a_rewritten_file_has_the_same_meaning_and_nothing_more_to_rewrite(text in lines()) {
        let file = EnvFile::read(text.as_bytes(), false);
        let Some(new) = file.rewritten() else { return Ok(()) };
        let again = EnvFile::read(new.as_bytes(), false);
        prop_assert!(again.rewritten().is_none(), "{:?}", new.as_str());
        let content = |file: &EnvFile| file.settle(&Options::default()).content.map(|c| c.bytes().to_vec());
        if let Some(before) = content(&file) {
            prop_assert_eq!(Some(before), content(&again), "{:?}", new.as_str());
        }
        let left = again.findings().iter().filter(|f| f.remedy == Remedy::Repair).count();
        let before = file.findings().iter().filter(|f| f.remedy == Remedy::Repair).count();
        prop_assert!(left <= before, "{:?}", new.as_str());
    }
}
