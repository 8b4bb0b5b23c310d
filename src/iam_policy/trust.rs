//! The trust policy of a role that workflows of GitHub Actions assume (facts 8.2).

use serde_json::{Value, json};

/// Who signs the tokens of GitHub Actions: the provider's name in ARNs and in conditions.
pub const GITHUB_ISSUER: &str = "token.actions.githubusercontent.com";
/// The audience that AWS's own tools ask GitHub for.
pub const AUDIENCE: &str = "sts.amazonaws.com";

/// Which runs of a repository's workflows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runs {
    /// Of pushes to a branch.
    Branch(String),
    /// Of pushes of a tag.
    Tag(String),
    /// Of jobs with this `environment:`, whatever started them: it takes the place of the others.
    Environment(String),
    /// Of pull requests.
    PullRequest,
    /// Whatever they are of.
    Any,
}

impl Runs {
    /// What a subject has behind the repository.
    fn suffix(&self) -> String {
        match self {
            Self::Branch(branch) => format!("ref:refs/heads/{branch}"),
            Self::Tag(tag) => format!("ref:refs/tags/{tag}"),
            Self::Environment(environment) => format!("environment:{}", in_subject(environment)),
            Self::PullRequest => "pull_request".to_owned(),
            Self::Any => "*".to_owned(),
        }
    }
}

/// A colon in an environment's name would end it: GitHub writes it as in a URL.
fn in_subject(environment: &str) -> String {
    environment.replace(':', "%3A")
}

/// A repository, as tokens name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GithubRepository {
    /// The owner's login.
    pub owner: String,
    /// The repository's name.
    pub name: String,
    /// The numeric ids of the owner and of the repository.
    pub ids: Option<(String, String)>,
}

impl GithubRepository {
    /// The subjects of tokens of these runs. Repositories that were created or renamed on or after 15 July 2026 have
    /// the form with numeric ids, and older ones the form with names alone (facts 8.2); without ids there is only the
    /// latter.
    pub fn subjects(&self, runs: &Runs) -> Vec<String> {
        self.subjects_with(&runs.suffix())
    }

    /// The same with what stands behind the repository.
    pub fn subjects_with(&self, suffix: &str) -> Vec<String> {
        let Self { owner, name, ids } = self;
        let by_id =
            ids.as_ref().map(|(owner_id, id)| format!("repo:{owner}@{owner_id}/{name}@{id}:{suffix}"));
        [Some(format!("repo:{owner}/{name}:{suffix}")), by_id].into_iter().flatten().collect()
    }
}

/// The trust policy: whoever has a token of GitHub with one of the subjects, for this audience, may assume the role.
pub fn trust_policy(account: &str, partition: &str, audience: &str, subjects: &[String]) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "GitHubActions",
            "Effect": "Allow",
            "Principal": { "Federated": provider_arn(account, partition) },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": condition(audience, subjects),
        }],
    })
}

/// The condition of that policy. A `*` only stands for something else in StringLike.
pub fn condition(audience: &str, subjects: &[String]) -> Value {
    let audience_key = format!("{GITHUB_ISSUER}:aud");
    let subject_key = format!("{GITHUB_ISSUER}:sub");
    let subject = match subjects {
        [one] => json!(one),
        all => json!(all),
    };
    if subjects.iter().any(|subject| subject.contains(['*', '?'])) {
        json!({ "StringEquals": { audience_key: audience }, "StringLike": { subject_key: subject } })
    } else {
        json!({ "StringEquals": { audience_key: audience, subject_key: subject } })
    }
}

/// The ARN that GitHub's identity provider has in an account.
pub fn provider_arn(account: &str, partition: &str) -> String {
    format!("arn:{partition}:iam::{account}:oidc-provider/{GITHUB_ISSUER}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(ids: Option<(&str, &str)>) -> GithubRepository {
        let ids = ids.map(|(owner, id)| (owner.to_owned(), id.to_owned()));
        GithubRepository { owner: "acme".into(), name: "shop".into(), ids }
    }

    #[test]
    fn subjects_have_both_forms_where_the_ids_are_known() {
        let runs = [
            (Runs::Branch("main".into()), "ref:refs/heads/main"),
            (Runs::Tag("v*".into()), "ref:refs/tags/v*"),
            (Runs::Environment("eu:prod".into()), "environment:eu%3Aprod"),
            (Runs::PullRequest, "pull_request"),
            (Runs::Any, "*"),
        ];
        for (runs, suffix) in runs {
            let both = repository(Some(("65", "74"))).subjects(&runs);
            assert_eq!(both, [format!("repo:acme/shop:{suffix}"), format!("repo:acme@65/shop@74:{suffix}")]);
            assert_eq!(repository(None).subjects(&runs), [format!("repo:acme/shop:{suffix}")]);
        }
    }

    #[test]
    fn a_pattern_is_only_one_in_string_like() {
        let exact = condition(AUDIENCE, &["repo:acme/shop:pull_request".into()]);
        let key = format!("{GITHUB_ISSUER}:sub");
        assert_eq!(exact["StringEquals"][&key], "repo:acme/shop:pull_request");
        let like = condition(AUDIENCE, &repository(Some(("65", "74"))).subjects(&Runs::Any));
        assert_eq!(like["StringLike"][&key], json!(["repo:acme/shop:*", "repo:acme@65/shop@74:*"]));
        assert_eq!(like["StringEquals"], json!({ format!("{GITHUB_ISSUER}:aud"): AUDIENCE }));
        let policy = trust_policy("123456789012", "aws", AUDIENCE, &["repo:acme/shop:*".into()]);
        let provider = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com";
        assert_eq!(policy["Statement"][0]["Principal"]["Federated"], provider);
    }
}
