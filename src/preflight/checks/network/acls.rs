//! Network ACLs of the tasks' subnets (facts 6.9).

use super::path::concerns_us;
use crate::aws::account::{AclEntry, NetworkAcl};
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The network ACLs let the tasks speak to the services of AWS.
pub const CHECK: Check = Check {
    code: "network-acls",
    title: "The subnets' network ACLs let requests out and answers in",
    severity: Severity::Error,
    cause: "A network ACL keeps no state: beside TCP to port 443 going out it has to let the answers in, on the high ports \
            that the requests came from. Where it does not, no image, secret or env file can be read, and no log written.",
    fix: &[
        "Allow outbound TCP to port 443 in the network ACL, with a lower number than what denies it.",
        "Allow inbound TCP to ports 1024 to 65535, with a lower number than what denies it.",
    ],
    prevents: &["network-path-registry"],
    source: "task-networking",
    run,
};

const HTTPS: (u16, u16) = (443, 443);
/// From which Linux opens connections. Other systems have more of them, so that one which is open here is enough.
const EPHEMERAL: (u16, u16) = (32768, 60999);

fn run(input: &Input<'_>) -> Outcome {
    if !concerns_us(input) {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    let network = tally.know(&input.facts.network);
    let acls = network.and_then(|network| tally.know(&network.acls));
    for (subnet, acl) in network
        .into_iter()
        .flat_map(|network| &network.subnets)
        .filter_map(|subnet| Some((subnet, acls?.iter().find(|acl| acl.subnets.contains(&subnet.id))?)))
    {
        for (is_egress, ports, what) in [
            (true, HTTPS, "out to port 443"),
            (false, EPHEMERAL, "in to ports 32768 to 60999, where answers arrive"),
        ] {
            if !is_open(acl, is_egress, ports) {
                tally.problem(format!("subnet {}", subnet.id), format!("{} lets no TCP {what}", acl.id));
            }
        }
    }
    tally.outcome()
}

/// Whether an ACL lets TCP to some of these ports through, from or to somewhere. Only what is certain counts as closed:
/// a denial that fits everything comes before each entry that allows something.
fn is_open(acl: &NetworkAcl, is_egress: bool, (first, last): (u16, u16)) -> bool {
    let mut entries: Vec<&AclEntry> = acl
        .entries
        .iter()
        .filter(|entry| entry.is_egress == is_egress && matches!(entry.protocol.as_str(), "-1" | "6"))
        .collect();
    entries.sort_by_key(|entry| entry.number);
    let touches = |entry: &AclEntry| entry.ports.is_none_or(|(from, to)| from <= last && to >= first);
    let covers = |entry: &AclEntry| entry.ports.is_none_or(|(from, to)| from <= first && to >= last);
    let is_v4 = |entry: &AclEntry| !entry.cidr.contains(':');
    let shut = entries
        .iter()
        .position(|entry| !entry.allows && entry.cidr == "0.0.0.0/0" && covers(entry))
        .unwrap_or(entries.len());
    let opens = |(place, entry): (usize, &&AclEntry)| {
        entry.allows && touches(entry) && (place < shut || !is_v4(entry))
    };
    entries.iter().enumerate().any(opens)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::account::Known;
    use crate::preflight::testing::{World, acl_entry, denied, does_not_apply, passes, problems, wants};

    fn acl(world: &mut World, entries: Vec<AclEntry>) {
        if let Known::Is(acls) = &mut world.network().acls {
            acls[0].entries = entries;
        }
    }

    fn allow(number: u32, is_egress: bool, ports: Option<(u16, u16)>) -> AclEntry {
        acl_entry(number, is_egress, true, ports)
    }

    #[test]
    fn what_lets_nothing_out_or_no_answer_in_is_refused() {
        let said = problems(&CHECK, |world| {
            acl(world, vec![allow(100, true, Some((80, 80))), allow(100, false, None)]);
        });
        assert_eq!(
            said,
            [
                "subnet subnet-a: acl-1 lets no TCP out to port 443",
                "subnet subnet-b: acl-1 lets no TCP out to port 443"
            ]
        );
        let said = problems(&CHECK, |world| {
            acl(world, vec![allow(100, true, None), allow(100, false, Some((443, 443)))]);
        });
        assert_eq!(
            said[0],
            "subnet subnet-a: acl-1 lets no TCP in to ports 32768 to 60999, where answers arrive"
        );
    }

    #[test]
    fn the_lowest_number_decides() {
        let deny = |number: u32| acl_entry(number, true, false, None);
        let both = |number: u32| {
            move |world: &mut World| {
                acl(world, vec![allow(100, true, None), deny(number), allow(100, false, None)]);
            }
        };
        assert_eq!(problems(&CHECK, both(50)).len(), 2);
        passes(&CHECK, both(32767));
    }

    #[test]
    fn what_is_not_certain_counts_as_open() {
        passes(&CHECK, |_| {});
        passes(&CHECK, |world| {
            let part = AclEntry { cidr: "10.0.0.0/8".into(), ..allow(90, true, Some((443, 443))) };
            let some = AclEntry { cidr: "192.168.0.0/16".into(), ..acl_entry(80, true, false, None) };
            acl(world, vec![part, some, allow(100, false, Some((1024, 65535)))]);
        });
        // Whose ACL is not told.
        passes(&CHECK, |world| world.network().acls = Known::Is(Vec::new()));
    }

    #[test]
    fn without_the_permission_it_cannot_be_told() {
        let permission = "ec2:DescribeNetworkAcls";
        wants(&CHECK, permission, |world| world.network().acls = denied(permission));
        does_not_apply(&CHECK, |world| world.service["launchType"] = json!("EC2"));
    }
}
