//! What `landfall push` looks like.

use insta::assert_snapshot;

use crate::event::{Record, Transfer};
use crate::report::line::render_all;
use crate::report::live::live;
use crate::report::testing::*;
use crate::report::{Plain, Style, summary};
use crate::state::RunState;

fn summary_of(records: &[Record]) -> String {
    summary(&state_of(records), TERMINAL)
}

/// The live rows at this many milliseconds.
fn rows_at(ms: i64) -> String {
    let mut state = RunState::default();
    let now = at(ms);
    for record in pushed().iter().filter(|record| record.time <= now) {
        state.apply(record);
    }
    render_all(&live(&state, now, TERMINAL, Some(24)), TERMINAL)
}

fn plain(records: &[Record]) -> String {
    let out = Buffer::default();
    play(records, Plain::new(Box::new(out.clone()), Style::ASCII));
    out.text()
}

#[test]
fn summary_of_a_push() {
    assert_snapshot!(summary_of(&pushed()), @"");
}

#[test]
fn summary_of_blobs_that_were_there_in_part() {
    let all = [Transfer::Uploaded, Transfer::Mounted, Transfer::Exists];
    assert_snapshot!(summary_of(&pushed_with(&all, Transfer::Uploaded)), @"");
}

#[test]
fn summary_of_a_new_tag_alone() {
    assert_snapshot!(summary_of(&pushed_with(&[Transfer::Exists], Transfer::Uploaded)), @"");
}

#[test]
fn summary_of_an_image_that_is_there() {
    assert_snapshot!(summary_of(&pushed_with(&[], Transfer::Exists)), @"");
}

#[test]
fn summary_of_an_interrupted_push_tells_of_no_rollout() {
    assert_snapshot!(summary_of(&push_interrupted()), @"");
}

#[test]
fn rows_while_compressing() {
    assert_snapshot!(rows_at(1_000), @"");
}

#[test]
fn rows_while_compressing_and_sending() {
    assert_snapshot!(rows_at(3_100), @"");
}

#[test]
fn rows_while_sending_and_one_blob_is_not_confirmed() {
    assert_snapshot!(rows_at(5_100), @"");
}

#[test]
fn plain_push() {
    assert_snapshot!(plain(&pushed()), @"");
}
