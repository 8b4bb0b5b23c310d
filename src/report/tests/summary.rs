//! The summary of each way in which a run can end.

use insta::assert_snapshot;

use crate::event::{
    ContainerLogs, Event, LogLine, ProbeFailure, ProbeFailures, ProbeLatency, ProbeReport, ProbeWindow,
    Record, Verdict, ZeroDowntime, ZeroDowntimeVerdict,
};
use crate::report::testing::*;
use crate::report::{Line, Style, summary};

fn summary_of(records: &[Record]) -> String {
    summary(&state_of(records), TERMINAL)
}

#[test]
fn summary_success() {
    assert_snapshot!(summary_of(&success()), @r"
    ✓ deployed hello: revision hello:9 is healthy (35.0 s)
      image             web: sha256:4c1e9f02ab77 pushed, 28.4 MB sent in 7.5 s
      env file          web: .env.prod, 12 variables, uploaded
      task definition   hello:8 → hello:9
      healthy after     14.5 s
      steady after      26.5 s
      zero downtime     observed: never fewer than 2 of 2 healthy (floor 2) in 31
                        observations, longest gap 1.2 s
    ");
}

#[test]
fn summary_rolled_back() {
    assert_snapshot!(summary_of(&rolled_back()), @r"
    ✗ FAILED hello: hello:9 did not become healthy and was rolled back (27.0 s)
      reason            2 tasks of hello:9 failed, the limit is 2

      ✗ The container web exits with code 1 soon after it starts (container-exited,
          seen 2 times)
        cause  The program in the container ends by itself, so ECS stops the task.
        | EssentialContainerExited: Essential container in task exited
        | Error: Cannot find module '/app/server.js'
        | ::error::at Function._resolveFilename
        fix    Read the container's last log lines, and start the image locally with
               the same environment.

      zero downtime     observed: never fewer than 2 of 2 healthy (floor 2) in 31
                        observations, longest gap 1.2 s
      now               the service runs hello:8 again, as before this run
      next              apply the fix above, then run the same command again

    exit code 4: the deployment failed and the earlier revision runs again
    ");
}

#[test]
fn summary_failed() {
    assert_snapshot!(summary_of(&failed()), @r"
    ✗ FAILED hello: hello:9 did not become healthy (19.5 s)
      reason            2 tasks of hello:9 failed, the limit is 2

      ✗ The container web exits with code 1 soon after it starts (container-exited,
          seen 2 times)
        cause  The program in the container ends by itself, so ECS stops the task.
        | EssentialContainerExited: Essential container in task exited
        | Error: Cannot find module '/app/server.js'
        | ::error::at Function._resolveFilename
        fix    Read the container's last log lines, and start the image locally with
               the same environment.

      zero downtime     violated: only 1 of 2 healthy (floor 2), first 4.2 s after
                        the update; 31 observations, longest gap 1.2 s
      now               last seen: hello:9 has 0 of 2 tasks running (PRIMARY),
                        hello:8 has 2 of 2 tasks running (ACTIVE)
      next              apply the fix above, then run the same command again; to put
                        the service back now:
        aws ecs update-service --region ap-northeast-2 --cluster demo --service hello-svc --task-definition hello:8

    exit code 5: the deployment failed and was not put back; the service needs a
        person
    ");
}

#[test]
fn summary_superseded() {
    assert_snapshot!(summary_of(&superseded()), @r"
    ! SUPERSEDED hello: another deployment took over from hello:9 (20.0 s)
      reason            deployment ecs-svc/7 of hello:10 took over
      now               last seen: hello:9 has 0 of 2 tasks running (PRIMARY),
                        hello:8 has 2 of 2 tasks running (ACTIVE)
      next              if that deployment was not meant to replace this one, run
                        the same command again; to see who deployed:
        aws ecs describe-services --region ap-northeast-2 --cluster demo --services hello-svc

    exit code 7: another deployment took over
    ");
}

#[test]
fn summary_timed_out() {
    assert_snapshot!(summary_of(&timed_out()), @r"
    ! TIMED OUT hello: hello:9 was not ready within the time limit (20.0 s)
      reason            not healthy after 15 min; 1 of 2 tasks is RUNNING
      now               last seen: hello:9 has 0 of 2 tasks running (PRIMARY),
                        hello:8 has 2 of 2 tasks running (ACTIVE)
      next              ECS goes on without us; run the same command again with a
                        longer time limit; to look at it:
        aws ecs describe-services --region ap-northeast-2 --cluster demo --services hello-svc

    exit code 6: the time limit ran out
    ");
}

#[test]
fn summary_interrupted() {
    assert_snapshot!(summary_of(&interrupted()), @r"
    ! INTERRUPTED hello: the rollout of hello:9 was not watched to its end (12.0 s)
      reason            interrupted while 0 of 2 tasks were healthy
      now               last seen: hello:9 has 0 of 2 tasks running (PRIMARY),
                        hello:8 has 2 of 2 tasks running (ACTIVE)
      next              ECS goes on with deployment ecs-svc/9 of hello:9; run the
                        same command again to follow it

    exit code 130: interrupted
    ");
}

#[test]
fn summary_interrupted_and_put_back() {
    assert_snapshot!(summary_of(&interrupted_and_put_back()), @r"
    ! INTERRUPTED hello: the rollout of hello:9 was not watched to its end
      reason            ECS goes on putting the service back to hello:8
      now               the rollback to hello:8 by Landfall is under way; last seen:
                        hello:9 has 0 of 2 tasks running (PRIMARY), hello:8 has 2 of
                        2 tasks running (ACTIVE)
      next              deploy again when the service is steady; to look at it:
        aws ecs describe-services --region ap-northeast-2 --cluster demo --services hello-svc

    exit code 130: interrupted
    ");
}

#[test]
fn summary_error() {
    assert_snapshot!(summary_of(&errored()), @r"
    ! hello was not changed

    error: cannot read the service hello-svc on cluster demo: AccessDeniedException:
           User: arn:aws:iam::123456789012:user/ci is not authorized to perform:
           ecs:DescribeServices
    hint: allow ecs:DescribeServices for this user; `landfall iam-policy` prints the
          policy

    exit code 8: AWS or the registry refused
    ");
}

#[test]
fn summary_error_after_a_revision_was_registered() {
    assert_snapshot!(summary_of(&errored_after_register()), @r"
    ! hello was not updated: hello:9 is registered and nothing uses it; running the
        same command again is safe

    error: cannot update hello-svc

    exit code 8: AWS or the registry refused
    ");
}

#[test]
fn summary_up_to_date() {
    assert_snapshot!(summary_of(&up_to_date()), @r"
    ✓ hello is up to date: revision hello:8 (nothing to do)
    ");
}

#[test]
fn summary_dry_run() {
    assert_snapshot!(summary_of(&dry_run()), @r"
    · hello: 3 changes (service hello-svc on cluster demo)
        image of web: sha256:0d0d0d0d0d0d → sha256:4c1e9f02ab77
        env file of web: s3://deploy-env/hello/3f2a.env
        task definition: hello:8 → a new revision

    This was a dry run: nothing was changed.
    ");
}

#[test]
fn summary_of_a_dry_run_with_nothing_to_do() {
    let mut records = Script::new(&["hello"], true);
    records.plan(Vec::new());
    let reason = "nothing to do".to_owned();
    records.on(500, Event::RolloutFinished { verdict: Verdict::Unchanged, reason, zero_downtime: None });
    assert_snapshot!(summary_of(&records.records()), @r"
    ✓ hello is up to date: revision hello:8 (nothing to do)

    This was a dry run: nothing was changed.
    ");
}

fn sentence(zero: ZeroDowntime) -> String {
    let mut records = success();
    if let Some(Event::RolloutFinished { zero_downtime, .. }) = records.last_mut().map(|last| &mut last.event)
    {
        *zero_downtime = Some(zero);
    }
    let text = summary(&state_of(&records), Style::ASCII);
    text.lines().find(|line| line.contains("zero downtime")).unwrap_or_default()[20..].to_owned()
}

#[test]
fn every_zero_downtime_verdict_has_words() {
    let all = [
        sentence(measured(ZeroDowntimeVerdict::Observed, 2)),
        sentence(measured(ZeroDowntimeVerdict::Violated, 1)),
        sentence(measured(ZeroDowntimeVerdict::NotApplicable, 0)),
    ];
    assert_snapshot!(all.join("\n"), @r"
    observed: never fewer than 2 of 2 healthy (floor 2) in 31 observations, longest gap 1.2 s
    violated: only 1 of 2 healthy (floor 2), first 4.2 s after the update; 31 observations, longest gap 1.2 s
    not applicable: nothing was running before
    ");
}

#[test]
fn what_a_probe_measured_has_words() {
    let good = probed();
    let lossy = failing(
        &good,
        12,
        &[(41_000, 44_500, 8), (50_000, 50_000, 1), (51_000, 51_500, 2), (60_000, 60_000, 1)],
    );
    let all = [
        measured(ZeroDowntimeVerdict::Observed, 2).with_probe(good.clone()),
        measured(ZeroDowntimeVerdict::Observed, 3)
            .with_probe(ProbeReport { ended_early: true, ..good.clone() }),
        measured(ZeroDowntimeVerdict::Observed, 2)
            .with_probe(ProbeReport { failed_before: Some("HTTP 404".to_owned()), ..lossy.clone() }),
        measured(ZeroDowntimeVerdict::Observed, 2).with_probe(failing(&good, 8, &[(41_000, 44_500, 8)])),
        measured(ZeroDowntimeVerdict::Violated, 1).with_probe(ProbeReport { missed: 3, ..lossy.clone() }),
        measured(ZeroDowntimeVerdict::Observed, 2)
            .with_probe(ProbeReport { longest_gap_ms: 9_000, ..failing(&good, 1, &[(0, 0, 1)]) }),
        measured(ZeroDowntimeVerdict::Violated, 1).with_probe(good),
    ];
    assert_snapshot!(all.map(sentence).join("\n"), @r"
    proven: none of 240 requests failed (p50 12 ms, p95 30 ms, p99 44 ms, slowest 61 ms, longest gap 0.5 s); never fewer than 2 of 2 healthy (floor 2) in 31 observations, longest gap 1.2 s
    observed: never fewer than 3 healthy (floor 2) in 31 observations, longest gap 1.2 s; not proven: the probe ended before the rollout was over
    observed: never fewer than 2 of 2 healthy (floor 2) in 31 observations, longest gap 1.2 s; not proven: the probe failed before anything was changed (HTTP 404)
    violated: 8 of 240 requests failed (HTTP 502) from 41.0 s to 44.5 s after the update; at the first, 2 new tasks were PENDING, 1 old task was STOPPED; never fewer than 2 of 2 healthy (floor 2) in 31 observations, longest gap 1.2 s
    violated: 12 of 240 requests failed (HTTP 502, 3 could not be sent): 8 from 41.0 s to 44.5 s, 1 at 50.0 s, 2 from 51.0 s to 51.5 s after the update, 1 later; at the first, 2 new tasks were PENDING, 1 old task was STOPPED; only 1 of 2 healthy (floor 2), first 4.2 s after the update; 31 observations, longest gap 1.2 s
    violated: 1 of 240 requests failed (HTTP 502) 0.0 s after the update; at the first, 2 new tasks were PENDING, 1 old task was STOPPED; never fewer than 2 of 2 healthy (floor 2) in 31 observations, longest gap 1.2 s; the probe sent no request for 9000 ms
    violated: none of 240 requests failed (p50 12 ms, p95 30 ms, p99 44 ms, slowest 61 ms, longest gap 0.5 s); only 1 of 2 healthy (floor 2), first 4.2 s after the update; 31 observations, longest gap 1.2 s
    ");
}

fn probed() -> ProbeReport {
    ProbeReport {
        url: "https://api.example.com/health".to_owned(),
        interval_ms: 500,
        duration_ms: 120_000,
        sent: 240,
        latency: Some(ProbeLatency { p50_ms: 12, p95_ms: 30, p99_ms: 44, max_ms: 61 }),
        longest_gap_ms: 501,
        checks: 1,
        ..ProbeReport::default()
    }
}

fn failing(probe: &ProbeReport, failed: u64, windows: &[(u64, u64, u64)]) -> ProbeReport {
    let window = |&(from_ms, to_ms, failed)| ProbeWindow { from_ms, to_ms, failed };
    ProbeReport {
        failed,
        first_failure: Some(ProbeFailure {
            at_ms: windows[0].0,
            what: "HTTP 502".to_owned(),
            tasks: "2 new tasks were PENDING, 1 old task was STOPPED".to_owned(),
        }),
        failures: vec![ProbeFailures { what: "HTTP 502".to_owned(), count: failed }],
        windows: windows.iter().map(window).collect(),
        ..probe.clone()
    }
}

#[test]
fn a_success_that_was_not_waited_for_does_not_claim_health() {
    let records: Vec<Record> = success()
        .into_iter()
        .filter(|record| !matches!(record.event, Event::Healthy { .. } | Event::Steady { .. }))
        .collect();
    let text = summary_of(&records);
    assert!(
        text.starts_with("✓ updated hello: revision hello:9 is being rolled out (not waited for)"),
        "{text}"
    );
}

#[test]
fn every_bad_end_explains_its_exit_code() {
    for (name, records) in all_scripts() {
        let state = state_of(&records);
        let text = summary(&state, Style::ASCII);
        let code = format!("\nexit code {}: ", state.exit_code());
        assert_eq!(text.contains(&code), state.exit_code() != 0, "{name}: {text}");
    }
}

/// What AWS says of an image that is not there, three times over.
#[test]
fn evidence_is_told_once_and_fits_the_terminal() {
    let digest = format!("sha256:{}", "8a5e710f3909".repeat(6).get(..64).expect("digits"));
    let image = format!("123456789012.dkr.ecr.eu-west-1.amazonaws.com/hello@{digest}");
    let reason = format!("CannotPullContainerError: failed to resolve ref {image}: not found");
    let arn = "arn:aws:elasticloadbalancing:ap-northeast-2:000000000000:targetgroup/hello/910a2dec89025cc1";
    let mut records = rolled_back();
    for record in &mut records {
        if let Event::FindingMade { finding } = &mut record.event {
            finding.evidence = vec![
                format!("stopped reason: {reason}"),
                format!("container web: {reason}"),
                format!("service event: unhealthy in (target-group {arn})"),
            ];
        }
    }
    let state = state_of(&records);
    let text = summary(&state, TERMINAL);
    assert_eq!(text.matches("failed to resolve").count(), 1, "{text}");
    assert!(text.contains("/hello@sha256:8a5e710f3909:\n"), "{text}");
    assert!(text.contains("| service event: unhealthy in (target-group hello)\n"), "{text}");
    assert!(text.lines().all(|line| Line::new().text(line).width() <= 80), "{text}");
    // A log has room for all of it.
    let text = summary(&state, Style { width: None, ..TERMINAL });
    assert!(text.contains(&image) && text.contains(arn), "{text}");
}

/// The log of the container is told with what was found, between the cause and the fix.
#[test]
fn a_log_stands_between_cause_and_fix() {
    let mut records = rolled_back();
    let at =
        records.iter().position(|record| matches!(record.event, Event::FindingMade { .. })).expect("found");
    let logs = ContainerLogs {
        task: "7f3a9c120000".to_owned(),
        container: "web".to_owned(),
        exit_code: Some(1),
        reason: None,
        group: None,
        stream: None,
        lines: vec![LogLine { at_ms: None, text: "panic: no DATABASE_URL".to_owned() }],
    };
    let event = Event::ContainerLogs(logs);
    records.insert(at + 1, Record { event, ..records[at].clone() });
    let text = summary(&state_of(&records), TERMINAL);
    let order = [
        "cause ",
        "log of web in task 7f3a9c12",
        "panic: no DATABASE_URL",
        "fix ",
        "zero downtime",
        "now ",
        "next ",
    ];
    let places: Vec<_> = order.iter().map(|part| text.find(part)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} {text}");
}
