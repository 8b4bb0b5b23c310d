//! The path from the tasks' subnets to a service of AWS (facts 6.9).

use super::doors::{admits, lets_out};
use crate::aws::account::{Endpoint, EndpointKind, Network, RouteTable, Subnet};
use crate::preflight::tally::Tally;
use crate::preflight::{Input, Outcome};

const HTTPS: u16 = 443;

/// Whether the tasks of each subnet can reach these services: their names in a VPC endpoint's (`ecr.dkr`).
pub(super) fn path_to(input: &Input<'_>, services: &[&str]) -> Outcome {
    if !concerns_us(input) {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    if let Some(network) = tally.know(&input.facts.network) {
        let look = Look { input, network };
        look.way_out(&mut tally);
        for service in services {
            look.to_service(&mut tally, service);
        }
    }
    tally.outcome()
}

/// Whether the tasks of each subnet can reach the internet, where no VPC endpoint helps.
pub(super) fn path_to_internet(input: &Input<'_>) -> Outcome {
    if !concerns_us(input) {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    if let Some(network) = tally.know(&input.facts.network) {
        let look = Look { input, network };
        look.way_out(&mut tally);
        if let Some(tables) = tally.know(&network.route_tables) {
            for subnet in &network.subnets {
                look.by_route(&mut tally, subnet, tables, "the registry");
            }
        }
    }
    tally.outcome()
}

/// On instances of one's own the instance pulls and logs, and is elsewhere.
pub(super) fn concerns_us(input: &Input<'_>) -> bool {
    input.is_fargate() && !input.subnets().is_empty()
}

struct Look<'a> {
    input: &'a Input<'a>,
    network: &'a Network,
}

impl Look<'_> {
    fn way_out(&self, tally: &mut Tally) {
        if let Some(groups) = tally.know(&self.network.security_groups)
            && !lets_out(groups, HTTPS, self.input)
        {
            let names = self.input.security_groups().join(", ");
            tally.problem(
                format!("security group {names}"),
                "it lets the tasks connect to nothing on port 443",
            );
        }
    }

    fn to_service(&self, tally: &mut Tally, service: &str) {
        let name = format!("com.amazonaws.{}.{service}", self.input.facts.region);
        // In China the names of AWS's own services begin in another way.
        let is_meant =
            |endpoint: &&Endpoint| endpoint.service == name || endpoint.service == format!("cn.{name}");
        let endpoints = match tally.know(&self.network.endpoints) {
            Some(all) => all.iter().filter(is_meant).collect(),
            None => Vec::new(),
        };
        // Its private names lead every task of the VPC to it, whatever routes there are.
        let private =
            endpoints.iter().find(|found| found.kind == EndpointKind::Interface && found.private_dns);
        if let Some(endpoint) = private {
            self.to_interface(tally, endpoint, service);
            return;
        }
        let Some(tables) = tally.know(&self.network.route_tables) else { return };
        for subnet in &self.network.subnets {
            let table = table_of(subnet, tables);
            let gateway = endpoints.iter().find(|endpoint| {
                endpoint.kind == EndpointKind::Gateway
                    && endpoint.state.eq_ignore_ascii_case("available")
                    && table.is_some_and(|table| endpoint.route_tables.contains(&table.id))
            });
            if let Some(gateway) = gateway {
                by_policy(tally, gateway, service);
            } else {
                let without_names = endpoints.iter().find(|found| found.kind == EndpointKind::Interface);
                let what = match without_names {
                    Some(endpoint) => format!("{service} (its endpoint {} has no private DNS)", endpoint.id),
                    None => service.to_owned(),
                };
                self.by_route(tally, subnet, tables, &what);
            }
        }
    }

    fn to_interface(&self, tally: &mut Tally, endpoint: &Endpoint, service: &str) {
        by_policy(tally, endpoint, service);
        let subject = format!("endpoint {}", endpoint.id);
        if !endpoint.state.eq_ignore_ascii_case("available") {
            tally.problem(
                &subject,
                format!("the way to {service} leads through it, and it is {}", endpoint.state),
            );
        }
        if let Some(groups) = tally.know(&self.network.security_groups)
            && !admits(groups, &endpoint.security_groups, HTTPS, self.input, self.network)
        {
            let names = endpoint.security_groups.join(", ");
            tally.problem(
                subject,
                format!("the way to {service} leads through it, and its security group {names} does not let the tasks in on port 443"),
            );
        }
    }

    /// By the subnet's default route.
    fn by_route(&self, tally: &mut Tally, subnet: &Subnet, tables: &[RouteTable], what: &str) {
        let subject = format!("subnet {}", subnet.id);
        let Some(table) = table_of(subnet, tables) else {
            tally.unsure(format!("the route table of {} is not known", subnet.id));
            return;
        };
        let routes = |destination: &'static str| {
            table.routes.iter().filter(move |route| route.destination == destination)
        };
        let active = routes("0.0.0.0/0").find(|route| route.active);
        match active {
            Some(route) if route.target.starts_with("igw-") => {
                if !self.input.has_public_ip() {
                    tally.problem(
                        subject,
                        format!(
                            "it is public ({} leads to {}), and the tasks get no public address (assignPublicIp is not ENABLED): they cannot reach {what}",
                            table.id, route.target
                        ),
                    );
                }
            }
            Some(_) => {}
            // An answer by IPv6 alone is possible, and cannot be told from here.
            None if routes("::/0").any(|route| route.active) => {
                tally.unsure(format!("{} leads out by IPv6 alone", subnet.id));
            }
            None => {
                let why = match routes("0.0.0.0/0").next() {
                    Some(gone) => {
                        format!("its default route leads to {}, which is gone (blackhole)", gone.target)
                    }
                    None => format!("{} has no default route", table.id),
                };
                tally.problem(subject, format!("{why}, and no VPC endpoint leads to {what}"));
            }
        }
    }
}

/// What tasks do with each service, at the least.
const NEEDED: [(&str, &str); 6] = [
    ("ecr.api", "ecr:GetAuthorizationToken"),
    ("ecr.dkr", "ecr:BatchGetImage"),
    ("s3", "s3:GetObject"),
    ("logs", "logs:PutLogEvents"),
    ("secretsmanager", "secretsmanager:GetSecretValue"),
    ("ssm", "ssm:GetParameters"),
];

/// Whether the endpoint's own policy lets anyone do what the tasks do there.
fn by_policy(tally: &mut Tally, endpoint: &Endpoint, service: &str) {
    let needed = NEEDED.iter().find(|(name, _)| *name == service).map(|(_, action)| *action);
    if let Some(action) = needed.filter(|action| !endpoint.lets_through(action)) {
        tally.problem(
            format!("endpoint {}", endpoint.id),
            format!("the way to {service} leads through it, and its policy allows nobody {action}"),
        );
    }
}

/// The table that a subnet is associated with, or else the VPC's main one.
fn table_of<'a>(subnet: &Subnet, tables: &'a [RouteTable]) -> Option<&'a RouteTable> {
    let own = tables.iter().find(|table| table.subnets.contains(&subnet.id));
    own.or_else(|| tables.iter().find(|table| table.is_main))
}
