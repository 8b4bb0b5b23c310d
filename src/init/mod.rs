//! `landfall init`: configuration from what there is already. What is written is decided here, from values alone;
//! `write` puts it into files, all of them or none.

mod actions;
mod draft;
mod ecspresso;
mod live;
mod templates;
mod workflow;
mod write;
mod yaml;

pub use draft::{Draft, Drafted, Note};
pub use ecspresso::{Sources as EcspressoSources, from_ecspresso, sources_of_ecspresso};
pub use live::{Live, from_live};
pub use workflow::from_workflow;
pub use write::write_all;
