//! The live display on a terminal of 80 columns.

use indicatif::{InMemoryTerm, ProgressDrawTarget};
use insta::assert_snapshot;
use jiff::SignedDuration;

use crate::event::{Event, Record, Role, Verdict};
use crate::report::testing::*;
use crate::report::{Human, Line, Style, live, summary};
use crate::state::RunState;

fn human(term: &InMemoryTerm, style: Style) -> Human {
    let target = ProgressDrawTarget::term_like(Box::new(term.clone()));
    Human::new(target, Box::new(TermWriter(term.clone())), style, Some(24))
}

/// The terminal when the last event before `until` ms has happened and time has passed.
fn screen_at(records: &[Record], until: i64, style: Style) -> String {
    let term = InMemoryTerm::new(24, 80);
    let mut sinks = sinks_with(human(&term, style));
    let start = records[0].time;
    for record in records.iter().filter(|record| record.time <= start + SignedDuration::from_millis(until)) {
        sinks.apply(record);
    }
    sinks.tick(start + SignedDuration::from_millis(until));
    term.contents()
}

fn screen(records: &[Record], rows: u16) -> String {
    let term = InMemoryTerm::new(rows, 80);
    play(records, human(&term, TERMINAL));
    term.contents()
}

#[test]
fn screen_while_pushing() {
    assert_snapshot!(screen_at(&success(), 4_000, TERMINAL), @r"
    landfall 0.1.0  deploy hello on cluster demo in ap-northeast-2
    ✓ plan              3 changes                                             0.4 s
        image of web: sha256:0d0d0d0d0d0d → sha256:4c1e9f02ab77
        env file of web: s3://deploy-env/hello/3f2a.env
        task definition: hello:8 → a new revision
    ✓ upload env files  web: .env.prod, 12 variables, uploaded                0.4 s
    ⠴ push image                                                              3.5 s
        web  █████████░░░░░░░░░░░  15.5 MB of 31.6 MB  3.7 MB/s  2 of 3 blobs
          sha256:1f2e3d4c5b6a  ████████░░░░░░░░░░░░  12.3 MB of 28.4 MB  3.7 MB/s
    ");
}

#[test]
fn screen_while_a_sent_blob_is_not_confirmed() {
    let text = screen_at(&success(), 7_600, TERMINAL);
    assert!(text.contains("28.4 MB of 28.4 MB"), "{text}");
    assert!(!text.contains(&"█".repeat(20)), "{text}");
}

#[test]
fn screen_while_tasks_start() {
    assert_snapshot!(screen_at(&success(), 20_500, TERMINAL), @r"
    landfall 0.1.0  deploy hello on cluster demo in ap-northeast-2
    ✓ plan              3 changes                                             0.4 s
        image of web: sha256:0d0d0d0d0d0d → sha256:4c1e9f02ab77
        env file of web: s3://deploy-env/hello/3f2a.env
        task definition: hello:8 → a new revision
    ✓ upload env files  web: .env.prod, 12 variables, uploaded                0.4 s
    ✓ push image        web: sha256:4c1e9f02ab77, 28.4 MB sent                7.5 s
    ✓ register revision hello:9                                               0.1 s
    ✓ update service    hello:9                                               0.3 s
    · service has started 2 tasks: (task 7f3a9c12) (task b01d77e4).
    ⠋ watch rollout     1 of 2 new tasks running                             12.0 s
        new   hello:9  1 of 2 running, 1 pending
          7f3a9c12  ●●●●  RUNNING                    target initial
          b01d77e4  ●●○○  PENDING
        old   hello:8  2 of 2 running
          0c9e11aa  ●●●●  RUNNING         healthy    target healthy
          d4f1bb02  ●●●●  RUNNING         healthy    target healthy
    ");
}

#[test]
fn screen_while_old_tasks_drain() {
    let style = Style { unicode: false, ..TERMINAL };
    assert_snapshot!(screen_at(&success(), 26_000, style), @r"
    landfall 0.1.0  deploy hello on cluster demo in ap-northeast-2
    ok plan              3 changes                                            0.4 s
        image of web: sha256:0d0d0d0d0d0d -> sha256:4c1e9f02ab77
        env file of web: s3://deploy-env/hello/3f2a.env
        task definition: hello:8 -> a new revision
    ok upload env files  web: .env.prod, 12 variables, uploaded               0.4 s
    ok push image        web: sha256:4c1e9f02ab77, 28.4 MB sent               7.5 s
    ok register revision hello:9                                              0.1 s
    ok update service    hello:9                                              0.3 s
    -  service has started 2 tasks: (task 7f3a9c12) (task b01d77e4).
    ok healthy after 14.5 s: every new task meets every condition
    \  watch rollout     healthy; waiting for the old tasks to drain         17.5 s
        new   hello:9  2 of 2 running
          7f3a9c12  ####  RUNNING         healthy    target healthy
          b01d77e4  ####  RUNNING         healthy    target healthy
        old   hello:8  2 running, draining
          0c9e11aa  .###  DEACTIVATING               target draining
          d4f1bb02  .###  DEACTIVATING               target draining
    ");
}

#[test]
fn screen_while_rolling_back() {
    assert_snapshot!(screen_at(&rolled_back(), 21_000, TERMINAL), @r"
    ✓ register revision hello:9                                               0.1 s
    ✓ update service    hello:9                                               0.3 s
    ✗ task 7f3a9c12 stopped: EssentialContainerExited: Essential container in task
        exited (web: exit code 1)
    ✗ The container web exits with code 1 soon after it starts
      why  The program in the container ends by itself, so ECS stops the task.
      fix  Read the container's last log lines, and start the image locally with the
           same environment.
    ✗ task b01d77e4 stopped: EssentialContainerExited: Essential container in task
        exited (web: exit code 1)
    ✗ watch rollout     failed                                               11.0 s
    ! rollback to hello:8 by Landfall: 2 tasks have failed
    ⠴ roll back         to hello:8 by Landfall                                1.5 s
        back  hello:8  2 of 2 running
        new   hello:9  0 of 2 running, 2 pending, 2 failed
          7f3a9c12  ○○○○  STOPPED                    EssentialContainerExited: Ess…
          b01d77e4  ○○○○  STOPPED                    EssentialContainerExited: Ess…
        old   hello:8  2 of 2 running
          0c9e11aa  ●●●●  RUNNING         healthy    target healthy
          d4f1bb02  ●●●●  RUNNING         healthy    target healthy
    ");
}

#[test]
fn screen_at_the_end() {
    assert_snapshot!(screen(&success(), 30), @r"
    landfall 0.1.0  deploy hello on cluster demo in ap-northeast-2
    ✓ plan              3 changes                                             0.4 s
        image of web: sha256:0d0d0d0d0d0d → sha256:4c1e9f02ab77
        env file of web: s3://deploy-env/hello/3f2a.env
        task definition: hello:8 → a new revision
    ✓ upload env files  web: .env.prod, 12 variables, uploaded                0.4 s
    ✓ push image        web: sha256:4c1e9f02ab77, 28.4 MB sent                7.5 s
    ✓ register revision hello:9                                               0.1 s
    ✓ update service    hello:9                                               0.3 s
    · service has started 2 tasks: (task 7f3a9c12) (task b01d77e4).
    ✓ healthy after 14.5 s: every new task meets every condition
    ✓ watch rollout                                                          26.5 s

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
fn nothing_on_the_screen_is_wider_than_it() {
    for (name, records) in all_scripts() {
        let start = records[0].time;
        for record in &records {
            let ms = i64::try_from(record.time.duration_since(start).as_millis()).expect("short");
            let mut state = RunState::default();
            records.iter().filter(|other| other.time <= record.time).for_each(|other| state.apply(other));
            for line in live::live(&state, record.time, TERMINAL, Some(24)) {
                assert!(line.width() < 80, "{name} at {ms}: {}", line.render(Style::ASCII));
            }
        }
        // A command that is to be copied may be longer; everything else is wrapped.
        let text = summary(&state_of(&records), TERMINAL);
        for line in text.lines().filter(|line| !line.starts_with("    aws ")) {
            assert!(Line::new().text(line).width() <= 80, "{name}: {line}");
        }
    }
}

#[test]
fn many_tasks_do_not_overflow_the_screen() {
    let mut records = success();
    let last_before_health = records.iter().position(|record| matches!(record.event, Event::Healthy { .. }));
    records.truncate(last_before_health.expect("healthy"));
    let time = records.last().expect("records").time;
    for number in 0..50 {
        let task = task(&format!("{number:08}"), Role::Followed, "PENDING", "");
        records.push(Record { time, service: Some("hello".to_owned()), event: Event::TaskChanged { task } });
    }
    let text = screen_at(&records, 23_000, TERMINAL);
    assert!(text.lines().count() <= 24, "{text}");
    assert!(text.contains("more rows"), "{text}");
}

#[test]
fn without_a_terminal_the_human_lines_go_to_the_writer() {
    let out = Buffer::default();
    let human = Human::new(ProgressDrawTarget::hidden(), Box::new(out.clone()), TERMINAL, None);
    play(&rolled_back(), human);
    let text = out.text();
    assert!(text.contains("✓ push image"), "{text}");
    assert!(text.contains("✗ FAILED hello"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn a_note_appears_above_the_live_rows() {
    use std::io::Write;
    let term = InMemoryTerm::new(24, 80);
    let human = human(&term, TERMINAL);
    let mut errors = human.scrollback();
    let mut sinks = sinks_with(human);
    success().iter().filter(|record| record.time < success()[12].time).for_each(|record| sinks.apply(record));
    // In two pieces, as a formatting macro may write.
    errors.write_all(b"warning: writing to ").expect("written");
    errors.write_all(b"the recording failed\n").expect("written");
    let text = term.contents();
    let line = |part: &str| text.lines().position(|line| line.contains(part));
    assert!(line("warning: writing to the recording failed") < line("push image"), "{text}");
    assert!(line("warning").is_some(), "{text}");
}

/// A terminal shows `^C` where the cursor is, and the rows are redrawn from there.
#[test]
fn an_interrupt_leaves_no_row_behind() {
    use std::io::Write;
    let records = interrupted();
    let (before, after) = records.split_at(records.len() - 3);
    assert!(matches!(after[0].event, Event::Interrupted { .. }));
    for rows in [24, 60] {
        let term = InMemoryTerm::new(rows, 80);
        let mut sinks = sinks_with(human(&term, TERMINAL));
        before.iter().for_each(|record| sinks.apply(record));
        sinks.tick(after[0].time);
        assert!(term.contents().contains("0 of 2 new tasks running"), "{}", term.contents());
        TermWriter(term.clone()).write_all(b"^C").expect("written");
        after.iter().for_each(|record| sinks.apply(record));
        sinks.finish(after[0].time);
        let text = term.contents();
        assert!(!text.contains("new tasks running"), "{text}");
        assert!(!text.contains("^C"), "{text}");
        assert_eq!(text.matches("watch rollout").count(), 1, "{text}");
        assert!(text.contains("update service "), "{text}");
        assert!(text.contains("! interrupted: stopping ..."), "{text}");
    }
}

#[test]
fn no_line_that_stays_is_overwritten() {
    let text = screen(&rolled_back(), 60);
    let missing =
        ["landfall 0.1.0", "push image", "update service", "roll back ", "rollback done", "✗ FAILED"];
    for part in missing {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn several_services_are_told_apart() {
    let mut script = Script::new(&["api", "worker"], false);
    for (ms, service) in [(100, "api"), (200, "worker")] {
        script.service = service;
        script.plan(Vec::new());
        let reason = "nothing to do".to_owned();
        let event = Event::RolloutFinished { verdict: Verdict::Unchanged, reason, zero_downtime: None };
        script.on(500 + ms, event);
    }
    assert_snapshot!(screen(&script.records(), 24), @r"
    landfall 0.1.0  deploy api, worker on cluster demo in ap-northeast-2
    ✓ plan              api  nothing to do                                    0.4 s
    ✓ api  unchanged: nothing to do
    ✓ plan              worker  nothing to do                                 0.4 s
    ✓ worker  unchanged: nothing to do

    ✓ api is up to date: revision hello:8 (nothing to do)

    ✓ worker is up to date: revision hello:8 (nothing to do)
    ");
}
