//! How `landfall.yml` writes the checks before a change.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::preflight::checks;

/// The checks before a change.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreflightEntry {
    /// Codes of checks that are turned off: `mutable-image-tag`, ...
    #[serde(default)]
    pub skip: Vec<String>,
}

/// These codes of checks, if there are such checks. `place` is the key or flag that they stand in.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) for a code that is not known; it names the nearest one.
pub(super) fn known_checks(place: &str, codes: Vec<String>) -> Result<Vec<String>> {
    for code in &codes {
        if checks::by_code(code).is_none() {
            let error = Error::usage(format!("{place}: there is no check `{code}`"));
            let near = checks::ALL
                .iter()
                .map(|check| (strsim::jaro_winkler(code, check.code), check.code))
                .max_by(|a, b| a.0.total_cmp(&b.0));
            return Err(match near {
                Some((alike, near)) if alike > 0.8 => error.hint(format!("Did you mean `{near}`?")),
                _ => error.hint("docs/preflight.md lists all checks."),
            });
        }
    }
    Ok(codes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_check_names_the_nearest_one() {
        let known = vec!["spot-only".to_owned()];
        assert_eq!(known_checks("--skip-check", known.clone()).unwrap(), known);
        let error = known_checks("--skip-check", vec!["spot-onyl".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "--skip-check: there is no check `spot-onyl`");
        assert_eq!(error.hint_text(), Some("Did you mean `spot-only`?"));
    }
}
