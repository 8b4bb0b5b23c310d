//! File, environment and flags become one typed, validated [`Config`].
//!
//! `read` tells the whole way; `file` is `landfall.yml` (positions, unknown keys), `texts` its expressions, `merge` lays `overrides` (flags and variables) over it,
//! `given` is values that are no texts and may be expressions, `tfstate` names Terraform states, `push` is the image of a container in the file, `probe` the requests of a service, `env` its env files and where they are stored, `model` is the result that the rest of the program
//! works with.

mod env;
mod file;
mod given;
mod merge;
mod model;
mod overrides;
mod preflight;
mod probe;
mod push;
mod read;
mod texts;
mod tfstate;
mod values;

pub use env::{PolicyEntry, code as env_code};
pub use file::ConfigFile;
#[cfg(test)]
pub(crate) use file::parse;
pub(crate) use file::yaml_error;
pub use model::{
    Config, ContainerConfig, EnvFileConfig, EnvStore, ImageConfig, OnConflict, PushConfig, PushRequest,
    ServiceConfig, TaskDefinitionSource, WaitFor,
};
pub use overrides::Overrides;
pub use probe::{ProbeConfig, ProbeOverrides, ProbeUrl};
pub use push::PushOverrides;
pub use read::{Reach, load, read_config};
pub use texts::Need;
pub use values::duration;
