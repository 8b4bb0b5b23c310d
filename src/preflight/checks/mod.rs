//! Every check there is.

use super::Check;

pub mod task_definition;

/// All checks, in the order in which they are told.
pub const ALL: &[Check] = &[
    task_definition::limits::CHECK,
    task_definition::task_size::CHECK,
    task_definition::container_sizes::CHECK,
    task_definition::runtime_platform::CHECK,
    task_definition::network_mode::CHECK,
    task_definition::refused_parameters::CHECK,
    task_definition::ports::CHECK,
    task_definition::depends_on::CHECK,
    task_definition::health_check::CHECK,
    task_definition::volumes::CHECK,
    task_definition::efs_volumes::CHECK,
    task_definition::env_files::CHECK,
    task_definition::secrets_form::CHECK,
    task_definition::log_driver::CHECK,
    task_definition::registry_login::CHECK,
    task_definition::execution_role::CHECK,
    task_definition::platform_version::CHECK,
    task_definition::image_tags::CHECK,
];

/// The check with a code.
pub fn by_code(code: &str) -> Option<&'static Check> {
    ALL.iter().find(|check| check.code == code)
}
