//! From the file to a configuration: read, look up, replace, lay flags over it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use futures_util::FutureExt;

use super::file::{ConfigFile, parse_raw};
use super::merge::{from_flags_alone, merge};
use super::model::Config;
use super::overrides::Overrides;
use super::texts::{Need, replace};
use crate::aws::AwsSettings;
use crate::error::{Error, ErrorKind, Result};
use crate::lookup::{
    Account, Expressions, Found, NOT_IN_THE_SANDBOX, NotFound, Reading, StateSources, Values, wanted,
};

/// How a configuration is looked up.
#[derive(Debug, Clone)]
pub struct Reach {
    /// How AWS is reached, in the Region of the flags or the file; `None` in the sandbox, where nothing is.
    pub aws: Option<AwsSettings>,
    /// What of the file is needed.
    pub need: Need,
}

/// Reads `file` where there is one, replaces its expressions, and lays `overrides` over it.
///
/// `file` is `None` where everything comes from flags. `variables` is the process environment. AWS is only asked where
/// an expression that is needed has to be looked up there.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage), naming the file and line or the flag;
/// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws) where AWS refuses what is looked up.
pub async fn read_config(
    file: Option<&Path>,
    overrides: &Overrides,
    variables: &HashMap<String, String>,
    reach: Reach,
) -> Result<Config> {
    let (parsed, base, expressions) = match file {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Error::usage(format!("cannot read the configuration file {}", path.display()))
                    .source(error)
                    .hint(
                        "Give its path with --config, or everything by flags: --cluster, --service, --image.",
                    )
            })?;
            let base = path.parent().map(Path::to_path_buf).unwrap_or_default();
            let raw = parse_raw(path, &text)?;
            let (parsed, expressions) =
                look_up(raw, (path, &text), &base, overrides, variables, reach).await?;
            (parsed, base, expressions)
        }
        None => {
            let expressions = Expressions::new(variables.clone(), StateSources::default());
            (from_flags_alone(overrides)?, PathBuf::new(), expressions)
        }
    };
    Ok(Config { expressions, ..merge(parsed, &base, overrides)? })
}

/// The file with its expressions replaced.
async fn look_up(
    mut file: ConfigFile,
    (path, text): (&Path, &str),
    base: &Path,
    overrides: &Overrides,
    variables: &HashMap<String, String>,
    reach: Reach,
) -> Result<(ConfigFile, Expressions)> {
    // Where to look comes first, and is not itself looked up.
    let no_lookup = NotFound {
        kind: ErrorKind::Usage,
        message: "`region` and `tfstate` say where to look, and cannot be looked up themselves".to_owned(),
        hint: "Write them, or take them from a variable: ${NAME}.".to_owned(),
    };
    let refused = |text: &mut String| wanted(text, Reading::Value);
    let found: Found =
        file.first_texts().flat_map(refused).map(|lookup| (lookup, Err(no_lookup.clone()))).collect();
    let values = Values { variables, found: &found };
    file.first_texts().try_for_each(|value| replace(value, path, text, values))?;
    let states = file.tfstate.as_ref().map(|entry| entry.check(base)).transpose()?.unwrap_or_default();
    let expressions = Expressions::new(variables.clone(), states);
    let account = match reach.aws {
        Some(settings) => {
            let region = overrides.region.clone().or_else(|| file.region.clone());
            Account::with(AwsSettings { region, ..settings })
        }
        None => Account::none(NOT_IN_THE_SANDBOX.0, NOT_IN_THE_SANDBOX.1),
    };
    let mut found = expressions.find(file.wanted(reach.need, &overrides.only), &account).await;
    file.leave_out(&mut found);
    file.replace(path, text, expressions.values(&found))?;
    Ok((file, expressions))
}

/// Reads a file in which nothing is looked up.
///
/// # Errors
/// As [`read_config`]; [`ErrorKind::Internal`] where something has to be waited for.
pub fn load(
    file: Option<&Path>,
    overrides: &Overrides,
    variables: &HashMap<String, String>,
) -> Result<Config> {
    let reach = Reach { aws: None, need: Need::Everything };
    // Where nothing is looked up, nothing is waited for.
    read_config(file, overrides, variables, reach)
        .now_or_never()
        .unwrap_or_else(|| Err(Error::internal("a lookup was waited for")))
}
