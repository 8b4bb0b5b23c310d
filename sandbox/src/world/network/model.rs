//! What a network is made of, and the one that every account starts with.

use std::collections::BTreeMap;

use serde_json::Value;

/// The VPC that every account starts with.
pub(crate) const VPC: &str = "vpc-0a1b2c3d4e5f60718";

/// What a subnet is like.
#[derive(Clone, Debug)]
pub struct SubnetOptions {
    /// Its VPC; there is `vpc-0a1b2c3d4e5f60718` from the start.
    pub vpc: String,
    /// `us-east-1a`
    pub zone: String,
    /// `10.0.0.0/24`
    pub cidr: String,
    /// `availableIpAddressCount`
    pub free_addresses: u32,
}

impl Default for SubnetOptions {
    fn default() -> Self {
        SubnetOptions {
            vpc: VPC.to_owned(),
            zone: "us-east-1a".to_owned(),
            cidr: "10.0.9.0/24".to_owned(),
            free_addresses: 251,
        }
    }
}

/// What a route table is like. The route within the VPC is always there.
#[derive(Clone, Debug)]
pub struct RouteTableOptions {
    /// Its VPC.
    pub vpc: String,
    /// Whether subnets without a table of their own use it.
    pub is_main: bool,
    /// Those that are associated with it.
    pub subnets: Vec<String>,
    /// Its routes.
    pub routes: Vec<RouteOptions>,
}

impl Default for RouteTableOptions {
    fn default() -> Self {
        RouteTableOptions { vpc: VPC.to_owned(), is_main: false, subnets: Vec::new(), routes: Vec::new() }
    }
}

/// A route.
#[derive(Clone, Debug)]
pub struct RouteOptions {
    /// `0.0.0.0/0`, `::/0`, `pl-63a5400a`
    pub destination: String,
    /// `igw-...`, `nat-...`, `vpce-...`, `tgw-...`, `eni-...`, ...
    pub target: String,
    /// Its target is gone.
    pub blackhole: bool,
}

impl RouteOptions {
    /// An active route.
    pub fn to(destination: &str, target: &str) -> Self {
        RouteOptions { destination: destination.to_owned(), target: target.to_owned(), blackhole: false }
    }
}

/// What a VPC endpoint is like.
#[derive(Clone, Debug)]
pub struct VpcEndpointOptions {
    /// Its VPC.
    pub vpc: String,
    /// `com.amazonaws.us-east-1.ecr.dkr`
    pub service: String,
    /// A gateway: S3 and DynamoDB have them. Otherwise an interface.
    pub is_gateway: bool,
    /// `available`, `pending`, ...
    pub state: String,
    /// Of a gateway.
    pub route_tables: Vec<String>,
    /// Of an interface.
    pub subnets: Vec<String>,
    /// Of an interface.
    pub security_groups: Vec<String>,
    /// Of an interface.
    pub private_dns: bool,
    /// Its policy; `None`: the one that lets everything through.
    pub policy: Option<Value>,
}

impl Default for VpcEndpointOptions {
    fn default() -> Self {
        VpcEndpointOptions {
            vpc: VPC.to_owned(),
            service: "com.amazonaws.us-east-1.ecr.dkr".to_owned(),
            is_gateway: false,
            state: "available".to_owned(),
            route_tables: Vec::new(),
            subnets: Vec::new(),
            security_groups: Vec::new(),
            private_dns: true,
            policy: None,
        }
    }
}

/// What a security group is like.
#[derive(Clone, Debug)]
pub struct SecurityGroupOptions {
    /// Its VPC.
    pub vpc: String,
    /// Who may connect.
    pub inbound: Vec<PermissionOptions>,
    /// Where members may connect to.
    pub outbound: Vec<PermissionOptions>,
}

impl Default for SecurityGroupOptions {
    /// Nobody may connect, members may connect to everywhere: what EC2 creates.
    fn default() -> Self {
        SecurityGroupOptions {
            vpc: VPC.to_owned(),
            inbound: Vec::new(),
            outbound: vec![PermissionOptions::all("0.0.0.0/0")],
        }
    }
}

/// A permission of a security group.
#[derive(Clone, Debug, Default)]
pub struct PermissionOptions {
    /// `tcp`, `udp`, `icmp`, or `-1`.
    pub protocol: String,
    /// First and last port.
    pub ports: Option<(u16, u16)>,
    /// CIDR blocks of IPv4 and IPv6.
    pub cidrs: Vec<String>,
    /// Security groups.
    pub groups: Vec<String>,
    /// Prefix lists.
    pub prefix_lists: Vec<String>,
}

impl PermissionOptions {
    /// Every protocol and port to or from a CIDR block.
    pub fn all(cidr: &str) -> Self {
        PermissionOptions { protocol: "-1".to_owned(), cidrs: vec![cidr.to_owned()], ..Self::default() }
    }

    /// A TCP port to or from a CIDR block.
    pub fn tcp(port: u16, cidr: &str) -> Self {
        PermissionOptions {
            protocol: "tcp".to_owned(),
            ports: Some((port, port)),
            cidrs: vec![cidr.to_owned()],
            ..Self::default()
        }
    }
}

/// What a network ACL is like. That everything else is denied is always its last entry.
#[derive(Clone, Debug)]
pub struct NetworkAclOptions {
    /// Its VPC.
    pub vpc: String,
    /// Whether subnets that no other ACL names use it.
    pub is_default: bool,
    /// Those that are associated with it.
    pub subnets: Vec<String>,
    /// What it lets through and what it does not.
    pub entries: Vec<AclEntryOptions>,
}

impl Default for NetworkAclOptions {
    fn default() -> Self {
        NetworkAclOptions { vpc: VPC.to_owned(), is_default: false, subnets: Vec::new(), entries: Vec::new() }
    }
}

/// An entry of a network ACL, about every IPv4 address.
#[derive(Clone, Debug)]
pub struct AclEntryOptions {
    /// Its place: the lowest number that fits decides.
    pub number: u32,
    /// About what leaves the subnet.
    pub egress: bool,
    /// Allows, or denies.
    pub allows: bool,
    /// First and last port of TCP; `None`: every protocol.
    pub ports: Option<(u16, u16)>,
}

impl AclEntryOptions {
    /// Lets everything out, or in.
    pub fn all(egress: bool) -> Self {
        AclEntryOptions { number: 100, egress, allows: true, ports: None }
    }
}

/// Everything of a network, by id.
pub(crate) struct Network {
    pub(crate) subnets: BTreeMap<String, SubnetOptions>,
    pub(crate) route_tables: BTreeMap<String, RouteTableOptions>,
    pub(crate) endpoints: BTreeMap<String, VpcEndpointOptions>,
    pub(crate) security_groups: BTreeMap<String, SecurityGroupOptions>,
    pub(crate) acls: BTreeMap<String, NetworkAclOptions>,
}

impl Network {
    /// Two public subnets in two zones, and a security group whose members may be reached from within the VPC.
    pub(crate) fn new(region: &str) -> Self {
        let subnet = |letter: &str, cidr: &str| {
            let zone = format!("{region}{letter}");
            let options = SubnetOptions { zone, cidr: cidr.to_owned(), ..SubnetOptions::default() };
            (format!("subnet-0{letter}"), options)
        };
        let main = RouteTableOptions {
            is_main: true,
            routes: vec![RouteOptions::to("0.0.0.0/0", "igw-0a")],
            ..RouteTableOptions::default()
        };
        let group = SecurityGroupOptions {
            inbound: vec![PermissionOptions::all("10.0.0.0/16")],
            ..SecurityGroupOptions::default()
        };
        let acl = NetworkAclOptions {
            is_default: true,
            entries: vec![AclEntryOptions::all(true), AclEntryOptions::all(false)],
            ..NetworkAclOptions::default()
        };
        Network {
            acls: [("acl-0a".to_owned(), acl)].into(),
            subnets: [subnet("a", "10.0.0.0/24"), subnet("b", "10.0.1.0/24")].into(),
            route_tables: [("rtb-0a".to_owned(), main)].into(),
            endpoints: BTreeMap::new(),
            security_groups: [("sg-0a".to_owned(), group)].into(),
        }
    }
}
