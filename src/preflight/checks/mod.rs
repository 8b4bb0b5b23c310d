//! Every check there is.

use super::Check;

pub mod images;
pub mod network;
pub mod permissions;
pub mod references;
pub mod service;
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
    images::exists::CHECK,
    images::platform::PLATFORM,
    images::platform::STORAGE,
    service::state::CHECK,
    service::express::CHECK,
    service::cluster::CHECK,
    service::capacity_providers::CHECK,
    service::percent::CHECK,
    service::load_balancer::CHECK,
    service::target_groups::TYPE,
    service::target_groups::LISTENER,
    service::target_groups::VPC,
    service::service_connect::CHECK,
    network::configuration::CHECK,
    network::ecr_route::CHECK,
    network::s3_route::CHECK,
    network::logs_route::CHECK,
    network::secrets_route::CHECK,
    network::parameters_route::CHECK,
    network::registry_route::CHECK,
    network::acls::CHECK,
    network::addresses::CHECK,
    network::efs::MOUNT_TARGETS,
    network::efs::SECURITY_GROUPS,
    network::efs::ACCESS_POINTS,
    permissions::roles::CHECK,
    permissions::ecr::CHECK,
    permissions::env_files::CHECK,
    permissions::secrets::CHECK,
    permissions::keys::CHECK,
    permissions::logs::CHECK,
    permissions::task_role_efs::CHECK,
    permissions::pass_role::CHECK,
    permissions::caller_writes::CHECK,
    permissions::caller_reads::CHECK,
    references::secrets::CHECK,
    references::keys::CHECK,
    references::parameters::CHECK,
    references::log_groups::CHECK,
    references::env_files::CHECK,
    service::vcpu_quota::CHECK,
    service::grace_period::CHECK,
    service::drain_time::CHECK,
    service::conflict::CHECK,
    service::rollback::CHECK,
    service::spot::CHECK,
    task_definition::image_tags::CHECK,
];

/// The check with a code.
pub fn by_code(code: &str) -> Option<&'static Check> {
    ALL.iter().find(|check| check.code == code)
}
