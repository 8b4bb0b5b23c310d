//! What can be told of the task definition by itself.

pub mod container_sizes;
pub mod depends_on;
pub mod efs_volumes;
pub mod env_files;
pub mod execution_role;
pub mod health_check;
pub mod image_tags;
pub mod limits;
pub mod log_driver;
pub mod network_mode;
pub mod platform_version;
pub mod ports;
pub mod refused_parameters;
pub mod registry_login;
pub mod runtime_platform;
pub mod secrets_form;
pub mod task_size;
pub mod volumes;
