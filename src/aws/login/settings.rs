//! What is asked of a login, and whether STS could do it.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::secret::Secret;

/// STS's limits (facts 8.2).
const SHORTEST: Duration = Duration::from_secs(900);
const LONGEST: Duration = Duration::from_secs(43_200);
/// What a session lasts unless it is said; every role allows that much, and a chained one no more.
const USUAL: Duration = Duration::from_secs(3_600);

/// Which roles are assumed, and how.
#[derive(Debug, Clone)]
pub struct LoginSettings {
    /// ARNs: the first one is assumed by `first`, each other one from the one before it. Never empty.
    pub roles: Vec<String>,
    /// How the first role is assumed.
    pub first: FirstStep,
    /// What CloudTrail and the session's ARN show.
    pub session_name: String,
    /// How long the session of the last role lasts; `None`: an hour.
    pub duration: Option<Duration>,
    /// What AssumeRole is given; AssumeRoleWithWebIdentity takes none.
    pub external_id: Option<String>,
    /// Session tags of AssumeRole; those of AssumeRoleWithWebIdentity are in the token.
    pub tags: Vec<(String, String)>,
}

/// How the first role is assumed.
#[derive(Debug, Clone)]
pub enum FirstStep {
    /// AssumeRoleWithWebIdentity, with a token that GitHub gives to the job.
    Github(GithubJob),
    /// AssumeRoleWithWebIdentity, with the token in this file.
    File(PathBuf),
    /// AssumeRole, with the credentials of the environment, the profile or the machine.
    Ambient,
    /// A job of GitHub Actions that may not ask for a token and has no other credentials.
    GithubWithoutToken,
}

/// Where a job of GitHub Actions asks for a token.
#[derive(Debug, Clone)]
pub struct GithubJob {
    /// `ACTIONS_ID_TOKEN_REQUEST_URL`, which has a query already.
    pub url: String,
    /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`
    pub token: Secret,
    /// Whom the token is for.
    pub audience: String,
}

/// One role on the way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) role: &'a str,
    /// Assumed with a token, otherwise with credentials.
    pub(super) by_token: bool,
    /// Assumed from a role that this login has assumed.
    pub(super) chained: bool,
    pub(super) session_name: &'a str,
    pub(super) duration: Duration,
    pub(super) external_id: Option<&'a str>,
    pub(super) tags: &'a [(String, String)],
}

impl LoginSettings {
    /// The same, if STS can do it.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage), naming the flag.
    pub fn checked(self) -> Result<Self> {
        if let FirstStep::GithubWithoutToken = self.first {
            return Err(Error::usage(
                "this job may not ask GitHub for a token: ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are not set",
            )
            .hint(ALLOW_TOKENS));
        }
        if let Some(wrong) = self.roles.iter().find(|role| !is_role(role)) {
            return Err(Error::usage(format!("--role-to-assume: `{wrong}` is not the ARN of a role"))
                .hint("Write arn:aws:iam::ACCOUNT:role/NAME."));
        }
        if let Some(duration) = self.duration {
            if !(SHORTEST..=LONGEST).contains(&duration) {
                return Err(Error::usage(format!(
                    "--role-duration: {} s is not between 15 minutes and 12 hours",
                    duration.as_secs()
                ))
                .hint("Write a number of seconds from 900 to 43200, or a duration such as 1h."));
            }
            if self.roles.len() > 1 && duration > USUAL {
                return Err(Error::usage(
                    "--role-duration: the session of a role that is assumed from another role lasts an hour at most",
                )
                .hint("Leave --role-duration out: Landfall logs in again before a session ends."));
            }
        }
        if self.by_token() && self.roles.len() == 1 {
            if self.external_id.is_some() {
                return Err(Error::usage(
                    "--role-external-id: a role that is assumed with a token takes no external id",
                )
                .hint("Leave it out: the subject in the role's trust policy says who may assume it."));
            }
            if !self.tags.is_empty() {
                return Err(Error::usage(
                    "--role-session-tags: the tags of a role that is assumed with a token are in the token",
                )
                .hint(
                    "Leave them out, or name a second role with --role-to-assume, which is assumed with tags.",
                ));
            }
        }
        let tag = |what: &str, text: &str, longest: usize| match text.chars().count() {
            count if count > longest => Err(Error::usage(format!(
                "--role-session-tags: a {what} has {count} characters, and {longest} are allowed"
            ))),
            _ => Ok(()),
        };
        self.tags.iter().try_for_each(|(key, value)| tag("key", key, 128).and(tag("value", value, 256)))?;
        Ok(self)
    }

    fn by_token(&self) -> bool {
        matches!(self.first, FirstStep::Github(_) | FirstStep::File(_))
    }

    /// The roles on the way, in order.
    pub(super) fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        let last = self.roles.len().saturating_sub(1);
        self.roles.iter().enumerate().map(move |(index, role)| {
            let by_token = index == 0 && self.by_token();
            Step {
                role,
                by_token,
                chained: index > 0,
                session_name: &self.session_name,
                // A role on the way is only used once, at once.
                duration: if index < last { SHORTEST } else { self.duration.unwrap_or(USUAL) },
                external_id: self.external_id.as_deref().filter(|_| !by_token),
                tags: if by_token { &[] } else { &self.tags },
            }
        })
    }
}

/// What the job of a workflow lacks that gets no token.
pub(super) const ALLOW_TOKENS: &str = "Add `permissions: { id-token: write, contents: read }` to the job or to the workflow (a job's own permissions replace \
     the workflow's). Workflows that a pull request of a fork starts get no token. Without one, give AWS credentials in the environment.";

/// `arn:aws:iam::123456789012:role/path/name`
fn is_role(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [start, partition, "iam", "", account, resource] = parts.as_slice() else { return false };
    *start == "arn"
        && !partition.is_empty()
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && resource.strip_prefix("role/").is_some_and(|name| !name.is_empty() && !name.ends_with('/'))
}

/// A name for a session as STS takes it: 2 to 64 characters of `[\w+=,.@-]` (facts 8.2). What does not fit in the
/// middle is left out: `parts` are in the order of the name, and the last one (a run's number) says most.
pub fn session_name(parts: &[&str]) -> String {
    const LONGEST_NAME: usize = 64;
    let clean = |part: &&str| -> String {
        let keep = |c: char| if c.is_ascii_alphanumeric() || "_+=,.@-".contains(c) { c } else { '-' };
        part.chars().map(keep).collect()
    };
    let parts: Vec<String> = parts.iter().filter(|part| !part.is_empty()).map(clean).collect();
    let name = match parts.split_last() {
        Some((last, before)) if !before.is_empty() => {
            let last: String = last.chars().take(LONGEST_NAME / 2).collect();
            let room = LONGEST_NAME - last.len() - 1;
            let before: String = before.join("-").chars().take(room).collect();
            format!("{before}-{last}")
        }
        _ => parts.concat().chars().take(LONGEST_NAME).collect(),
    };
    if name.len() < 2 { "landfall".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/deploy";

    fn settings(first: FirstStep, roles: &[&str]) -> LoginSettings {
        LoginSettings {
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            first,
            session_name: "landfall".into(),
            duration: None,
            external_id: None,
            tags: Vec::new(),
        }
    }

    fn file() -> FirstStep {
        FirstStep::File("token".into())
    }

    #[track_caller]
    fn refused(settings: LoginSettings, part: &str) {
        let error = settings.checked().unwrap_err();
        assert_eq!(error.kind(), crate::error::ErrorKind::Usage);
        assert!(error.to_string().contains(part), "{error}");
    }

    #[test]
    fn what_sts_could_not_do_is_refused_with_the_flag() {
        settings(file(), &[ROLE]).checked().unwrap();
        settings(FirstStep::Ambient, &["arn:aws-cn:iam::123456789012:role/a/b"]).checked().unwrap();
        for wrong in [
            "deploy",
            "arn:aws:iam::1:role/x",
            "arn:aws:iam::123456789012:user/x",
            "arn:aws:iam::123456789012:role/",
        ] {
            refused(settings(file(), &[wrong]), "--role-to-assume");
        }
        for seconds in [899, 43_201] {
            let duration = Some(Duration::from_secs(seconds));
            refused(LoginSettings { duration, ..settings(file(), &[ROLE]) }, "--role-duration");
        }
        let duration = Some(Duration::from_secs(3_601));
        LoginSettings { duration, ..settings(file(), &[ROLE]) }.checked().unwrap();
        refused(LoginSettings { duration, ..settings(file(), &[ROLE, ROLE]) }, "an hour at most");
        let external_id = Some("x".to_owned());
        refused(LoginSettings { external_id, ..settings(file(), &[ROLE]) }, "--role-external-id");
        let tags = vec![("team".to_owned(), "web".to_owned())];
        refused(LoginSettings { tags: tags.clone(), ..settings(file(), &[ROLE]) }, "are in the token");
        LoginSettings { tags, ..settings(file(), &[ROLE, ROLE]) }.checked().unwrap();
        let tags = vec![("k".repeat(129), String::new())];
        refused(LoginSettings { tags, ..settings(FirstStep::Ambient, &[ROLE]) }, "129 characters");
        refused(settings(FirstStep::GithubWithoutToken, &[ROLE]), "may not ask GitHub");
    }

    #[test]
    fn only_the_last_session_is_long_and_only_assume_role_has_an_external_id() {
        let all = LoginSettings {
            external_id: Some("x".into()),
            tags: vec![("a".into(), "b".into())],
            duration: Some(Duration::from_secs(1_800)),
            ..settings(file(), &[ROLE, ROLE])
        };
        let steps: Vec<_> = all.steps().collect();
        let told = |step: &Step<'_>| (step.by_token, step.chained, step.duration.as_secs(), step.tags.len());
        assert_eq!(told(&steps[0]), (true, false, 900, 0));
        assert_eq!(told(&steps[1]), (false, true, 1_800, 1));
        assert_eq!((steps[0].external_id, steps[1].external_id), (None, Some("x")));
    }

    #[test]
    fn session_names_have_what_sts_allows() {
        for (parts, expected) in [
            (&["landfall", "acme/shop", "7001"][..], "landfall-acme-shop-7001"),
            (&["landfall", "", ""][..], "landfall"),
            (&["ünï cödé$", "1"][..], "-n--c-d---1"),
            (&["a_b+c=d,e.f@g-h"][..], "a_b+c=d,e.f@g-h"),
            (&["x"][..], "landfall"),
            (&[][..], "landfall"),
        ] {
            assert_eq!(session_name(parts), expected, "{parts:?}");
        }
        let long = "r".repeat(200);
        let name = session_name(&["landfall", &long, "1234567890"]);
        assert_eq!(name.len(), 64);
        assert!(name.starts_with("landfall-rrr") && name.ends_with("r-1234567890"), "{name}");
        assert_eq!(session_name(&["a", &long]).len(), 34);
        assert_eq!(session_name(&[&long]).len(), 64);
    }
}
