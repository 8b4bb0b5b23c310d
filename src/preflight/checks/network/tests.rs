//! Ways out of a network, for every service of AWS that tasks need.

use serde_json::json;

use crate::aws::account::{EndpointKind, Known, Peer};
use crate::preflight::testing::{
    World, denied, endpoint, outcome, passes, problem, problems, rule, s3_gateway, wants,
};
use crate::preflight::{Check, Outcome};

/// A subnet whose only routes are local.
fn isolate(world: &mut World) {
    if let Known::Is(tables) = &mut world.network().route_tables {
        tables[0].routes.retain(|route| route.target == "local");
    }
}

fn default_route(world: &mut World, target: &str, active: bool) {
    if let Known::Is(tables) = &mut world.network().route_tables {
        tables[0].routes[1].target = target.into();
        tables[0].routes[1].active = active;
    }
}

fn endpoints(world: &mut World, services: &[&str]) {
    isolate(world);
    let found =
        services.iter().map(|service| if *service == "s3" { s3_gateway() } else { endpoint(service) });
    world.network().endpoints = Known::Is(found.collect());
}

/// Every way there is, and what closes it.
pub(super) fn needs_a_way(check: &Check, services: &[&str]) {
    public_and_private(check);
    // No way but endpoints.
    let said = problems(check, isolate);
    assert_eq!(said.len(), 2 * services.len(), "{said:?}");
    let expected =
        format!("subnet subnet-a: rtb-1 has no default route, and no VPC endpoint leads to {}", services[0]);
    assert_eq!(said[0], expected);
    passes(check, |world| endpoints(world, services));
    let said = problems(check, |world| {
        endpoints(world, services);
        let Known::Is(found) = &mut world.network().endpoints else { panic!() };
        found[0].policy = json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sqs:*"}});
    });
    let expected = format!("the way to {} leads through it, and its policy allows nobody ", services[0]);
    assert!(said[0].contains(&expected), "{said:?}");
    // An endpoint with private names takes the way even where there is a NAT gateway.
    if services[0] != "s3" {
        let said = problems(check, |world| {
            world.network().endpoints = Known::Is(vec![endpoint(services[0])]);
            close(world, "sg-endpoint");
        });
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("does not let the tasks in on port 443"), "{said:?}");
        let said = problems(check, |world| {
            endpoints(world, services);
            if let Known::Is(found) = &mut world.network().endpoints {
                found.iter_mut().for_each(|endpoint| endpoint.state = "pending".into());
            }
        });
        assert!(said[0].ends_with("and it is pending"), "{said:?}");
        let said = problems(check, |world| {
            endpoints(world, services);
            if let Known::Is(found) = &mut world.network().endpoints {
                found.iter_mut().for_each(|endpoint| endpoint.private_dns = false);
            }
        });
        assert!(said[0].contains("has no private DNS"), "{said:?}");
    } else {
        // A gateway endpoint of another route table leads nowhere.
        let said = problems(check, |world| {
            endpoints(world, services);
            if let Known::Is(found) = &mut world.network().endpoints {
                found[0].route_tables = vec!["rtb-2".into()];
            }
        });
        assert_eq!(said.len(), 2, "{said:?}");
    }
    // What cannot be read cannot be told.
    wants(check, "ec2:DescribeSubnets", |world| world.facts.network = denied("ec2:DescribeSubnets"));
    wants(check, "ec2:DescribeRouteTables", |world| {
        world.network().route_tables = denied("ec2:DescribeRouteTables");
    });
}

pub(super) fn needs_the_internet(check: &Check) {
    let elsewhere = |world: &mut World| world.container()["image"] = json!("nginx:1");
    passes(check, elsewhere);
    let said = problems(check, |world| {
        elsewhere(world);
        isolate(world);
    });
    assert_eq!(
        said[0],
        "subnet subnet-a: rtb-1 has no default route, and no VPC endpoint leads to the registry"
    );
    wants(check, "ec2:DescribeRouteTables", |world| {
        elsewhere(world);
        world.network().route_tables = denied("ec2:DescribeRouteTables");
    });
}

fn public_and_private(check: &Check) {
    passes(check, |_| {});
    let said = problems(check, |world| default_route(world, "igw-1", true));
    assert!(said[0].contains("assignPublicIp is not ENABLED"), "{said:?}");
    passes(check, |world| {
        default_route(world, "igw-1", true);
        world.service["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] = json!("ENABLED");
    });
    let said = problems(check, |world| default_route(world, "nat-1", false));
    assert!(said[0].contains("leads to nat-1, which is gone (blackhole)"), "{said:?}");
    let said = problem(check, |world| {
        let Known::Is(groups) = &mut world.network().security_groups else { panic!() };
        groups[0].outbound = vec![rule(5432, Peer::Cidr("0.0.0.0/0".into()))];
    });
    assert_eq!(said, "security group sg-task: it lets the tasks connect to nothing on port 443");
}

/// A security group that lets nobody in.
fn close(world: &mut World, id: &str) {
    let Known::Is(groups) = &mut world.network().security_groups else { panic!() };
    groups.iter_mut().filter(|group| group.id == id).for_each(|group| group.inbound.clear());
}

#[test]
fn a_subnet_with_a_table_of_its_own_does_not_use_the_main_one() {
    let check = super::logs_route::CHECK;
    let said = problem(&check, |world| {
        let Known::Is(tables) = &mut world.network().route_tables else { panic!() };
        let mut own = tables[0].clone();
        own.routes.truncate(1);
        tables.push(crate::aws::account::RouteTable {
            id: "rtb-own".into(),
            is_main: false,
            subnets: vec!["subnet-b".into()],
            ..own
        });
    });
    assert!(said.starts_with("subnet subnet-b: rtb-own has no default route"), "{said}");
}

#[test]
fn an_endpoint_lets_tasks_in_by_group_by_block_or_for_all() {
    let check = super::logs_route::CHECK;
    for peer in [
        Peer::SecurityGroup("sg-task".into()),
        Peer::Cidr("10.0.0.0/16".into()),
        Peer::Cidr("0.0.0.0/0".into()),
        Peer::PrefixList("pl-1".into()),
    ] {
        passes(&check, |world| {
            endpoints(world, &["logs"]);
            let Known::Is(groups) = &mut world.network().security_groups else { panic!() };
            groups[1].inbound = vec![rule(443, peer)];
        });
    }
    for peer in [Peer::SecurityGroup("sg-other".into()), Peer::Cidr("192.168.0.0/16".into())] {
        problem(&check, |world| {
            endpoints(world, &["logs"]);
            let Known::Is(groups) = &mut world.network().security_groups else { panic!() };
            groups[1].inbound = vec![rule(443, peer)];
        });
    }
}

#[test]
fn a_way_by_ipv6_alone_cannot_be_told() {
    let check = super::logs_route::CHECK;
    let said = outcome(&check, |world| {
        let Known::Is(tables) = &mut world.network().route_tables else { panic!() };
        tables[0].routes[1].destination = "::/0".into();
    });
    assert!(matches!(said, Outcome::NotChecked { why: Some(_), .. }), "{said:?}");
}

#[test]
fn an_interface_endpoint_of_s3_is_a_way_as_well() {
    passes(&super::s3_route::CHECK, |world| {
        endpoints(world, &["s3"]);
        let mut found = endpoint("s3");
        found.kind = EndpointKind::Interface;
        world.network().endpoints = Known::Is(vec![found]);
    });
}
