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
    let wanted: BTreeSet<&str> = catalogue()
        .map(|entry| entry.code)
        .chain(Code::ALL.iter().map(|code| code.as_str()))
        .chain(crate::preflight::checks::ALL.iter().map(|check| check.code))
        .collect();
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
        // They are looked for, and not recognised by a text.
        let known = page.group == "Env files" || page.group == checks::GROUP;
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
        for line in found.text(80).lines() {
            let whole = found.checks.iter().any(|check| line.contains(check)) || line.contains("https://");
            assert!(line.chars().count() <= 80 || whole || !line.trim().contains(' '), "{line}");
        }
    }
}

#[test]
fn a_page_has_its_parts_in_order() {
    let page = page("image-not-found").expect("a page");
    for text in [page.text(80), page.markdown()] {
        let order =
            ["The image does not exist", "What to do", "What Landfall does", "manifest unknown", "https://"];
        let places: Vec<usize> = order.iter().map(|part| text.find(part).expect(part)).collect();
        assert!(places.is_sorted(), "{text}");
    }
}
