//! A run with something in every part of the page.

use super::super::super::testing::*;
use crate::event::*;

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn difference(path: &str, kind: DifferenceKind, hidden: bool) -> Difference {
    let value = |is: bool, value: &str| text(value).filter(|_| is && !hidden);
    let (before, after) =
        (value(kind != DifferenceKind::Added, "256"), value(kind != DifferenceKind::Removed, "512"));
    Difference { path: path.to_owned(), kind, before, after, hidden }
}

fn details() -> PlanDetails {
    PlanDetails {
        definition_file: None,
        images: Vec::new(),
        task_definition: vec![
            difference("cpu", DifferenceKind::Changed, false),
            difference("containerDefinitions[web].command", DifferenceKind::Added, true),
            difference("containerDefinitions[web].links", DifferenceKind::Removed, false),
        ],
        attributes: vec![AttributeChange {
            difference: difference("desiredCount", DifferenceKind::Changed, false),
            starts_deployment: false,
        }],
        rollout: Some(RolloutForecast {
            strategy: "ROLLING".to_owned(),
            desired: 2,
            floor: 2,
            ceiling: 4,
            at_a_time: 2,
            batches: 1,
            shortest_s: 40,
            longest_s: 400,
            because: vec!["targets drain for 300 s".to_owned()],
        }),
        cost: Some(CostEstimate {
            before_usd: Some(18.02),
            after_usd: Some(36.04),
            tasks: 2,
            prices_of: text("2026-10-05"),
            notes: vec!["without data transfer".to_owned()],
        }),
        calls: vec!["ecs:RegisterTaskDefinition".to_owned(), "ecs:UpdateService".to_owned()],
    }
}

fn variables() -> ContainerVariables {
    let variable = |name: &str, from: VariableSource, change: VariableChange| EffectiveVariable {
        name: name.to_owned(),
        from,
        hidden: vec![VariableSource::Environment],
        change,
    };
    let secret = VariableSource::Secret { value_from: "arn:aws:ssm:eu-west-1:1:parameter/db".to_owned() };
    let file = VariableSource::EnvFile { file: ".env.prod".to_owned() };
    ContainerVariables {
        container: "web".to_owned(),
        variables: vec![
            variable("DB_PASSWORD", secret, VariableChange::Added),
            variable("LOG_LEVEL", file, VariableChange::Unchanged),
            variable("OLD", VariableSource::Environment, VariableChange::Removed),
        ],
        unread: vec!["arn:aws:s3:::bucket/other.env: not allowed".to_owned()],
    }
}

fn check() -> CheckReport {
    let problem = |severity, message: &str| CheckProblem {
        severity,
        subject: "subnet subnet-0a1b".to_owned(),
        message: message.to_owned(),
    };
    CheckReport {
        code: "no-route-to-ecr".to_owned(),
        title: "tasks can reach ECR".to_owned(),
        result: CheckResult::Problems,
        problems: vec![
            problem(CheckSeverity::Error, "it has no route to ECR"),
            problem(CheckSeverity::Warning, "its gateway is one for all zones"),
        ],
        fix: text("add an endpoint"),
        permissions: vec!["ec2:DescribeRouteTables".to_owned()],
        why: None,
    }
}

fn logs() -> ContainerLogs {
    let lines = ["starting", "panic: no configuration", "  at main"];
    ContainerLogs {
        task: "7f3a9c120000".to_owned(),
        container: "web".to_owned(),
        exit_code: Some(1),
        group: text("/ecs/hello"),
        stream: text("hello/web/7f3a9c12"),
        lines: lines.map(|line| LogLine { at_ms: None, text: line.to_owned() }).to_vec(),
        reason: None,
    }
}

/// [`rolled_back`] with two services, a plan with details, checks, variables, logs, stages and warnings.
pub fn rich() -> Vec<Record> {
    let mut records = rolled_back();
    if let Event::RunStarted(run) = &mut records[0].event {
        run.services.push("never looked at".to_owned());
        run.sandbox = text("crash-loop");
    }
    for record in &mut records {
        if let Event::Planned { variables: of, details: plan, .. } = &mut record.event {
            *of = vec![variables()];
            *plan = Some(Box::new(details()));
        }
    }
    let end = records.pop().expect("an end");
    let mut script = Script::new(&["hello"], false);
    let check = check();
    script.on(27_001, Event::PreflightFinished(PreflightSummary::of(std::slice::from_ref(&check), 12)));
    script.on(27_001, Event::Checked(check));
    script.on(27_001, Event::ContainerLogs(logs()));
    script.on(27_001, Event::ContainerLogs(ContainerLogs { reason: text("not allowed"), ..logs() }));
    let stage =
        |stage: &str| Event::StageChanged { stage: text(stage), status: "IN_PROGRESS".into(), reason: None };
    script.on(27_002, stage("SCALE_UP"));
    script.on(27_004, stage("PRODUCTION_TRAFFIC_SHIFT"));
    script.on(27_004, Event::TrafficShifted { production_percent: 10.0, test_percent: None });
    let (commit, version) = (text("0123abc"), text("feature/new"));
    script.run(27_004, Event::Origin(Origin { commit, version, ..Origin::default() }));
    script.run(27_005, Event::Warning { message: "the branch feature/<b> is old".to_owned(), hint: None });
    script.run(27_006, Event::Interrupted { message: "run the same command again".to_owned() });
    records.extend(script.records().into_iter().skip(1));
    records.push(end);
    records
}
