//! Scripted runs of `landfall push`.

use super::scripts::{DIGESTS, IMAGE, Script, at};
use crate::event::*;

const BLOBS: [&str; 2] = [
    "sha256:b10b0000aaaa0000010203040506070809000a0b0c0d0e0f1011121314151617",
    "sha256:b10b0001bbbb0000010203040506070809000a0b0c0d0e0f1011121314151617",
];

fn push_started() -> Script {
    let mut s = Script { service: "api", records: Vec::new() };
    let start = RunStarted {
        version: "0.1.0".to_owned(),
        command: "push".to_owned(),
        region: String::new(),
        cluster: String::new(),
        services: vec!["api".to_owned()],
        dry_run: false,
        detailed_exitcode: false,
        sandbox: None,
    };
    s.run(0, Event::RunStarted(start));
    s.start(0, Step::PushImage);
    s.on(
        100,
        Event::ImagePushStarted {
            container: "api".to_owned(),
            source: "docker-archive:api.tar".to_owned(),
            target: "r.example/api:v1,main".to_owned(),
            blobs: vec![Blob { digest: DIGESTS[2].to_owned(), size: 2_100 }],
        },
    );
    s
}

impl Script {
    fn blob_pushed(&mut self, ms: i64, digest: &str, size: u64, outcome: Transfer) {
        let (container, digest) = ("api".to_owned(), digest.to_owned());
        self.on(ms, Event::BlobPushed { container, digest, size, outcome, duration_ms: 900 });
    }

    fn image_pushed(&mut self, ms: i64, bytes_sent: u64, outcome: Transfer) {
        let event = Event::ImagePushed {
            container: "api".to_owned(),
            reference: format!("r.example/api@{IMAGE}"),
            digest: IMAGE.to_owned(),
            media_type: None,
            manifest_size: None,
            bytes_sent,
            outcome,
            duration_ms: ms.unsigned_abs(),
        };
        self.on(ms, event);
    }

    fn push_ended(&mut self, ms: i64, verdict: Verdict, reason: &str) {
        self.end(ms, Step::PushImage, ms.unsigned_abs());
        let reason = reason.to_owned();
        self.on(ms, Event::RolloutFinished { verdict, reason, zero_downtime: None });
    }
}

/// `landfall push` of a docker-archive with two layers, whose compressing and sending overlap.
pub fn pushed() -> Vec<Record> {
    let mut s = push_started();
    let container = || "api".to_owned();
    let read = |layer: usize, read| Event::LayerProgress {
        container: container(),
        layer: DIGESTS[layer].to_owned(),
        read,
        size: 80_000_000,
    };
    let packed = |layer: usize| Event::LayerPacked {
        container: container(),
        layer: DIGESTS[layer].to_owned(),
        diff_id: DIGESTS[layer].to_owned(),
        uncompressed: 80_000_000,
        digest: BLOBS[layer].to_owned(),
        size: 30_000_000,
        duration_ms: 2_000,
    };
    let sent = |layer: usize, sent| Event::BlobProgress {
        container: container(),
        digest: BLOBS[layer].to_owned(),
        sent,
        size: 30_000_000,
    };
    s.on(200, read(0, 8_000_000));
    s.on(2_000, packed(0));
    s.on(2_100, sent(0, 1_000_000));
    s.on(3_000, read(1, 40_000_000));
    s.on(3_100, sent(0, 11_000_000));
    s.on(4_000, packed(1));
    s.on(4_100, sent(1, 6_000_000));
    s.on(5_100, sent(0, 30_000_000));
    s.on(5_100, sent(1, 15_000_000));
    s.blob_pushed(6_000, BLOBS[0], 30_000_000, Transfer::Uploaded);
    s.blob_pushed(7_000, BLOBS[1], 30_000_000, Transfer::Uploaded);
    s.blob_pushed(7_000, DIGESTS[2], 2_100, Transfer::Uploaded);
    s.image_pushed(8_000, 60_002_100, Transfer::Uploaded);
    s.push_ended(8_000, Verdict::Succeeded, "it is pushed");
    s.records
}

/// `landfall push` of an image whose blobs came to be in the registry in these ways.
pub fn pushed_with(outcomes: &[Transfer], outcome: Transfer) -> Vec<Record> {
    let mut s = push_started();
    let mut sent = 0;
    for (index, how) in outcomes.iter().enumerate() {
        s.blob_pushed(1_000, DIGESTS[index], 10_000_000, *how);
        sent += if *how == Transfer::Uploaded { 10_000_000 } else { 0 };
    }
    s.image_pushed(2_000, sent, outcome);
    s.push_ended(2_000, Verdict::Succeeded, "it is pushed");
    s.records
}

/// An interrupt in the middle of [`pushed`].
pub fn push_interrupted() -> Vec<Record> {
    let mut records = pushed();
    records.retain(|record| record.time <= at(4_000));
    let message = "what was sent stays in the registry; run the same command again to send the rest";
    let event = Event::Interrupted { message: message.to_owned() };
    records.push(Record { time: at(4_200), service: None, event });
    records
}
