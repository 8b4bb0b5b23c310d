//! Reading the network from EC2.

use futures_util::future::join4;

use super::{
    AclEntry, Endpoint, EndpointKind, Known, Network, NetworkAcl, Peer, Route, RouteTable, Rule,
    SecurityGroup, Subnet,
};
use crate::aws::Aws;
use crate::aws::signed::{Element, known};

impl Aws {
    /// These subnets and, of their VPCs, all route tables, endpoints, security groups and network ACLs. A subnet that does not exist
    /// is missing among the subnets.
    pub async fn network(&self, subnets: &[String]) -> Known<Network> {
        let found = self.signed.ec2_list("DescribeSubnets", filter("subnet-id", subnets), "subnetSet").await;
        let subnets: Vec<Subnet> = match found {
            Ok(found) => found.iter().map(subnet).collect(),
            Err(failure) => return failure.known(),
        };
        let mut vpcs: Vec<String> = subnets.iter().map(|subnet| subnet.vpc.clone()).collect();
        vpcs.sort_unstable();
        vpcs.dedup();
        if vpcs.is_empty() {
            return Known::Is(Network::default());
        }
        let of_vpc = |action, set| self.signed.ec2_list(action, filter("vpc-id", &vpcs), set);
        let (tables, endpoints, groups, acls) = join4(
            of_vpc("DescribeRouteTables", "routeTableSet"),
            of_vpc("DescribeVpcEndpoints", "vpcEndpointSet"),
            of_vpc("DescribeSecurityGroups", "securityGroupInfo"),
            of_vpc("DescribeNetworkAcls", "networkAclSet"),
        )
        .await;
        Known::Is(Network {
            subnets,
            route_tables: known(tables.map(|all| all.iter().map(route_table).collect())),
            endpoints: known(endpoints.map(|all| all.iter().filter_map(endpoint).collect())),
            security_groups: known(groups.map(|all| all.iter().map(security_group).collect())),
            acls: known(acls.map(|all| all.iter().map(network_acl).collect())),
        })
    }
}

fn filter(name: &str, values: &[String]) -> Vec<(String, String)> {
    let mut parameters = vec![("Filter.1.Name".to_owned(), name.to_owned())];
    let value = |(index, value): (usize, &String)| (format!("Filter.1.Value.{}", index + 1), value.clone());
    parameters.extend(values.iter().enumerate().map(value));
    parameters
}

fn subnet(found: &Element) -> Subnet {
    Subnet {
        id: found.string("subnetId"),
        vpc: found.string("vpcId"),
        zone: found.string("availabilityZone"),
        cidr: found.string("cidrBlock"),
        free_addresses: number(found, "availableIpAddressCount").unwrap_or(0),
    }
}

fn number<T: std::str::FromStr>(found: &Element, name: &str) -> Option<T> {
    found.text(name)?.parse().ok()
}

fn route_table(found: &Element) -> RouteTable {
    RouteTable {
        id: found.string("routeTableId"),
        is_main: found.items("associationSet").any(|association| association.flag("main")),
        subnets: found
            .items("associationSet")
            .filter_map(|association| association.text("subnetId").map(str::to_owned))
            .collect(),
        routes: found.items("routeSet").filter_map(route).collect(),
    }
}

/// The field that EC2 fills says what the target is.
const TARGETS: [&str; 11] = [
    "gatewayId",
    "natGatewayId",
    "transitGatewayId",
    "vpcPeeringConnectionId",
    "egressOnlyInternetGatewayId",
    "networkInterfaceId",
    "instanceId",
    "localGatewayId",
    "carrierGatewayId",
    "coreNetworkArn",
    "odbNetworkArn",
];
const DESTINATIONS: [&str; 3] =
    ["destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId"];

fn route(found: &Element) -> Option<Route> {
    let first = |names: &[&str]| names.iter().find_map(|name| found.text(name)).map(str::to_owned);
    Some(Route {
        destination: first(&DESTINATIONS)?,
        target: first(&TARGETS).unwrap_or_default(),
        active: found.text("state") == Some("active"),
    })
}

/// `None` for kinds that AWS's own services are not reached by.
fn endpoint(found: &Element) -> Option<Endpoint> {
    let kind = match found.text("vpcEndpointType") {
        Some("Interface") => EndpointKind::Interface,
        Some("Gateway") => EndpointKind::Gateway,
        _ => return None,
    };
    Some(Endpoint {
        id: found.string("vpcEndpointId"),
        service: found.string("serviceName"),
        kind,
        // EC2 answers in lower case, its documentation has a capital.
        state: found.string("state").to_lowercase(),
        route_tables: found.texts("routeTableIdSet"),
        subnets: found.texts("subnetIdSet"),
        security_groups: found.items("groupSet").map(|group| group.string("groupId")).collect(),
        private_dns: found.flag("privateDnsEnabled"),
        // What is no JSON says nothing.
        policy: found
            .text("policyDocument")
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default(),
    })
}

fn network_acl(found: &Element) -> NetworkAcl {
    let entry = |found: &Element| {
        let cidr = found.text("cidrBlock").or_else(|| found.text("ipv6CidrBlock"))?;
        let ports = found.child("portRange");
        Some(AclEntry {
            number: number(found, "ruleNumber")?,
            is_egress: found.flag("egress"),
            allows: found.text("ruleAction") == Some("allow"),
            protocol: found.string("protocol"),
            cidr: cidr.to_owned(),
            ports: ports.and_then(|ports| number(ports, "from").zip(number(ports, "to"))),
        })
    };
    NetworkAcl {
        id: found.string("networkAclId"),
        subnets: found
            .items("associationSet")
            .filter_map(|association| association.text("subnetId").map(str::to_owned))
            .collect(),
        entries: found.items("entrySet").filter_map(entry).collect(),
    }
}

fn security_group(found: &Element) -> SecurityGroup {
    SecurityGroup {
        id: found.string("groupId"),
        inbound: found.items("ipPermissions").map(rule).collect(),
        outbound: found.items("ipPermissionsEgress").map(rule).collect(),
    }
}

fn rule(found: &Element) -> Rule {
    let peers = |list: &str, field: &str, peer: fn(String) -> Peer| {
        let texts: Vec<&str> = found.items(list).filter_map(|entry| entry.text(field)).collect();
        texts.into_iter().map(|text| peer(text.to_owned())).collect::<Vec<Peer>>()
    };
    Rule {
        protocol: found.string("ipProtocol"),
        // ICMP has types there, and -1 is every one.
        ports: number(found, "fromPort").zip(number(found, "toPort")),
        peers: [
            peers("ipRanges", "cidrIp", Peer::Cidr),
            peers("ipv6Ranges", "cidrIpv6", Peer::Cidr),
            peers("groups", "groupId", Peer::SecurityGroup),
            peers("prefixListIds", "prefixListId", Peer::PrefixList),
        ]
        .concat(),
    }
}
