//! Plain lines.

use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};

use crate::event::{Event, Record, Role};
use crate::report::testing::*;
use crate::report::{Plain, Style};

fn plain(records: &[Record]) -> String {
    let out = Buffer::default();
    play(records, Plain::new(Box::new(out.clone()), Style::ASCII));
    out.text()
}

/// Plain lines without the summary and without what comes before the rollout.
fn plain_rollout(records: &[Record]) -> String {
    let text = plain(records);
    let lines = text.lines().skip_while(|line| !line.contains("service updated"));
    lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[test]
fn plain_success() {
    assert_snapshot!(plain(&success()), @r"
    12:00:00         landfall 0.1.0 on 2026-03-01, times are UTC: deploy hello on cluster demo in ap-northeast-2
    12:00:00  hello  plan ...
    12:00:00  hello  plan: 3 changes
    12:00:00  hello    image of web: sha256:0d0d0d0d0d0d -> sha256:4c1e9f02ab77
    12:00:00  hello    env file of web: s3://deploy-env/hello/3f2a.env
    12:00:00  hello    task definition: hello:8 -> a new revision
    12:00:00  hello  plan done in 0.4 s
    12:00:00  hello  push image ...
    12:00:00  hello  upload env files ...
    12:00:00  hello  web: oci:build/hello -> 123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/hello:v2 (3 blobs, 31.6 MB)
    12:00:00  hello  web: .env.prod, 12 variables, uploaded: arn:aws:s3:::deploy-env/hello/3f2a.env
    12:00:00  hello  upload env files done in 0.4 s
    12:00:06  hello  web: 25.5 MB of 31.6 MB (80 %), 4.2 MB/s after 5.4 s
    12:00:07  hello  web: blob sha256:1f2e3d4c5b6a sent, 28.4 MB
    12:00:08  hello  web: sha256:4c1e9f02ab77 pushed, 28.4 MB sent in 7.5 s
    12:00:08  hello  push image done in 7.5 s
    12:00:08  hello  register revision ...
    12:00:08  hello  registered hello:9
    12:00:08  hello  register revision done in 0.1 s
    12:00:08  hello  update service ...
    12:00:08  hello  service updated: hello:8 -> hello:9; following deployment ecs-svc/9000000000000000009
    12:00:08  hello  update service done in 0.3 s
    12:00:08  hello  watch rollout ...
    12:00:09  hello  2 tasks (old) RUNNING, healthy, target healthy: 0c9e11aa, d4f1bb02
    12:00:09  hello  deployment hello:9 (new) PRIMARY IN_PROGRESS: 0 of 2 running, 2 pending
    12:00:09  hello  deployment hello:8 (old) ACTIVE COMPLETED: 2 of 2 running
    12:00:10  hello  event: (service hello-svc) has started 2 tasks: (task 7f3a9c12) (task b01d77e4).
    12:00:10  hello  task 7f3a9c12 (new) PROVISIONING
    12:00:10  hello  task b01d77e4 (new) PROVISIONING
    12:00:13  hello  task 7f3a9c12 (new) PENDING
    12:00:14  hello  task b01d77e4 (new) PENDING
    12:00:18  hello  still waiting: 0 of 2 healthy after 10.0 s
    12:00:19  hello  task 7f3a9c12 (new) ACTIVATING, target initial
    12:00:20  hello  task 7f3a9c12 (new) RUNNING, target initial
    12:00:20  hello  deployment hello:9 (new) PRIMARY IN_PROGRESS: 1 of 2 running, 1 pending
    12:00:22  hello  task 7f3a9c12 (new) RUNNING, healthy, target healthy
    12:00:22  hello  AWS throttles ecs:DescribeTasks; next look in 4.0 s
    12:00:23  hello  task b01d77e4 (new) RUNNING, healthy, target healthy
    12:00:23  hello  deployment hello:9 (new) PRIMARY IN_PROGRESS: 2 of 2 running
    12:00:23  hello  healthy after 14.5 s: every new task meets every condition
    12:00:25  hello  2 tasks (old) DEACTIVATING, target draining: 0c9e11aa, d4f1bb02
    12:00:25  hello  deployment hello:8 (old) ACTIVE COMPLETED: 2 running, draining
    12:00:33  hello  task 0c9e11aa (old) STOPPED
    12:00:34  hello  task d4f1bb02 (old) STOPPED
    12:00:35  hello  deployment ecs-svc/8000000000000000008 has drained
    12:00:35  hello  deployment hello:9 (new) PRIMARY COMPLETED: 2 of 2 running
    12:00:35  hello  steady after 26.5 s: the old tasks have drained
    12:00:35  hello  watch rollout done in 26.5 s
    12:00:35  hello  succeeded: hello:9 is healthy and steady

    ok deployed hello: revision hello:9 is healthy (35.0 s)
      image             web: sha256:4c1e9f02ab77 pushed, 28.4 MB sent in 7.5 s
      env file          web: .env.prod, 12 variables, uploaded
      task definition   hello:8 -> hello:9
      healthy after     14.5 s
      steady after      26.5 s
      zero downtime     observed: never fewer than 2 of 2 healthy (floor 2) in 31 observations, longest gap 1.2 s
    ");
}

#[test]
fn plain_rollback() {
    assert_snapshot!(plain_rollout(&rolled_back()), @r"
    12:00:08  hello  service updated: hello:8 -> hello:9; following deployment ecs-svc/9000000000000000009
    12:00:08  hello  update service done in 0.3 s
    12:00:08  hello  watch rollout ...
    12:00:09  hello  2 tasks (old) RUNNING, healthy, target healthy: 0c9e11aa, d4f1bb02
    12:00:09  hello  deployment hello:9 (new) PRIMARY IN_PROGRESS: 0 of 2 running, 2 pending
    12:00:09  hello  deployment hello:8 (old) ACTIVE COMPLETED: 2 of 2 running
    12:00:10  hello  task 7f3a9c12 (new) PENDING
    12:00:14  hello  task 7f3a9c12 (new) STOPPED, EssentialContainerExited: Essential container in task exited (web: exit code 1)
    12:00:14  hello  deployment hello:9 (new) PRIMARY IN_PROGRESS: 0 of 2 running, 2 pending, 1 failed
    12:00:14  hello  finding container-exited: The container web exits with code 1 soon after it starts; fix: Read the container's last log lines, and start the image locally with the same environment.
    12:00:19  hello  task b01d77e4 (new) STOPPED, EssentialContainerExited: Essential container in task exited (web: exit code 1)
    12:00:19  hello  deployment hello:9 (new) PRIMARY IN_PROGRESS: 0 of 2 running, 2 pending, 2 failed
    12:00:19  hello  finding container-exited again, seen 2 times
    12:00:19  hello  roll back ...
    12:00:19  hello  rollback to hello:8 by Landfall: 2 tasks have failed
    12:00:20  hello  deployment hello:8 (newer) PRIMARY IN_PROGRESS: 2 of 2 running
    12:00:27  hello  rollback done: the service runs hello:8 again
    12:00:27  hello  roll back done in 7.5 s
    12:00:27  hello  failed and rolled back: 2 tasks of hello:9 failed, the limit is 2
    ");
}

#[test]
fn plain_superseded() {
    assert_snapshot!(plain_rollout(&superseded()), @r"
    12:00:08  hello  service updated: hello:8 -> hello:9; following deployment ecs-svc/9000000000000000009
    12:00:08  hello  update service done in 0.3 s
    12:00:08  hello  watch rollout ...
    12:00:09  hello  2 tasks (old) RUNNING, healthy, target healthy: 0c9e11aa, d4f1bb02
    12:00:09  hello  deployment hello:9 (new) PRIMARY IN_PROGRESS: 0 of 2 running, 2 pending
    12:00:09  hello  deployment hello:8 (old) ACTIVE COMPLETED: 2 of 2 running
    12:00:20  hello  superseded: deployment ecs-svc/7 of hello:10 took over
    ");
}

#[test]
fn plain_error() {
    assert_snapshot!(plain(&errored()), @r"
    12:00:00         landfall 0.1.0 on 2026-03-01, times are UTC: deploy hello on cluster demo in ap-northeast-2
    12:00:00  hello  plan ...

    !  hello was not changed

    error: cannot read the service hello-svc on cluster demo: AccessDeniedException: User: arn:aws:iam::123456789012:user/ci is not authorized to perform: ecs:DescribeServices
    hint: allow ecs:DescribeServices for this user; `landfall iam-policy` prints the policy

    exit code 8: AWS or the registry refused
    ");
}

#[test]
fn plain_up_to_date() {
    assert_snapshot!(plain(&up_to_date()), @r"
    12:00:00         landfall 0.1.0 on 2026-03-01, times are UTC: deploy hello on cluster demo in ap-northeast-2
    12:00:00  hello  plan ...
    12:00:00  hello  plan: nothing to do
    12:00:00  hello  plan done in 0.4 s
    12:00:00  hello  unchanged: nothing to do

    ok hello is up to date: revision hello:8 (nothing to do)
    ");
}

#[test]
fn progress_of_an_image_is_at_most_one_line_in_five_seconds() {
    let mut records: Vec<Record> = success();
    let first = records.iter().position(|record| matches!(record.event, Event::BlobProgress { .. }));
    records.truncate(first.expect("progress"));
    let start = records.last().expect("records").time;
    for number in 0..300_u32 {
        let event = Event::BlobProgress {
            container: "web".to_owned(),
            digest: DIGESTS[0].to_owned(),
            sent: u64::from(number) * 90_000,
            size: 28_400_000,
        };
        let time: Timestamp = start + SignedDuration::from_millis(i64::from(number) * 100);
        records.push(Record { time, service: Some("hello".to_owned()), event });
    }
    let text = plain(&records);
    let lines = text.lines().filter(|line| line.contains(" %), ")).count();
    assert!((5..=6).contains(&lines), "{text}");
}

/// A rollout of 30 tasks, looked at every second or two: each task starts at a time of its own.
fn large_rollout(tasks: i64) -> Vec<Record> {
    let mut records = success();
    let start = records.iter().position(|record| matches!(record.event, Event::ServiceMessage { .. }));
    records.truncate(start.expect("a service event"));
    let on = |ms, event| Record { time: at(ms), service: Some("hello".to_owned()), event };
    let id = |start: char, number: i64| format!("{start}{number:07}");
    let ways = [
        ("PROVISIONING", ""),
        ("PENDING", ""),
        ("ACTIVATING", "initial"),
        ("RUNNING", "initial"),
        ("RUNNING", "healthy"),
    ];
    let down = [("DEACTIVATING", "draining"), ("STOPPING", ""), ("DEPROVISIONING", ""), ("STOPPED", "")];
    let arn = "arn:aws:elasticloadbalancing:r:1:targetgroup/hello/91";
    for look in 0..60 {
        let ms = 10_000 + look * 1_500;
        for number in 0..tasks {
            // Ten at a time, as ECS places them.
            let step = usize::try_from(look - number / 10 * 4).unwrap_or(usize::MAX);
            if let Some((status, target)) = ways.get(step) {
                let task = task(&id('a', number), Role::Followed, status, target);
                records.push(on(ms, Event::TaskChanged { task }));
            }
            if step == ways.len() {
                let message = format!("(service hello-svc) registered 1 targets in (target-group {arn})");
                records.push(on(ms, Event::ServiceMessage { message }));
            }
            if let Some((status, target)) = step.checked_sub(6).and_then(|step| down.get(step)) {
                let task = task(&id('b', number), Role::Old, status, target);
                records.push(on(ms, Event::TaskChanged { task }));
            }
        }
    }
    records
}

#[test]
fn a_large_rollout_is_a_short_log() {
    let text = plain(&large_rollout(30));
    assert!(text.lines().count() < 120, "{} lines: {text}", text.lines().count());
    assert!(text.lines().all(|line| line.len() < 300), "{text}");
    assert!(text.contains("12:00:10  hello  10 tasks (new) PROVISIONING: a0000000, a0000001, "), "{text}");
    let said: Vec<&str> = text.lines().filter_map(|line| line.get(10..)).collect();
    let twice = said.windows(2).find(|pair| pair[0] == pair[1]);
    assert_eq!(twice, None, "{text}");
    // Every task is told of in every state.
    for number in [0, 17, 29] {
        assert_eq!(text.matches(&format!("a{number:07}")).count(), 5, "{text}");
        assert_eq!(text.matches(&format!("b{number:07}")).count(), 4, "{text}");
    }
}

#[test]
fn tasks_that_change_later_are_told_later() {
    let mut records = success();
    let start = records.iter().position(|record| matches!(record.event, Event::ServiceMessage { .. }));
    records.truncate(start.expect("a service event"));
    for (ms, id) in [(10_000, "aaaaaaaa"), (10_020, "bbbbbbbb"), (11_000, "cccccccc")] {
        let task = task(id, Role::Followed, "PENDING", "");
        records.push(Record {
            time: at(ms),
            service: Some("hello".to_owned()),
            event: Event::TaskChanged { task },
        });
    }
    let text = plain(&records);
    assert!(text.contains("12:00:10  hello  2 tasks (new) PENDING: aaaaaaaa, bbbbbbbb\n"), "{text}");
    assert!(text.contains("12:00:11  hello  task cccccccc (new) PENDING\n"), "{text}");
}
