//! Text from outside made harmless for each place that GitHub reads: workflow commands, Mermaid, fenced blocks. HTML
//! and Markdown have theirs in [`report`](crate::report).

use crate::report::text::neutralise;

/// The data of a workflow command: `%` and line breaks are what the runner decodes.
pub fn data(text: &str) -> String {
    let escaped = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    // A colour or a bell is no use to anybody there.
    escaped.chars().filter(|c| !c.is_control()).collect()
}

/// A property of a workflow command: `:` and `,` end one as well.
pub fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// A name in a diagram of Mermaid, where `:`, `;`, `#`, `%%` and line breaks are syntax, and quotes and angle brackets
/// become HTML. What is no letter, digit or one of a few harmless signs is a space.
pub fn label(text: &str) -> String {
    const LONGEST: usize = 60;
    let clean = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/') { c } else { ' ' };
    let words: String = neutralise(text).chars().map(clean).collect();
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    // Two of them begin an arrow or a comment in some diagrams.
    let words = words.replace("--", "- -");
    words.chars().take(LONGEST).collect()
}

/// Lines in a fenced block that none of them can end: its fence is longer than any row of backticks in them.
pub fn fenced(language: &str, lines: &[String]) -> String {
    let longest = |line: &String| line.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(lines.iter().map(longest).max().unwrap_or(0).max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_ends_a_command(text in "(\\PC|[\r\n%:,])*") {
            let (data, property) = (data(&text), property(&text));
            prop_assert!(!data.contains(['\r', '\n']) && !property.contains([':', ',', '\r', '\n']));
            // As the runner decodes.
            let decoded = property.replace("%3A", ":").replace("%2C", ",").replace("%0A", "\n").replace("%0D", "\r");
            prop_assert_eq!(decoded.replace("%25", "%"), text);
        }

        #[test]
        fn a_label_has_no_syntax(text in "(\\PC|[\n:;#%{}<>\"`-])*") {
            let label = label(&text);
            let syntax = ['\n', ':', ';', '#', '%', '{', '}', '<', '>', '"', '`', ',', '@', '&'];
            prop_assert!(!label.contains(syntax) && !label.contains("--"), "{label:?}");
            prop_assert!(label.chars().count() <= 60);
        }

        #[test]
        fn no_line_ends_a_fence(line in "[`~ a>-]{0,12}") {
            let block = fenced("text", std::slice::from_ref(&line));
            let fence = block.split("text").next().unwrap_or("").to_owned();
            prop_assert!(!line.contains(&fence));
            prop_assert_eq!(block.lines().filter(|line| line.starts_with(&fence)).count(), 2);
        }
    }

    #[test]
    fn labels_stay_readable() {
        assert_eq!(label("web-1: 100% {done}\n%%{init}"), "web-1 100 done init");
        assert_eq!(label("작업 a/b_c.d"), "작업 a/b_c.d");
    }
}
