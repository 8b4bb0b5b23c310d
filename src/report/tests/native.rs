//! Stages, traffic, bake time and pauses.

use indicatif::{InMemoryTerm, ProgressDrawTarget};
use jiff::SignedDuration;

use crate::event::{Event, Record};
use crate::report::testing::*;
use crate::report::{Human, Plain, Style};

/// The successful deployment as a blue/green one: stages from the update to the end.
fn blue_green() -> Vec<Record> {
    let mut records = success();
    let start = records[0].time;
    let mut on = |ms: i64, event: Event| {
        let time = start + SignedDuration::from_millis(ms);
        records.push(Record { time, service: Some("hello".to_owned()), event });
    };
    let stage = |stage: &str, status: &str| Event::StageChanged {
        stage: Some(stage.to_owned()),
        status: status.to_owned(),
        reason: None,
    };
    on(9_000, stage("SCALE_UP", "IN_PROGRESS"));
    on(24_000, stage("POST_SCALE_UP", "IN_PROGRESS"));
    on(
        24_000,
        Event::Paused {
            stage: Some("POST_SCALE_UP".to_owned()),
            how: "`landfall continue hello`".to_owned(),
            expires_at: Some("2026-03-02T12:00:00Z".parse().unwrap()),
            timeout_action: Some("ROLLBACK".to_owned()),
        },
    );
    on(27_000, stage("PRODUCTION_TRAFFIC_SHIFT", "IN_PROGRESS"));
    on(27_000, Event::TrafficShifted { production_percent: 12.5, test_percent: Some(100.0) });
    on(28_000, Event::TrafficShifted { production_percent: 100.0, test_percent: None });
    on(29_000, stage("BAKE_TIME", "IN_PROGRESS"));
    on(29_000, Event::Baking { remaining_ms: 300_000 });
    on(34_500, stage("CLEAN_UP", "SUCCESSFUL"));
    records.sort_by_key(|record| record.time);
    records
}

#[test]
fn a_log_tells_stages_traffic_and_pauses() {
    let out = Buffer::default();
    play(&blue_green(), Plain::new(Box::new(out.clone()), Style::ASCII));
    let text = out.text();
    for line in [
        "12:00:09  hello  stage SCALE_UP\n",
        "12:00:24  hello  paused at POST_SCALE_UP: go on with `landfall continue hello`; ECS rolls back by itself at 2026-03-02 12:00:00 UTC\n",
        "12:00:27  hello  traffic: 12.5 % of production, 100 % of test to the new revision\n",
        "12:00:28  hello  traffic: 100 % of production to the new revision\n",
        "12:00:29  hello  bake time: 5 min 00 s left\n",
        "12:00:34  hello  service deployment SUCCESSFUL (stage CLEAN_UP)\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn the_screen_counts_the_bake_time_down() {
    let records = blue_green();
    let start = records[0].time;
    let term = InMemoryTerm::new(30, 80);
    let target = ProgressDrawTarget::term_like(Box::new(term.clone()));
    let human = Human::new(target, Box::new(TermWriter(term.clone())), TERMINAL, Some(30));
    let mut sinks = sinks_with(human);
    let until = start + SignedDuration::from_millis(30_000);
    records.iter().filter(|record| record.time <= until).for_each(|record| sinks.apply(record));
    sinks.tick(until + SignedDuration::from_secs(89));
    let text = term.contents();
    assert!(
        text.contains("stage BAKE_TIME, 100 % of production traffic, bake time: 3 min 30 s left"),
        "{text}"
    );
    assert!(text.contains("paused at POST_SCALE_UP"), "{text}");
}
