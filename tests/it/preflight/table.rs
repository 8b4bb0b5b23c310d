//! Every check there is passes where nothing is wrong, and finds its fault where there is one.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _};
use landfall::preflight::Severity;
use landfall::preflight::checks::{ALL, by_code};
use serde_json::json;

use super::faults::{FAULTS, Fault};
use super::stage::{Stage, result_of, results, severity_of};
use crate::support::writes;

/// Programs that run side by side: more would only wait for each other.
const AT_ONCE: usize = 8;

#[test]
fn every_check_has_a_fault() {
    let known: BTreeSet<&str> = ALL.iter().map(|check| check.code).collect();
    let broken: BTreeSet<&str> = FAULTS.iter().map(|fault| fault.code).collect();
    assert_eq!(broken, known, "a check without a fault, or a fault of no check");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_check_passes_in_a_sound_account() {
    let by_launch_type = Stage::new().await;
    let mut by_providers = Stage::new().await;
    by_providers.on_providers(json!([
        { "capacityProvider": "FARGATE", "base": 1, "weight": 1 },
        { "capacityProvider": "FARGATE_SPOT", "weight": 1 }
    ]));
    let mut passed = BTreeSet::new();
    for stage in [by_launch_type, by_providers] {
        stage.serve();
        let sound = stage.verify(&[]).await.expect_code(0);
        let (well, wrong): (Vec<_>, Vec<_>) =
            results(&sound).into_iter().partition(|(_, result)| result == "passed");
        assert_eq!(wrong, [], "{}", sound.all());
        assert_eq!(writes(&sound.report()), Vec::<String>::new());
        passed.extend(well.into_iter().map(|(code, _)| code));
    }
    let known: BTreeSet<String> = ALL.iter().map(|check| check.code.to_owned()).collect();
    assert_eq!(passed, known, "a check that looked at nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_is_found() {
    let found = stream::iter(FAULTS).map(missed).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
    let missed: Vec<String> = found.into_iter().flatten().collect();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// What is wrong with what is said of a fault.
async fn missed(fault: &Fault) -> Option<String> {
    let mut stage = Stage::new().await;
    (fault.before)(&mut stage);
    stage.serve();
    (fault.after)(&mut stage);
    let ran = stage.verify(fault.args).await;
    let code = fault.code;
    if !results(&ran).iter().any(|(known, _)| known == code) {
        return Some(format!("{code} was not told: {}", ran.all()));
    }
    let result = result_of(&ran, code);
    let wanted = match by_code(code).expect("a check").severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let is_found = result == "problems" && severity_of(&ran, code) == wanted;
    let is_refused = wanted == "warning" || ran.code() == 3;
    (!is_found || !is_refused).then(|| format!("{code} is {result}: {}", ran.all()))
}
