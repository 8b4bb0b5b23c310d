//! CodeBuild's variables (facts 8.4).

use crate::event::Origin;

/// What a build says of itself; nothing elsewhere.
pub fn origin<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Origin {
    if get("CODEBUILD_BUILD_ID").is_none() {
        return Origin::default();
    }
    // Of a source in S3 there is none, and the version that was asked for is an ARN then.
    let asked = get("CODEBUILD_SOURCE_VERSION").filter(|version| !version.starts_with("arn:"));
    let is_commit = |text: &&str| text.len() >= 40 && text.chars().all(|c| c.is_ascii_hexdigit());
    let commit = get("CODEBUILD_RESOLVED_SOURCE_VERSION").or(asked).filter(is_commit);
    let version = get("CODEBUILD_WEBHOOK_TRIGGER").or(asked.filter(|version| !is_commit(version)));
    Origin {
        commit: commit.map(str::to_owned),
        run_url: get("CODEBUILD_BUILD_URL").map(str::to_owned),
        run_id: get("CODEBUILD_BUILD_ARN").or(get("CODEBUILD_BUILD_ID")).map(str::to_owned),
        version: version.map(|version| plain(version).to_owned()),
    }
}

/// `v1.2.0` of `tag/v1.2.0` or `refs/tags/v1.2.0`; a pull request stays `pr/12`.
fn plain(version: &str) -> &str {
    let prefixes = ["refs/tags/", "refs/heads/", "tag/", "branch/"];
    prefixes.iter().find_map(|prefix| version.strip_prefix(prefix)).unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567";
    const ARN: &str = "arn:aws:codebuild:eu-west-1:123456789012:build/web:0a1b";

    fn of(more: &[(&str, &'static str)]) -> Origin {
        let always = [
            ("CODEBUILD_BUILD_ID", "web:0a1b"),
            ("CODEBUILD_BUILD_ARN", ARN),
            ("CODEBUILD_BUILD_URL", "https://console.test/?region=eu-west-1#/builds/web:0a1b/view"),
        ];
        origin(|name| {
            [&always, more].concat().into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
        })
    }

    #[test]
    fn a_build_says_its_commit_its_page_and_what_was_asked_for() {
        let known = of(&[
            ("CODEBUILD_RESOLVED_SOURCE_VERSION", COMMIT),
            ("CODEBUILD_SOURCE_VERSION", COMMIT),
            ("CODEBUILD_WEBHOOK_TRIGGER", "tag/v1.2.0"),
        ]);
        assert_eq!(known.commit.as_deref(), Some(COMMIT));
        assert_eq!(known.version.as_deref(), Some("v1.2.0"));
        assert_eq!(known.run_id.as_deref(), Some(ARN));
        assert!(known.run_url.unwrap().starts_with("https://console.test/"));
        for (asked, version) in [
            ("refs/heads/main", Some("main")),
            ("pr/12", Some("pr/12")),
            ("release/2", Some("release/2")),
            (COMMIT, None),
        ] {
            let known = of(&[("CODEBUILD_SOURCE_VERSION", asked)]);
            assert_eq!(known.version.as_deref(), version, "{asked}");
        }
    }

    #[test]
    fn in_a_pipeline_the_source_is_an_artifact_and_the_commit_is_known() {
        let artifact = ("CODEBUILD_SOURCE_VERSION", "arn:aws:s3:::pipeline/web/source/x.zip");
        let known = of(&[artifact, ("CODEBUILD_RESOLVED_SOURCE_VERSION", COMMIT)]);
        assert_eq!((known.commit.as_deref(), known.version), (Some(COMMIT), None));
        // Of a source that is an object of S3 it is the object's version.
        let known =
            of(&[artifact, ("CODEBUILD_RESOLVED_SOURCE_VERSION", "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY")]);
        assert_eq!(known.commit, None);
    }

    #[test]
    fn elsewhere_nothing_is_known() {
        let alone = origin(|name| (name == "CODEBUILD_BUILD_URL").then_some("https://console.test"));
        assert!(alone.is_unknown());
    }
}
