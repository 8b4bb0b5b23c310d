//! File, environment and flags become one typed, validated [`Config`].
//!
//! `file` reads `landfall.yml` (positions, `${NAME}`, unknown keys), `merge` lays flags over it,
//! `push` is the image of a container in the file, `model` is the result that the rest of the program
//! works with.

mod file;
mod interpolate;
mod merge;
mod model;
mod push;
mod values;

pub(crate) use file::yaml_error;
pub use file::{ConfigFile, config_schema, parse};
pub use merge::{Overrides, load};
pub use model::{
    Config, ContainerConfig, EnvStore, ImageConfig, PushConfig, PushRequest, ServiceConfig,
    TaskDefinitionSource, WaitFor,
};
pub use push::PushOverrides;
