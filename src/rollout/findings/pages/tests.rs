//! Pages are whole, and one for each code.

use std::collections::BTreeSet;

use landfall_envfile::Code;

use super::*;
use crate::rollout::findings::catalogue;

#[test]
fn every_code_has_one_page_and_every_page_says_what_to_do() {
    let pages = pages();
    let codes: BTreeSet<&str> = pages.iter().map(|page| page.code.as_str()).collect();
    assert_eq!(codes.len(), pages.len(), "a code has two pages");
    let wanted: BTreeSet<&str> =
        catalogue().map(|entry| entry.code).chain(Code::ALL.iter().map(|code| code.as_str())).collect();
    assert_eq!(codes, wanted);
    for page in &pages {
        assert!(!page.fix.is_empty() && !page.landfall.is_empty(), "{}", page.code);
        assert!(page.cause.ends_with('.') && !page.title.ends_with('.'), "{}", page.code);
        let sentences = page.fix.iter().chain([&page.landfall]);
        for sentence in sentences {
            assert!(sentence.ends_with(['.', ')']), "{sentence}");
        }
    }
}

#[test]
fn a_cause_that_has_no_text_of_awss_says_how_it_is_seen() {
    for page in pages() {
        let known = page.group == "Env files";
        assert!(known || !page.texts.is_empty(), "{}", page.code);
    }
}

#[test]
fn the_nearest_codes_are_found() {
    assert_eq!(nearest_codes("image-not-fond")[0], "image-not-found");
    assert_eq!(nearest_codes("ENV_QUOTE")[0], "env-quotes");
    assert_eq!(nearest_codes("rate-limit")[0], "registry-rate-limit");
    assert_eq!(nearest_codes("zzz"), Vec::<String>::new());
    for page in pages() {
        assert_eq!(nearest_codes(&page.code)[0], page.code);
    }
}

#[test]
fn text_keeps_to_its_width_and_commands_stay_whole() {
    for found in pages() {
        for width in [60, 80] {
            for line in found.text(Some(width)).lines() {
                let whole =
                    found.checks.iter().any(|check| line.contains(check)) || line.contains("https://");
                assert!(line.chars().count() <= width || whole || !line.trim().contains(' '), "{line}");
            }
        }
        // Where nobody said how wide it is, a paragraph is a line.
        assert!(found.text(None).contains(&found.cause), "{}", found.code);
    }
}

#[test]
fn a_page_has_its_parts_in_order() {
    let page = page("image-not-found").expect("a page");
    for text in [page.text(Some(80)), page.markdown()] {
        let order =
            ["The image does not exist", "What to do", "What Landfall does", "manifest unknown", "https://"];
        let places: Vec<usize> = order.iter().map(|part| text.find(part).expect(part)).collect();
        assert!(places.is_sorted(), "{text}");
    }
}

#[test]
fn exit_codes_are_explained_by_the_table_of_the_findings() {
    for asked in ["137", "exit code 137", "exit-137", "Exit Code: 137", "exited with code 137"] {
        let page = exit_code_page(asked).expect(asked);
        assert_eq!((page.code.as_str(), page.title.as_str()), ("exit code 137", "SIGKILL"), "{asked}");
        assert!(page.cause.contains("memory") && page.cause.contains("stopTimeout"), "{}", page.cause);
    }
    for code in 0..=255 {
        let page = exit_code_page(&code.to_string()).expect("each has one");
        assert_eq!(page.cause, crate::rollout::exit_code(code).cause);
        assert!(page.fix.iter().all(|step| step.ends_with('.')), "{:?}", page.fix);
    }
    assert_eq!(exit_code_page("132").expect("a signal").title, "SIGILL");
    for none in ["", "256", "-1", "exit", "137 139", "image-not-found", "code-deploy-137x"] {
        assert_eq!(exit_code_page(none), None, "{none}");
    }
}
