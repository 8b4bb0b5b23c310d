//! What security groups let through.

use super::cidr::overlap;
use crate::aws::account::{Network, Peer, Rule, SecurityGroup};
use crate::preflight::Input;

/// Whether a rule is about TCP and this port.
fn concerns(rule: &Rule, port: u16) -> bool {
    matches!(rule.protocol.as_str(), "-1" | "tcp" | "6")
        && rule.ports.is_none_or(|(first, last)| (first..=last).contains(&port))
}

/// Whether one of these groups lets the tasks of the service connect to a port. Groups that are not known, and rules
/// whose peers cannot be told (prefix lists), count as open: only what is certain is a problem.
pub(super) fn admits(
    groups: &[SecurityGroup],
    ids: &[String],
    port: u16,
    input: &Input<'_>,
    network: &Network,
) -> bool {
    let tasks = input.security_groups();
    let is_task = |peer: &Peer| match peer {
        // Without groups of its own the service has the VPC's default group, whose id is not known here.
        Peer::SecurityGroup(id) => tasks.is_empty() || tasks.contains(&id.as_str()),
        Peer::Cidr(block) => network.subnets.iter().any(|subnet| overlap(block, &subnet.cidr)),
        Peer::PrefixList(_) => true,
    };
    let admits = |id: &String| {
        let group = groups.iter().find(|group| group.id == *id);
        group.is_none_or(|group| {
            group.inbound.iter().any(|rule| concerns(rule, port) && rule.peers.iter().any(is_task))
        })
    };
    ids.is_empty() || ids.iter().any(admits)
}

/// Whether one of the tasks' groups lets them connect to a port anywhere. Groups that are not known count as open.
pub(super) fn lets_out(groups: &[SecurityGroup], port: u16, input: &Input<'_>) -> bool {
    let tasks = input.security_groups();
    let open = |id: &&str| {
        let group = groups.iter().find(|group| group.id == **id);
        group.is_none_or(|group| {
            group.outbound.iter().any(|rule| concerns(rule, port) && !rule.peers.is_empty())
        })
    };
    tasks.is_empty() || tasks.iter().any(open)
}
