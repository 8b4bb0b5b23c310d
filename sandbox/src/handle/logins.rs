//! Who may have a session of which role, and what a principal may do.

use std::time::Duration;

use serde_json::Value;

use super::{InProcess, Sandbox};

impl Sandbox {
    /// Registers an identity provider by its host (`token.actions.githubusercontent.com`), for these audiences.
    pub fn put_identity_provider(&self, host: &str, audiences: &[&str]) {
        self.shared.world().world.put_identity_provider(host, audiences);
    }

    /// Has the next AssumeRole or AssumeRoleWithWebIdentity refused with this code and text; may be called again for
    /// the ones after it.
    pub fn refuse_login(&self, code: &str, message: &str) {
        self.shared.world().world.refuse_login(code, message);
    }

    /// Lets sessions last so long, whatever is asked for.
    pub fn set_session_life(&self, life: Duration) {
        self.shared.world().world.set_session_life(life);
    }

    /// Gives a role or a user this policy and no other: it may do nothing that is not in it. Requests are judged by
    /// their action, those of S3 by the resource too; simulations by everything.
    pub fn put_policy(&self, principal: &str, policy: Value) {
        self.shared.world().world.put_policy(principal, policy);
    }
}

impl InProcess {
    /// Registers an identity provider by its host, for these audiences.
    pub fn put_identity_provider(&self, host: &str, audiences: &[&str]) {
        self.timed().world.put_identity_provider(host, audiences);
    }

    /// Makes a role with a trust policy, or changes one.
    pub fn put_role(&self, arn: &str, trust: Value) {
        self.timed().world.put_role(arn, trust);
    }
}
