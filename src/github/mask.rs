//! Values that GitHub's log shows as `***` (design 8).

/// Shorter ones are words and numbers of everyday: hiding `true` or `8080` everywhere would make a log unreadable
/// and protect nothing.
const SHORTEST: usize = 6;

/// The workflow commands that hide a value: one for each of its lines, each ending with a line feed.
pub fn mask_commands(value: &str) -> String {
    value
        .lines()
        .map(str::trim)
        .filter(|line| line.chars().count() >= SHORTEST && line.parse::<f64>().is_err())
        .map(|line| format!("::add-mask::{}\n", escape(line)))
        .collect()
}

/// What a command's data may not hold as it is.
fn escape(data: &str) -> String {
    data.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_worth_hiding_become_commands() {
        assert_eq!(mask_commands("100%-canary"), "::add-mask::100%25-canary\n");
        assert_eq!(
            mask_commands("first line\r\nsecond\nend\n"),
            "::add-mask::first line\n::add-mask::second\n"
        );
        for everyday in ["", "true", "12345678", "3.14159", "  dev  "] {
            assert_eq!(mask_commands(everyday), "", "{everyday}");
        }
    }
}
