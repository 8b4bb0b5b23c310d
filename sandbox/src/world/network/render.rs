//! How EC2 shows a network.

use serde_json::{Value, json};

use super::{
    AclEntryOptions, NetworkAclOptions, PermissionOptions, RouteOptions, RouteTableOptions,
    SecurityGroupOptions, SubnetOptions, VpcEndpointOptions,
};

pub(super) fn subnet(id: &str, subnet: &SubnetOptions, owner: &str) -> Value {
    json!({
        "subnetId": id,
        "state": "available",
        "ownerId": owner,
        "vpcId": subnet.vpc,
        "cidrBlock": subnet.cidr,
        "ipv6CidrBlockAssociationSet": [],
        "availableIpAddressCount": subnet.free_addresses,
        "availabilityZone": subnet.zone,
        "defaultForAz": false,
        "mapPublicIpOnLaunch": false,
    })
}

pub(super) fn route_table(id: &str, table: &RouteTableOptions, owner: &str) -> Value {
    let association = |subnet: Option<&String>| {
        json!({
            "routeTableAssociationId": format!("rtbassoc-{}", subnet.unwrap_or(&table.vpc)),
            "routeTableId": id,
            "subnetId": subnet,
            "main": subnet.is_none(),
            "associationState": { "state": "associated" },
        })
    };
    let main = table.is_main.then(|| association(None));
    let explicit = table.subnets.iter().map(|subnet| association(Some(subnet)));
    let local = json!({
        "destinationCidrBlock": "10.0.0.0/16",
        "gatewayId": "local",
        "state": "active",
        "origin": "CreateRouteTable",
    });
    json!({
        "routeTableId": id,
        "vpcId": table.vpc,
        "ownerId": owner,
        "routeSet": std::iter::once(local).chain(table.routes.iter().map(route)).collect::<Vec<_>>(),
        "associationSet": main.into_iter().chain(explicit).collect::<Vec<_>>(),
        "propagatingVgwSet": [],
        "tagSet": [],
    })
}

fn route(route: &RouteOptions) -> Value {
    let destination = match route.destination.as_str() {
        list if list.starts_with("pl-") => "destinationPrefixListId",
        block if block.contains("::") => "destinationIpv6CidrBlock",
        _ => "destinationCidrBlock",
    };
    let kind = route.target.split('-').next().unwrap_or_default();
    let target = match kind {
        "nat" => "natGatewayId",
        "tgw" => "transitGatewayId",
        "pcx" => "vpcPeeringConnectionId",
        "eigw" => "egressOnlyInternetGatewayId",
        "eni" => "networkInterfaceId",
        "i" => "instanceId",
        _ => "gatewayId",
    };
    json!({
        destination: route.destination,
        target: route.target,
        "state": if route.blackhole { "blackhole" } else { "active" },
        "origin": "CreateRoute",
    })
}

pub(super) fn endpoint(id: &str, endpoint: &VpcEndpointOptions, owner: &str) -> Value {
    let groups = endpoint.security_groups.iter();
    json!({
        "vpcEndpointId": id,
        "vpcEndpointType": if endpoint.is_gateway { "Gateway" } else { "Interface" },
        "vpcId": endpoint.vpc,
        "ownerId": owner,
        "serviceName": endpoint.service,
        "state": endpoint.state,
        "routeTableIdSet": endpoint.route_tables,
        "subnetIdSet": endpoint.subnets,
        "groupSet": groups.map(|group| json!({ "groupId": group, "groupName": group })).collect::<Vec<_>>(),
        "privateDnsEnabled": endpoint.private_dns && !endpoint.is_gateway,
        "policyDocument": endpoint.policy.clone().unwrap_or_else(open_policy).to_string(),
        "requesterManaged": false,
        "networkInterfaceIdSet": [],
        "dnsEntrySet": [],
    })
}

/// The policy that an endpoint has unless it is given another one.
fn open_policy() -> Value {
    json!({
        "Version": "2008-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" }],
    })
}

pub(super) fn network_acl(id: &str, acl: &NetworkAclOptions, subnets: &[&str], owner: &str) -> Value {
    // The last entries, which nobody can take out.
    let last =
        |egress: bool| AclEntryOptions { number: 32767, allows: false, ..AclEntryOptions::all(egress) };
    let entry = |entry: &AclEntryOptions| {
        json!({
            "ruleNumber": entry.number,
            "protocol": if entry.ports.is_some() { "6" } else { "-1" },
            "ruleAction": if entry.allows { "allow" } else { "deny" },
            "egress": entry.egress,
            "cidrBlock": "0.0.0.0/0",
            "portRange": entry.ports.map(|(from, to)| json!({ "from": from, "to": to })),
        })
    };
    let association = |subnet: &&str| json!({ "networkAclAssociationId": format!("aclassoc-{subnet}"), "networkAclId": id, "subnetId": subnet });
    json!({
        "networkAclId": id,
        "vpcId": acl.vpc,
        "ownerId": owner,
        "default": acl.is_default,
        "entrySet": acl.entries.iter().chain(&[last(true), last(false)]).map(entry).collect::<Vec<_>>(),
        "associationSet": subnets.iter().map(association).collect::<Vec<_>>(),
        "tagSet": [],
    })
}

pub(super) fn security_group(id: &str, group: &SecurityGroupOptions, owner: &str) -> Value {
    let permissions =
        |all: &[PermissionOptions]| all.iter().map(|one| permission(one, owner)).collect::<Vec<_>>();
    json!({
        "groupId": id,
        "groupName": id,
        "groupDescription": "a security group",
        "ownerId": owner,
        "vpcId": group.vpc,
        "ipPermissions": permissions(&group.inbound),
        "ipPermissionsEgress": permissions(&group.outbound),
        "tagSet": [],
    })
}

fn permission(permission: &PermissionOptions, owner: &str) -> Value {
    let (v6, v4): (Vec<&String>, Vec<&String>) = permission.cidrs.iter().partition(|cidr| cidr.contains(':'));
    let each = |all: Vec<&String>, name: &str| {
        all.into_iter().map(|one| json!({ name: one })).collect::<Vec<Value>>()
    };
    let groups = permission.groups.iter().map(|group| json!({ "groupId": group, "userId": owner }));
    json!({
        "ipProtocol": permission.protocol,
        "fromPort": permission.ports.map(|(from, _)| from),
        "toPort": permission.ports.map(|(_, to)| to),
        "groups": groups.collect::<Vec<_>>(),
        "ipRanges": each(v4, "cidrIp"),
        "ipv6Ranges": each(v6, "cidrIpv6"),
        "prefixListIds": each(permission.prefix_lists.iter().collect(), "prefixListId"),
    })
}
