//! What holds for every file, whatever its bytes. `scripts/fuzz` runs it.

#![no_main]

use landfall_envfile::{Canonical, EnvFile, Options, Outcome, Policy, read_stored};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for interpolate in [false, true] {
        let file = EnvFile::read(bytes, interpolate);
        let lines = 1 + bytes.iter().filter(|byte| **byte == b'\n').count();
        for finding in file.findings() {
            assert!((1..=lines).contains(&(finding.line as usize)) && finding.column > 0, "{finding:?}");
        }
        if file.findings().is_empty() {
            let pairs = |variables: Vec<landfall_envfile::Variable>| -> Vec<_> {
                variables.into_iter().map(|variable| (variable.name, variable.value)).collect()
            };
            assert!(pairs(file.as_ecs()) == pairs(file.as_dotenv()), "a clean file is read in two ways");
        }
        for policy in [Policy::Strict, Policy::Normalize, Policy::Verbatim] {
            let settled = file.settle(&Options { policy, allow: Vec::new() });
            let refused = settled.findings.iter().any(|(_, outcome)| *outcome == Outcome::Refused);
            assert_eq!(refused, settled.content.is_none());
            let Some(content) = settled.content.filter(|_| policy != Policy::Verbatim) else { continue };
            let read = read_stored(content.bytes()).expect("what is stored is UTF-8");
            assert!(
                read.iter().map(|v| (&v.name, &v.value)).eq(content.variables().iter().map(|v| (&v.name, &v.value))),
                "what is stored reads otherwise"
            );
            let again = Canonical::of_stored(content.bytes()).expect("what is stored is UTF-8");
            assert_eq!(again.bytes(), content.bytes());
        }
        if let Some(new) = file.rewritten() {
            let again = EnvFile::read(new.as_bytes(), interpolate);
            assert!(again.rewritten().is_none(), "it is rewritten twice");
        }
    }
});
