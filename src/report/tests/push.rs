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
    assert_snapshot!(summary_of(&pushed()), @r"
    ✓ api pushed (8.0 s)
      to     r.example/api:v1,main
      digest sha256:4c1e9f02ab77d3e80102030405060708090a0b0c0d0e0f101112131415161718
      blobs  3 sent (60.0 MB)
    ");
}

#[test]
fn summary_of_blobs_that_were_there_in_part() {
    let all = [Transfer::Uploaded, Transfer::Mounted, Transfer::Exists];
    assert_snapshot!(summary_of(&pushed_with(&all, Transfer::Uploaded)), @r"
    ✓ api pushed (2.0 s)
      to     r.example/api:v1,main
      digest sha256:4c1e9f02ab77d3e80102030405060708090a0b0c0d0e0f101112131415161718
      blobs  1 sent (10.0 MB), 1 mounted (10.0 MB), 1 there already (2.1 kB)
    ");
}

#[test]
fn summary_of_a_new_tag_alone() {
    assert_snapshot!(summary_of(&pushed_with(&[Transfer::Exists], Transfer::Uploaded)), @r"
    ✓ api pushed (2.0 s)
      to     r.example/api:v1,main
      digest sha256:4c1e9f02ab77d3e80102030405060708090a0b0c0d0e0f101112131415161718
      blobs  1 there already (10.0 MB)
    ");
}

#[test]
fn summary_of_an_image_that_is_there() {
    assert_snapshot!(summary_of(&pushed_with(&[], Transfer::Exists)), @r"
    ✓ api is there already (2.0 s)
      to     r.example/api:v1,main
      digest sha256:4c1e9f02ab77d3e80102030405060708090a0b0c0d0e0f101112131415161718
    ");
}

#[test]
fn summary_of_an_interrupted_push_tells_of_no_rollout() {
    assert_snapshot!(summary_of(&push_interrupted()), @r"
    ! INTERRUPTED api was not pushed
      next   what was sent stays in the registry; run the same command again to send
             the rest

    exit code 130: interrupted
    ");
}

#[test]
fn rows_while_compressing() {
    assert_snapshot!(rows_at(1_000), @r"
    ⠋ push image                                                              1.0 s
        api  ██░░░░░░░░░░░░░░░░░░  8.0 MB of 80.0 MB compressed  8.9 MB/s
    ");
}

#[test]
fn rows_while_compressing_and_sending() {
    assert_snapshot!(rows_at(3_100), @r"
    ⠙ push image                                                              3.1 s
        api  ███████████████░░░░░  120.0 MB of 160.0 MB compressed  1 of 2 layers
          sha256:9a8b7c6d5e4f  ██████████░░░░░░░░░░  40.0 MB of 80.0 MB
        api  11.0 MB sent so far  11.0 MB/s  0 of 2 blobs
          sha256:b10b0000aaaa  ███████░░░░░░░░░░░░░  11.0 MB of 30.0 MB  11.0 MB/s
    ");
}

#[test]
fn rows_while_sending_and_one_blob_is_not_confirmed() {
    assert_snapshot!(rows_at(5_100), @r"
    ⠙ push image                                                              5.1 s
        api  ██████████████░░░░░░  45.0 MB of 60.0 MB  15.0 MB/s  0 of 3 blobs
          sha256:b10b0000aaaa  ███████████████████░  30.0 MB of 30.0 MB  10.0 MB/s
          sha256:b10b0001bbbb  ██████████░░░░░░░░░░  15.0 MB of 30.0 MB  15.0 MB/s
    ");
}

#[test]
fn plain_push() {
    assert_snapshot!(plain(&pushed()), @r"
    12:00:00  landfall 0.1.0 on 2026-03-01, times are UTC: push api
    12:00:00  push image ...
    12:00:00  api: docker-archive:api.tar -> r.example/api:v1,main
    12:00:05  api: 36.0 MB of 60.0 MB (59 %), 12.0 MB/s after 5.0 s
    12:00:06  api: blob sha256:b10b0000aaaa sent, 30.0 MB
    12:00:07  api: blob sha256:b10b0001bbbb sent, 30.0 MB
    12:00:08  api: sha256:4c1e9f02ab77 pushed, 60.0 MB sent in 8.0 s
    12:00:08  push image done in 8.0 s
    12:00:08  succeeded: it is pushed

    ok api pushed (8.0 s)
      to     r.example/api:v1,main
      digest sha256:4c1e9f02ab77d3e80102030405060708090a0b0c0d0e0f101112131415161718
      blobs  3 sent (60.0 MB)
    ");
}
