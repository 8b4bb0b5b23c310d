//! A page as data, and finding it.

use serde::Serialize;

use super::{aws, checks, env_files};

/// What is known of one code. Texts are plain; what stands in backticks is code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page {
    /// Stable name: `image-not-found`.
    pub code: String,
    /// The heading that it stands under in lists.
    pub group: &'static str,
    /// What happened, in one line.
    pub title: String,
    /// Why that happens.
    pub cause: String,
    /// What to do, step by step.
    pub fix: Vec<String>,
    /// Commands that tell which of the causes it is.
    pub checks: Vec<&'static str>,
    /// A heading and its lines: facts that need a table.
    pub table: Option<(&'static str, Vec<String>)>,
    /// What Landfall does about it.
    pub landfall: String,
    /// How it is recognised: AWS's words.
    pub texts: Vec<String>,
    /// The address of AWS's page on it.
    pub aws_page: Option<String>,
}

/// Every page, group by group.
pub fn pages() -> Vec<Page> {
    let mut pages = aws::pages();
    pages.extend(env_files::pages());
    pages.extend(checks::pages());
    pages
}

/// The page of a code.
pub fn page(code: &str) -> Option<Page> {
    pages().into_iter().find(|page| page.code == code)
}

/// Whether the page of a code has more than a finding shows by itself: commands that find the cause.
pub fn says_more(code: &str) -> bool {
    page(code).is_some_and(|page| !page.checks.is_empty())
}

/// How alike two texts must be, from 0 to 1, for one to be offered for the other.
const ALIKE: f64 = 0.75;
/// How alike a part of a code is to the whole.
const PART: f64 = 0.9;
/// How much less alike than the best one another may be, to be offered next to it.
const NEARLY: f64 = 0.06;
/// How many codes are offered.
const OFFERED: usize = 3;

/// The codes that a mistyped one may have meant, the nearest first.
pub fn nearest_codes(wrong: &str) -> Vec<String> {
    let wrong = wrong.to_lowercase().replace(['_', ' '], "-");
    let mut near: Vec<(f64, String)> = pages()
        .into_iter()
        .map(|page| {
            let alike = strsim::jaro_winkler(&wrong, &page.code);
            let within = wrong.len() >= 3 && page.code.contains(&wrong);
            (if within { alike.max(PART) } else { alike }, page.code)
        })
        .filter(|(alike, _)| *alike >= ALIKE)
        .collect();
    let best = near.iter().map(|(alike, _)| *alike).fold(0.0, f64::max);
    near.retain(|(alike, _)| *alike > best - NEARLY);
    near.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    near.into_iter().take(OFFERED).map(|(_, code)| code).collect()
}
