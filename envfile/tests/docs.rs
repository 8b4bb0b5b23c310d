//! What `docs/env-files.md` shows is so.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use landfall_envfile::{Code, EnvFile, Options};

const PAGE: &str = include_str!("../../docs/env-files.md");

/// The cells of a table's row, without their back ticks.
fn cells(row: &str) -> Vec<&str> {
    row.trim_matches('|').split(" | ").map(str::trim).collect()
}

/// What stands in back ticks.
fn spans(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(|span| span.replace('␠', " ").replace('␍', "\r")).collect()
}

#[test]
fn each_line_of_the_table_becomes_what_it_says() {
    let table: Vec<&str> = PAGE
        .lines()
        .skip_while(|line| !line.starts_with("| your line"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    assert!(table.len() > 20, "{} rows", table.len());
    for row in table {
        let [line, gets, _meant, stores, codes] = cells(row)[..] else { panic!("{row}") };
        let file = EnvFile::read(spans(line)[0].as_bytes(), false);
        let ecs: Vec<String> =
            file.as_ecs().into_iter().flat_map(|v| [v.name, v.value.expose().to_owned()]).collect();
        let expected = if gets == "nothing" { Vec::new() } else { spans(gets) };
        assert_eq!(ecs, expected, "{row}");
        let settled = file.settle(&Options::default());
        let stored = settled.content.map(|content| String::from_utf8(content.bytes().to_vec()).unwrap());
        let expected = match stores {
            "refused" => None,
            "nothing" => Some(String::new()),
            _ => Some(format!("{}\n", spans(stores)[0])),
        };
        assert_eq!(stored, expected, "{row}");
        let found: Vec<&str> = settled.findings.iter().map(|(finding, _)| finding.code.as_str()).collect();
        assert_eq!(found, spans(codes), "{row}");
    }
}

#[test]
fn each_code_is_on_the_page() {
    for code in Code::ALL {
        assert!(PAGE.contains(&format!("`{code}`")), "{code}");
    }
}
