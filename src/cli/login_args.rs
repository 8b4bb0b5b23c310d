//! Flags that say how to log in to AWS; every command takes them.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::args::{given, given_path, path};
use super::environment::Environment;
use crate::aws::{FirstStep, GithubJob, Login, LoginSettings, session_name};
use crate::emit::Masks;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// Logging in to AWS.
#[derive(Debug, Args)]
#[command(next_help_heading = "AWS login")]
pub struct LoginArgs {
    /// Assume this role: in GitHub Actions with a token of the job, elsewhere with the credentials that are there. May
    /// be repeated: each role is assumed from the one before
    #[arg(long, global = true, env = "LANDFALL_ROLE_TO_ASSUME", value_name = "ARN")]
    pub role_to_assume: Vec<String>,
    /// The session's name, as CloudTrail shows it [default: landfall with the repository and the run]
    #[arg(
        long,
        global = true,
        env = "LANDFALL_ROLE_SESSION_NAME",
        value_name = "NAME",
        hide_short_help = true
    )]
    pub role_session_name: Option<String>,
    /// How long the session lasts, in seconds or as in 1h; it is renewed before its end [default: 1h]
    #[arg(
        long,
        global = true,
        env = "LANDFALL_ROLE_DURATION",
        value_name = "DURATION",
        hide_short_help = true
    )]
    pub role_duration: Option<String>,
    /// The external id that the role's trust policy wants
    #[arg(long, global = true, env = "LANDFALL_ROLE_EXTERNAL_ID", value_name = "ID", hide_short_help = true)]
    pub role_external_id: Option<String>,
    /// Session tags, for roles that are not assumed with a token; may be repeated
    #[arg(
        long,
        global = true,
        env = "LANDFALL_ROLE_SESSION_TAGS",
        value_name = "KEY=VALUE,...",
        hide_short_help = true
    )]
    pub role_session_tags: Vec<String>,
    /// Whom GitHub's token is for [default: sts.amazonaws.com]
    #[arg(
        long,
        global = true,
        env = "LANDFALL_OIDC_AUDIENCE",
        value_name = "AUDIENCE",
        hide_short_help = true
    )]
    pub oidc_audience: Option<String>,
    /// Assume the role with the token in this file
    #[arg(
        long,
        global = true,
        env = "LANDFALL_WEB_IDENTITY_TOKEN_FILE",
        value_name = "FILE",
        value_parser = path,
        hide_short_help = true
    )]
    pub web_identity_token_file: Option<PathBuf>,
}

impl LoginArgs {
    /// The login that is asked for, if one is. What is wrong with it is told when AWS is needed.
    pub(super) fn login(&self, environment: &Environment, masks: Option<Masks>) -> Option<Login> {
        let roles = roles(&self.role_to_assume);
        if roles.is_empty() {
            return self.without_role().map(|error| Login::new(Err(error), None));
        }
        let settings = self.settings(roles, environment);
        if let (Some(masks), Ok(LoginSettings { first: FirstStep::Github(job), .. })) = (&masks, &settings) {
            masks.hide(&job.token);
        }
        Some(Login::new(settings, masks))
    }

    fn without_role(&self) -> Option<Error> {
        let given = [
            ("--role-session-name", given(&self.role_session_name).is_some()),
            ("--role-duration", given(&self.role_duration).is_some()),
            ("--role-external-id", given(&self.role_external_id).is_some()),
            ("--role-session-tags", self.role_session_tags.iter().any(|text| !text.trim().is_empty())),
            ("--oidc-audience", given(&self.oidc_audience).is_some()),
            ("--web-identity-token-file", given_path(&self.web_identity_token_file).is_some()),
        ];
        let (flag, _) = given.into_iter().find(|(_, is_given)| *is_given)?;
        let message = format!("{flag} says how a role is assumed, and none is named");
        Some(Error::usage(message).hint("Name it: --role-to-assume ARN."))
    }

    fn settings(&self, roles: Vec<String>, environment: &Environment) -> Result<LoginSettings> {
        let variable = |name| environment.get(name).unwrap_or_default();
        let of_run = || {
            let build = variable("CODEBUILD_BUILD_ID");
            session_name(&["landfall", variable("GITHUB_REPOSITORY"), build, variable("GITHUB_RUN_ID")])
        };
        let name = given(&self.role_session_name).map(|name| session_name(&[&name]));
        Ok(LoginSettings {
            roles,
            first: self.first_step(environment),
            session_name: name.unwrap_or_else(of_run),
            duration: given(&self.role_duration).map(|text| duration(&text)).transpose()?,
            external_id: given(&self.role_external_id),
            tags: tags(&self.role_session_tags)?,
        })
    }

    fn first_step(&self, environment: &Environment) -> FirstStep {
        if let Some(file) = given_path(&self.web_identity_token_file) {
            return FirstStep::File(file);
        }
        let url = environment.get("ACTIONS_ID_TOKEN_REQUEST_URL");
        match url.zip(environment.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")) {
            Some((url, token)) => FirstStep::Github(GithubJob {
                url: url.to_owned(),
                token: Secret::new(token),
                audience: given(&self.oidc_audience)
                    .unwrap_or_else(|| crate::iam_policy::AUDIENCE.to_owned()),
            }),
            None if environment.is_github_actions() && !has_credentials(environment) => {
                FirstStep::GithubWithoutToken
            }
            None => FirstStep::Ambient,
        }
    }
}

/// Whether the environment says where credentials come from.
fn has_credentials(environment: &Environment) -> bool {
    let names = [
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ];
    names.iter().any(|name| environment.get(name).is_some())
}

/// Names of roles may have commas, but none with an ARN behind it.
fn roles(values: &[String]) -> Vec<String> {
    let apart = values.iter().flat_map(|text| text.split_whitespace());
    let apart = apart.flat_map(|text| {
        let mut rest: Vec<&str> = text.split(",arn:").collect();
        let first = rest.remove(0).to_owned();
        std::iter::once(first).chain(rest.into_iter().map(|part| format!("arn:{part}")))
    });
    apart.map(|role| role.trim_matches(',').to_owned()).filter(|role| !role.is_empty()).collect()
}

fn duration(text: &str) -> Result<Duration> {
    match text.trim().parse::<u64>() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => crate::config::duration("--role-duration", text.trim()),
    }
}

fn tags(values: &[String]) -> Result<Vec<(String, String)>> {
    let apart = values.iter().flat_map(|text| text.split([',', '\n'])).map(str::trim);
    let pair = |text: &str| match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err(Error::usage(format!("--role-session-tags: `{text}` has no KEY= in front of its value"))
            .hint("Write --role-session-tags KEY=VALUE,KEY=VALUE.")),
    };
    apart.filter(|text| !text.is_empty()).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    const FIRST: &str = "arn:aws:iam::123456789012:role/a,b";
    const SECOND: &str = "arn:aws:iam::123456789012:role/second";

    fn settings(args: &[&str], variables: &[(&str, &str)]) -> Result<LoginSettings> {
        let cli = Cli::parse_from([&["landfall", "status"], args].concat());
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let environment = Environment { variables: variables.collect(), login: None };
        let login = &cli.global.login;
        login.settings(roles(&login.role_to_assume), &environment)
    }

    #[test]
    fn roles_come_one_by_one_or_with_commas() {
        let both = format!("{FIRST},{SECOND}");
        let lines = format!(" {FIRST},\n{SECOND}\n");
        for args in [
            &["--role-to-assume", FIRST, "--role-to-assume", SECOND][..],
            &["--role-to-assume", &both],
            &["--role-to-assume", &lines],
        ] {
            assert_eq!(settings(args, &[]).unwrap().roles, [FIRST, SECOND]);
        }
        assert!(roles(&["".to_owned(), " ".to_owned()]).is_empty());
    }

    #[test]
    fn where_the_first_role_comes_from() {
        let url = ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://x");
        let token = ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t");
        let github = ("GITHUB_ACTIONS", "true");
        let of = |args: &[&str], variables: &[(&str, &str)]| settings(args, variables).unwrap().first;
        assert!(
            matches!(of(&[], &[url, token, github]), FirstStep::Github(job) if job.audience == "sts.amazonaws.com")
        );
        assert!(
            matches!(of(&["--oidc-audience", "x"], &[url, token]), FirstStep::Github(job) if job.audience == "x")
        );
        assert!(matches!(of(&[], &[url, github]), FirstStep::GithubWithoutToken));
        assert!(matches!(of(&[], &[github, ("AWS_ACCESS_KEY_ID", "k")]), FirstStep::Ambient));
        assert!(matches!(of(&[], &[]), FirstStep::Ambient));
        assert!(matches!(of(&["--web-identity-token-file", "f"], &[url, token]), FirstStep::File(_)));
        assert!(matches!(of(&["--web-identity-token-file", ""], &[]), FirstStep::Ambient));
    }

    #[test]
    fn a_session_is_named_after_the_run_and_has_what_was_asked_for() {
        let run = [("GITHUB_REPOSITORY", "acme/shop"), ("GITHUB_RUN_ID", "7001")];
        let all =
            settings(&["--role-duration", "1800", "--role-session-tags", "team=web, env=a=b"], &run).unwrap();
        assert_eq!(all.session_name, "landfall-acme-shop-7001");
        assert_eq!(all.duration, Some(Duration::from_secs(1_800)));
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(all.tags, [pair("team", "web"), pair("env", "a=b")]);
        let all = settings(&["--role-duration", "1h", "--role-session-name", "my deploy"], &run).unwrap();
        assert_eq!(
            (all.session_name.as_str(), all.duration),
            ("my-deploy", Some(Duration::from_secs(3_600)))
        );
        assert_eq!(
            settings(&[], &[("CODEBUILD_BUILD_ID", "web:1-2")]).unwrap().session_name,
            "landfall-web-1-2"
        );
        for wrong in [["--role-duration", "soon"], ["--role-session-tags", "team"]] {
            assert!(settings(&wrong, &[]).unwrap_err().to_string().contains(wrong[0]));
        }
    }
}
