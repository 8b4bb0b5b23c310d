//! The read operations of EC2, and changing the network from outside.

use serde_json::{Value, json};

use super::{
    Network, NetworkAclOptions, RouteTableOptions, SecurityGroupOptions, SubnetOptions, VpcEndpointOptions,
    render,
};
use crate::world::{
    ApiError, World,
    json::{list, text, texts},
};

impl World {
    pub(crate) fn call_ec2(&mut self, operation: &str, input: &Value) -> Result<Value, ApiError> {
        let network = &self.network;
        let owner = &self.account;
        let (set, found): (&str, Vec<Value>) = match operation {
            "DescribeSubnets" => {
                let asked = Asked::of(input, "SubnetId", &["subnet-id", "vpc-id"])?;
                asked.refuse_unknown(network.subnets.keys(), "InvalidSubnetID.NotFound", "subnet")?;
                let fits = |(id, it): &(&String, &SubnetOptions)| asked.fits(id, &it.vpc);
                let found = network.subnets.iter().filter(fits);
                ("subnetSet", found.map(|(id, it)| render::subnet(id, it, owner)).collect())
            }
            "DescribeRouteTables" => {
                let asked = Asked::of(input, "RouteTableId", &["route-table-id", "vpc-id"])?;
                asked.refuse_unknown(
                    network.route_tables.keys(),
                    "InvalidRouteTableID.NotFound",
                    "routeTable",
                )?;
                let fits = |(id, it): &(&String, &RouteTableOptions)| asked.fits(id, &it.vpc);
                let found = network.route_tables.iter().filter(fits);
                ("routeTableSet", found.map(|(id, it)| render::route_table(id, it, owner)).collect())
            }
            "DescribeVpcEndpoints" => {
                let asked = Asked::of(input, "VpcEndpointId", &["vpc-endpoint-id", "vpc-id"])?;
                let known = network.endpoints.keys();
                asked.refuse_unknown(known, "InvalidVpcEndpointId.NotFound", "Vpc Endpoint")?;
                let fits = |(id, it): &(&String, &VpcEndpointOptions)| asked.fits(id, &it.vpc);
                let found = network.endpoints.iter().filter(fits);
                ("vpcEndpointSet", found.map(|(id, it)| render::endpoint(id, it, owner)).collect())
            }
            "DescribeSecurityGroups" => {
                let asked = Asked::of(input, "GroupId", &["group-id", "vpc-id"])?;
                asked.refuse_unknown(
                    network.security_groups.keys(),
                    "InvalidGroup.NotFound",
                    "security group",
                )?;
                let fits = |(id, it): &(&String, &SecurityGroupOptions)| asked.fits(id, &it.vpc);
                let found = network.security_groups.iter().filter(fits);
                ("securityGroupInfo", found.map(|(id, it)| render::security_group(id, it, owner)).collect())
            }
            "DescribeNetworkAcls" => {
                let asked = Asked::of(input, "NetworkAclId", &["network-acl-id", "vpc-id"])?;
                asked.refuse_unknown(network.acls.keys(), "InvalidNetworkAclID.NotFound", "networkAcl")?;
                let fits = |(id, it): &(&String, &NetworkAclOptions)| asked.fits(id, &it.vpc);
                let found = network.acls.iter().filter(fits);
                let shown =
                    found.map(|(id, it)| render::network_acl(id, it, &network.subnets_of(id, it), owner));
                ("networkAclSet", shown.collect())
            }
            _ => return Err(ApiError::not_implemented("ec2", operation)),
        };
        Ok(page(input, set, found))
    }

    /// Makes a subnet, or changes one.
    pub fn put_subnet(&mut self, id: &str, options: SubnetOptions) {
        self.network.subnets.insert(id.to_owned(), options);
    }

    /// Makes a route table, or changes one.
    pub fn put_route_table(&mut self, id: &str, options: RouteTableOptions) {
        self.network.route_tables.insert(id.to_owned(), options);
    }

    /// Makes a VPC endpoint, or changes one.
    pub fn put_vpc_endpoint(&mut self, id: &str, options: VpcEndpointOptions) {
        self.network.endpoints.insert(id.to_owned(), options);
    }

    /// Makes a network ACL, or changes one.
    pub fn put_network_acl(&mut self, id: &str, options: NetworkAclOptions) {
        self.network.acls.insert(id.to_owned(), options);
    }

    /// Makes a security group, or changes one.
    pub fn put_security_group(&mut self, id: &str, options: SecurityGroupOptions) {
        self.network.security_groups.insert(id.to_owned(), options);
    }
}

impl Network {
    /// The subnets that use an ACL.
    fn subnets_of<'a>(&'a self, id: &str, acl: &'a NetworkAclOptions) -> Vec<&'a str> {
        let named = |subnet: &String| {
            self.acls.iter().any(|(other, acl)| other != id && acl.subnets.contains(subnet))
        };
        let rest =
            self.subnets.iter().filter(|(subnet, it)| acl.is_default && it.vpc == acl.vpc && !named(subnet));
        let own = acl.subnets.iter().map(String::as_str);
        own.chain(rest.map(|(subnet, _)| subnet.as_str())).collect()
    }
}

/// Which things a request is about.
struct Asked {
    /// By id; all where there are none.
    ids: Vec<String>,
    /// Values of the filter by id, and of the one by VPC.
    filters: [Option<Vec<String>>; 2],
}

impl Asked {
    /// Errors: for a filter that is not modelled.
    fn of(input: &Value, ids: &str, names: &[&str; 2]) -> Result<Self, ApiError> {
        let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let mut filters = [None, None];
        for filter in list(input, "Filter") {
            let name = text(filter, "Name").unwrap_or_default();
            let place = names.iter().position(|known| *known == name);
            let place =
                place.ok_or_else(|| ApiError::not_implemented("ec2", &format!("the filter {name}")))?;
            filters[place] = Some(owned(texts(filter, "Value")));
        }
        Ok(Asked { ids: owned(texts(input, ids)), filters })
    }

    fn fits(&self, id: &str, vpc: &str) -> bool {
        let within = |values: &Option<Vec<String>>, value: &str| {
            values.as_ref().is_none_or(|values| values.iter().any(|known| known == value))
        };
        (self.ids.is_empty() || self.ids.iter().any(|asked| asked == id))
            && within(&self.filters[0], id)
            && within(&self.filters[1], vpc)
    }

    /// One unknown id makes EC2 refuse the whole request.
    fn refuse_unknown<'a>(
        &self,
        known: impl Iterator<Item = &'a String> + Clone,
        code: &str,
        what: &str,
    ) -> Result<(), ApiError> {
        match self.ids.iter().find(|id| !known.clone().any(|known| known == *id)) {
            Some(id) => Err(ApiError::client(code, format!("The {what} ID '{id}' does not exist"))),
            None => Ok(()),
        }
    }
}

/// One page: EC2 gives all that there is unless `MaxResults` is given.
fn page(input: &Value, set: &str, found: Vec<Value>) -> Value {
    let number = |key: &str| text(input, key).and_then(|text| text.parse::<usize>().ok());
    let start = number("NextToken").unwrap_or(0);
    let size = number("MaxResults").unwrap_or(1000);
    let end = start.saturating_add(size);
    let mut answer = json!({});
    if end < found.len() {
        answer["nextToken"] = json!(end.to_string());
    }
    answer[set] = found.into_iter().skip(start).take(size).collect();
    answer
}
