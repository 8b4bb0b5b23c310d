//! Putting a network, roles, secrets and file systems into the account.

use serde_json::Value;

use super::Sandbox;
use crate::world::{
    MountTargetOptions, NetworkAclOptions, RouteTableOptions, SecurityGroupOptions, Simulated, SubnetOptions,
    VpcEndpointOptions, World,
};

impl Sandbox {
    /// Makes a subnet, or changes one.
    pub fn put_subnet(&self, id: &str, options: SubnetOptions) {
        self.change(|world| world.put_subnet(id, options));
    }

    /// Makes a route table, or changes one. There is `rtb-0a`, the main one, with a route to an internet gateway.
    pub fn put_route_table(&self, id: &str, options: RouteTableOptions) {
        self.change(|world| world.put_route_table(id, options));
    }

    /// Makes a VPC endpoint, or changes one.
    pub fn put_vpc_endpoint(&self, id: &str, options: VpcEndpointOptions) {
        self.change(|world| world.put_vpc_endpoint(id, options));
    }

    /// Makes a security group, or changes one.
    pub fn put_security_group(&self, id: &str, options: SecurityGroupOptions) {
        self.change(|world| world.put_security_group(id, options));
    }

    /// Makes a network ACL, or changes one. There is `acl-0a`, which lets everything through, for every subnet that no
    /// other names.
    pub fn put_network_acl(&self, id: &str, options: NetworkAclOptions) {
        self.change(|world| world.put_network_acl(id, options));
    }

    /// Makes a role with a trust policy, or changes one. Its ARN may be of another account.
    pub fn put_role(&self, arn: &str, trust: Value) {
        self.change(|world| world.put_role(arn, trust));
    }

    /// Deletes a role, where it is there.
    pub fn delete_role(&self, arn: &str) {
        self.change(|world| world.delete_role(arn));
    }

    /// Sets whose ARN STS gives as the caller's, e.g. that of a session of a role.
    pub fn set_caller(&self, arn: &str) {
        self.change(|world| world.set_caller(arn));
    }

    /// Lets a simulation say that a principal may do an action on a resource; `*` stands for any characters in both.
    /// The newest rule decides.
    pub fn allow(&self, principal: &str, action: &str, resource: &str) {
        self.change(|world| world.rule(principal, action, resource, Simulated::Allowed));
    }

    /// Lets a simulation say that a principal may not do an action on a resource; `*` stands for any characters in
    /// both. The newest rule decides.
    pub fn deny(&self, principal: &str, action: &str, resource: &str) {
        self.change(|world| world.rule(principal, action, resource, Simulated::ExplicitDeny));
    }

    /// Lets a simulation say that no policy of a principal's own allows it an action on a resource, and none denies it;
    /// `*` stands for any characters in both. The newest rule decides.
    pub fn withhold(&self, principal: &str, action: &str, resource: &str) {
        self.change(|world| world.rule(principal, action, resource, Simulated::ImplicitDeny));
    }

    /// Gives a bucket, a secret, a repository or a key a policy, by ARN. It is told, and nothing follows from it.
    pub fn put_resource_policy(&self, arn: &str, policy: Value) {
        self.change(|world| world.put_resource_policy(arn, policy));
    }

    /// Makes a key of KMS in a state (`Enabled`, `Disabled`, `PendingDeletion`), or changes one.
    pub fn put_key(&self, arn: &str, state: &str) {
        self.change(|world| world.put_key(arn, state));
    }

    /// Makes a secret, or changes the value of one, and returns its ARN.
    pub fn put_secret(&self, name: &str, value: &str) -> String {
        self.change(|world| world.put_secret(name, value))
    }

    /// Protects a secret with a customer's key, by the key's ARN.
    pub fn set_secret_key(&self, arn: &str, key: &str) {
        self.change(|world| world.set_secret_key(arn, key));
    }

    /// Schedules a secret for deletion: it can be described and not be read.
    pub fn schedule_secret_deletion(&self, arn: &str) {
        self.change(|world| world.schedule_secret_deletion(arn));
    }

    /// Deletes a secret at once, where it is there.
    pub fn delete_secret(&self, arn: &str) {
        self.change(|world| world.delete_secret(arn));
    }

    /// Makes a parameter, or changes one: `String`, `StringList` or `SecureString`.
    pub fn put_parameter(&self, name: &str, kind: &str, value: &str) {
        self.change(|world| world.put_parameter(name, kind, value));
    }

    /// Deletes a parameter, where it is there.
    pub fn delete_parameter(&self, name: &str) {
        self.change(|world| world.delete_parameter(name));
    }

    /// Makes a CloudFormation stack with these outputs, or changes one.
    pub fn put_stack(&self, name: &str, outputs: &[(&str, &str)]) {
        self.change(|world| world.put_stack(name, outputs));
    }

    /// Sets the quota of Fargate's vCPUs on demand.
    pub fn set_vcpu_quota(&self, vcpus: u32) {
        self.change(|world| world.set_vcpu_quota(vcpus));
    }

    /// Makes a file system of EFS in a state (`available`), or changes one.
    pub fn put_file_system(&self, id: &str, state: &str) {
        self.change(|world| world.put_file_system(id, state));
    }

    /// Makes a mount target, or changes one.
    pub fn put_mount_target(&self, id: &str, options: MountTargetOptions) {
        self.change(|world| world.put_mount_target(id, options));
    }

    /// Makes an access point of a file system in a state (`available`), or changes one.
    pub fn put_access_point(&self, id: &str, file_system: &str, state: &str) {
        self.change(|world| world.put_access_point(id, file_system, state));
    }

    fn change<R>(&self, change: impl FnOnce(&mut World) -> R) -> R {
        change(&mut self.shared.world().world)
    }
}
