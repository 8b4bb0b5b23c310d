//! The network that tasks run in, as EC2 describes it.

use serde_json::Value;

use super::Known;
use super::policy::allows_someone;

/// The subnets of a service and what leads out of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Network {
    /// Those that the service names and that exist.
    pub subnets: Vec<Subnet>,
    /// Those of the service's VPC.
    pub route_tables: Known<Vec<RouteTable>>,
    /// Those of the service's VPC.
    pub endpoints: Known<Vec<Endpoint>>,
    /// Those of the service's VPC, among them those of its endpoints and of mount targets in it.
    pub security_groups: Known<Vec<SecurityGroup>>,
    /// Those of the service's VPC.
    pub acls: Known<Vec<NetworkAcl>>,
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// `subnet-...`
    pub id: String,
    /// `vpc-...`
    pub vpc: String,
    /// `us-east-1a`
    pub zone: String,
    /// `10.0.1.0/24`
    pub cidr: String,
    /// Addresses that tasks can still get.
    pub free_addresses: u32,
}

/// A route table and the subnets that use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTable {
    /// `rtb-...`
    pub id: String,
    /// Whether subnets without a table of their own use it.
    pub is_main: bool,
    /// Those that it is explicitly associated with.
    pub subnets: Vec<String>,
    /// Active and other routes.
    pub routes: Vec<Route>,
}

/// Where packets for a destination go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// A CIDR block or a prefix list: `0.0.0.0/0`, `::/0`, `pl-63a5400a`.
    pub destination: String,
    /// `igw-...`, `nat-...`, `vpce-...`, `tgw-...`, `local`, ...
    pub target: String,
    /// Not a `blackhole`.
    pub active: bool,
}

/// A VPC endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `vpce-...`
    pub id: String,
    /// `com.amazonaws.us-east-1.ecr.dkr`
    pub service: String,
    /// Gateway or interface.
    pub kind: EndpointKind,
    /// `available`
    pub state: String,
    /// Of a gateway: the tables in which it is a route.
    pub route_tables: Vec<String>,
    /// Of an interface.
    pub subnets: Vec<String>,
    /// Of an interface.
    pub security_groups: Vec<String>,
    /// Of an interface: the public names of the service lead to it.
    pub private_dns: bool,
    /// Its policy; null where EC2 gives none.
    pub policy: Value,
}

impl Endpoint {
    /// Whether some statement of its policy lets an action through, for anyone and under whatever conditions.
    pub fn lets_through(&self, action: &str) -> bool {
        self.policy.is_null() || allows_someone(&self.policy, action)
    }
}

/// A network ACL: what may cross the border of its subnets, in either direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkAcl {
    /// `acl-...`
    pub id: String,
    /// Those that it is associated with: every subnet has one.
    pub subnets: Vec<String>,
    /// Its entries. The one with the lowest number that fits decides.
    pub entries: Vec<AclEntry>,
}

/// One entry of a network ACL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclEntry {
    /// Its place.
    pub number: u32,
    /// About what leaves the subnet.
    pub is_egress: bool,
    /// Allows, or denies.
    pub allows: bool,
    /// A protocol number: `6` for TCP, `-1` for all of them.
    pub protocol: String,
    /// The other side: a block of IPv4 or IPv6.
    pub cidr: String,
    /// First and last port of the destination; absent where all are meant.
    pub ports: Option<(u16, u16)>,
}

/// How a VPC endpoint is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointKind {
    /// By a route.
    Gateway,
    /// By network interfaces.
    Interface,
}

/// A security group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroup {
    /// `sg-...`
    pub id: String,
    /// Who may connect.
    pub inbound: Vec<Rule>,
    /// Where members may connect to.
    pub outbound: Vec<Rule>,
}

/// One permission of a security group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `tcp`, `udp`, `icmp`, a protocol number, or `-1` for all of them.
    pub protocol: String,
    /// First and last port; absent where all are meant.
    pub ports: Option<(u16, u16)>,
    /// The other side; any of them.
    pub peers: Vec<Peer>,
}

/// The other side of a security group's rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// `10.0.0.0/16`, `::/0`
    Cidr(String),
    /// `sg-...`
    SecurityGroup(String),
    /// `pl-...`
    PrefixList(String),
}
