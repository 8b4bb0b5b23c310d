//! After how many occurrences of a cause there is no point in waiting (facts 5, "How to use", and 5.9).

use std::collections::BTreeSet;

use crate::rollout::findings::ledger::{Ledger, Sight};
use crate::rollout::findings::{Class, catalogue};
use crate::rollout::testing::{World, followed, stopped_task};
use crate::rollout::{Observation, ServiceEvent, Task};

const PLATFORM: &str =
    "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'";
const NO_SPACE: &str = "CannotPullContainerError: write /x: no space left on device";
const NO_ROUTE: &str =
    "CannotPullContainerError: failed to resolve ref x: dial tcp 10.0.1.2:443: i/o timeout";
const RATE_LIMIT: &str = "CannotPullContainerError: toomanyrequests: Too Many Requests";

/// The ledger's part of a rollout, fed by hand.
#[derive(Default)]
struct Book {
    ledger: Ledger,
    tasks: Vec<Task>,
}

impl Book {
    fn look(&mut self, healthy: bool, events: &[ServiceEvent]) {
        let world = World::new(0, &[]);
        let followed = followed(&world);
        let observation = Observation { tasks: self.tasks.clone(), ..world.look(1) };
        self.ledger.observe(&Sight {
            followed: &followed,
            observation: &observation,
            newly_healthy: healthy,
            leads: true,
            new_events: events,
            other_tasks: &BTreeSet::new(),
        });
    }

    fn stops(&mut self, mut task: Task) {
        task.arn = format!("{}{}", task.arn, self.tasks.len());
        self.tasks.push(task);
        self.look(false, &[]);
    }

    fn fails(&mut self, reason: &str) {
        self.stops(stopped_task("TaskFailedToStart", reason));
    }

    fn exits(&mut self, code: i32) {
        self.stops(super::texts::exited(&[("web", Some(code), None)]));
    }

    fn is_hopeless(&self) -> bool {
        self.ledger.hopeless(false).is_some()
    }
}

/// How many tasks have to fail of it before the ledger gives up, of ten.
fn patience(reason: &str) -> Option<usize> {
    let mut book = Book::default();
    (1..=10).find(|_| {
        book.fails(reason);
        book.is_hopeless()
    })
}

#[test]
fn each_class_has_its_limit() {
    assert_eq!(patience(PLATFORM), Some(1), "no retry can differ");
    assert_eq!(patience(NO_SPACE), Some(2), "deterministic");
    assert_eq!(patience(NO_ROUTE), Some(3), "mixed");
    assert_eq!(patience(RATE_LIMIT), None, "transient");
    assert_eq!(patience("something that nobody has seen before"), None, "unknown");
}

#[test]
fn transient_causes_count_as_failed_tasks_alone() {
    let mut book = Book::default();
    for _ in 0..4 {
        book.fails(RATE_LIMIT);
    }
    assert_eq!((book.ledger.failed_tasks(), book.is_hopeless()), (4, false));
}

#[test]
fn seeing_the_same_task_again_is_no_second_occurrence() {
    let mut book = Book::default();
    book.fails(NO_SPACE);
    for _ in 0..5 {
        book.look(false, &[]);
    }
    assert!(!book.is_hopeless());
}

#[test]
fn different_causes_are_not_added_up() {
    let mut book = Book::default();
    book.fails(NO_SPACE);
    book.fails(NO_ROUTE);
    book.fails(NO_ROUTE);
    assert!(!book.is_hopeless());
}

#[test]
fn a_success_forgives_a_mixed_cause_and_no_deterministic_one() {
    let mut book = Book::default();
    book.fails(NO_ROUTE);
    book.fails(NO_ROUTE);
    book.look(true, &[]);
    book.fails(NO_ROUTE);
    book.fails(NO_ROUTE);
    assert!(!book.is_hopeless(), "two since the success");
    book.fails(NO_ROUTE);
    assert!(book.is_hopeless());

    let mut book = Book::default();
    book.fails(NO_SPACE);
    book.look(true, &[]);
    book.fails(NO_SPACE);
    assert!(book.is_hopeless());
}

#[test]
fn exit_codes_have_a_limit_of_their_own() {
    let after = |codes: &[i32]| {
        let mut book = Book::default();
        codes.iter().for_each(|code| book.exits(*code));
        book.is_hopeless()
    };
    assert!(!after(&[127]) && after(&[127, 127]), "command not found");
    assert!(!after(&[1, 1]) && after(&[1, 1, 1]), "an error of the application");
    assert!(!after(&[0, 127]), "both deterministic, and not identical");
    assert!(after(&[0, 127, 0]));
}

#[test]
fn an_event_about_no_task_has_to_come_twice() {
    let mut book = Book::default();
    for (number, hopeless) in [(1, false), (2, true)] {
        let event = ServiceEvent {
            id: format!("e{number}"),
            message: format!("(service app) was unable to place a task. Reason: {PLATFORM}."),
        };
        book.look(false, &[event]);
        assert_eq!(book.is_hopeless(), hopeless, "{number}");
    }
}

#[test]
fn what_is_left_to_the_circuit_breaker_is_what_a_retry_may_change() {
    let mut book = Book::default();
    for _ in 0..3 {
        book.fails(NO_SPACE);
        book.fails(NO_ROUTE);
    }
    assert!(book.is_hopeless() && book.ledger.hopeless(true).is_none());
    book.fails(PLATFORM);
    assert_eq!(book.ledger.hopeless(true).map(|f| f.code.as_str()), Some("image-platform-mismatch"));
}

#[test]
fn what_has_no_text_never_ends_a_rollout_at_once() {
    for entry in catalogue() {
        let has_text = !entry.patterns.is_empty();
        assert!(has_text || entry.class != Class::AtOnce, "{}", entry.code);
    }
}
