//! Text in blocks that are left out whole where there is no room: half a table or half a fenced block would swallow
//! what comes after it.

/// Puts blocks together to at most `limit` (by `size`), and says how many were left out. A block that does not fit is
/// left out; a shorter one behind it may fit.
pub fn assemble(blocks: &[String], limit: usize, size: impl Fn(&str) -> usize) -> String {
    let whole: usize = blocks.iter().map(|block| size(block)).sum();
    if whole <= limit {
        return blocks.concat();
    }
    // The longest note there can be is kept free.
    let mut room = limit.saturating_sub(size(&note(blocks.len())));
    let mut text = String::new();
    let mut left_out = 0;
    for block in blocks {
        match room.checked_sub(size(block)) {
            Some(rest) => {
                room = rest;
                text.push_str(block);
            }
            None => left_out += 1,
        }
    }
    let note = note(left_out);
    if size(&text) + size(&note) <= limit {
        text.push_str(&note);
    }
    text
}

fn note(left_out: usize) -> String {
    let parts = crate::wording::count(left_out, "part");
    format!("\n*Too long for GitHub: {parts} of this page left out. The log of the step has everything.*\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_is_longer_than_the_limit_and_nothing_is_cut(
            lengths in proptest::collection::vec(0_usize..300, 0..12), limit in 0_usize..900,
        ) {
            let blocks: Vec<String> = lengths.iter().map(|length| "é".repeat(*length)).collect();
            let text = assemble(&blocks, limit, |text| text.chars().count());
            prop_assert!(text.chars().count() <= limit);
            let whole = lengths.iter().sum::<usize>() <= limit;
            prop_assert_eq!(whole, text == blocks.concat());
        }
    }

    #[test]
    fn what_is_left_out_is_said() {
        let blocks = ["first\n".to_owned(), "x".repeat(500), "last\n".to_owned(), "y".repeat(500)];
        let text = assemble(&blocks, 300, str::len);
        assert!(text.starts_with("first\nlast\n\n*Too long for GitHub: 2 parts"), "{text}");
    }
}
