//! The keys of secrets can be used (facts 2.6).

use crate::aws::account::Known;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The keys are enabled.
pub const CHECK: Check = Check {
    code: "secret-keys-enabled",
    title: "The keys of yours that protect secrets are enabled",
    severity: Severity::Error,
    cause: "A secret is decrypted when a container starts; a key that is disabled or is to be deleted decrypts nothing.",
    fix: &[
        "Enable the key (aws kms enable-key), or take its deletion back (aws kms cancel-key-deletion).",
        "Give the secret another key.",
    ],
    prevents: &["secret-access-denied"],
    source: "secrets-envvar-secrets-manager",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let mut tally = Tally::default();
    let mut any = false;
    for (arn, secret) in &input.facts.secrets {
        let Some(key) = secret.get().and_then(|secret| secret.kms_key.as_deref()) else { continue };
        any = true;
        let known = input.facts.keys.get(key);
        if known == Some(&Known::Absent) {
            tally.problem(format!("secret {arn}"), format!("its key {key} does not exist"));
        } else if let Some(state) = tally.know_of(known)
            && state != "Enabled"
        {
            tally.problem(format!("secret {arn}"), format!("its key {key} is {state}"));
        }
    }
    if any { tally.outcome() } else { Outcome::NotApplicable }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::testing::{SECRET, World, denied, does_not_apply, passes, problem, wants};

    const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/a";

    fn protected(state: Known<String>) -> impl Fn(&mut World) {
        move |world| {
            let Some(Known::Is(secret)) = world.facts.secrets.get_mut(SECRET) else { panic!() };
            secret.kms_key = Some(KEY.to_owned());
            world.facts.keys.insert(KEY.to_owned(), state.clone());
        }
    }

    #[test]
    fn a_key_that_decrypts_nothing_is_refused() {
        for state in ["Disabled", "PendingDeletion"] {
            let said = problem(&CHECK, protected(Known::Is(state.to_owned())));
            assert_eq!(said, format!("secret {SECRET}: its key {KEY} is {state}"));
        }
        assert!(problem(&CHECK, protected(Known::Absent)).ends_with("does not exist"));
    }

    #[test]
    fn an_enabled_key_passes() {
        passes(&CHECK, protected(Known::Is("Enabled".to_owned())));
        does_not_apply(&CHECK, |_| {});
    }

    #[test]
    fn without_the_permission_it_cannot_be_told() {
        wants(&CHECK, "kms:DescribeKey", protected(denied("kms:DescribeKey")));
    }
}
