//! Where a run comes from: flags, GitHub Actions, CodeBuild, or the checkout of git in this folder.

use std::path::{Path, PathBuf};

use clap::Args;

use super::args::given;
use super::environment::Environment;
use crate::codebuild;
use crate::event::Origin;

/// Where the run comes from; otherwise GitHub Actions, CodeBuild or a checkout of git say it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where it comes from")]
pub struct OriginArgs {
    /// The commit, for the revision's tag landfall:commit [default: as CI or a checkout of git says]
    #[arg(long, env = "LANDFALL_COMMIT", value_name = "ID")]
    pub commit: Option<String>,
    /// The page of the CI run, for the revision's tag landfall:run [default: as CI says]
    #[arg(long, env = "LANDFALL_RUN_URL", value_name = "URL")]
    pub run_url: Option<String>,
    /// What was built, for the report: a tag or a branch [default: as CI says]
    #[arg(long, env = "LANDFALL_RELEASE", value_name = "NAME")]
    pub release: Option<String>,
}

impl OriginArgs {
    /// What is known of it.
    pub fn origin(&self, environment: &Environment) -> Origin {
        let flags = Origin {
            commit: given(&self.commit),
            run_url: given(&self.run_url),
            run_id: None,
            version: given(&self.release),
        };
        let known = flags.or(of_ci(environment));
        if known.commit.is_some() {
            return known;
        }
        known.or(Origin { commit: checked_out(Path::new(".")), ..Origin::default() })
    }
}

/// CodeBuild also runs jobs of GitHub Actions: then the workflow is what people know.
fn of_ci(environment: &Environment) -> Origin {
    let get = |name: &str| environment.get(name);
    let codebuild = codebuild::origin(get);
    if environment.is_github_actions() { github(get).or(codebuild) } else { codebuild }
}

/// GitHub's default variables of a workflow run.
fn github<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Origin {
    let run_url = || {
        let server = get("GITHUB_SERVER_URL").unwrap_or("https://github.com");
        let (repository, run) = (get("GITHUB_REPOSITORY")?, get("GITHUB_RUN_ID")?);
        let attempt = get("GITHUB_RUN_ATTEMPT").map(|number| format!("/attempts/{number}"));
        Some(format!("{server}/{repository}/actions/runs/{run}{}", attempt.unwrap_or_default()))
    };
    Origin {
        commit: get("GITHUB_SHA").map(str::to_owned),
        run_url: run_url(),
        run_id: None,
        version: get("GITHUB_REF_NAME").map(str::to_owned),
    }
}

/// The commit that is checked out here, read as git keeps it: no git is needed for it. Changes that are not committed
/// are not seen.
fn checked_out(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let dot_git = folder.ancestors().map(|parent| parent.join(".git")).find(|path| path.exists())?;
    let git = if dot_git.is_file() {
        // A worktree or a submodule: `gitdir: PATH`.
        let text = std::fs::read_to_string(&dot_git).ok()?;
        dot_git.parent()?.join(text.trim().strip_prefix("gitdir:")?.trim())
    } else {
        dot_git
    };
    let head = std::fs::read_to_string(git.join("HEAD")).ok()?;
    let head = head.trim();
    let commit = match head.strip_prefix("ref:").map(str::trim) {
        None => head.to_owned(),
        Some(name) => branch(&git, name)?,
    };
    is_commit(&commit).then_some(commit)
}

/// The commit of `refs/heads/main`. A worktree shares its branches with the repository.
fn branch(git: &Path, name: &str) -> Option<String> {
    let common = std::fs::read_to_string(git.join("commondir")).map(|text| git.join(text.trim()));
    let folders: Vec<PathBuf> = [Some(git.to_owned()), common.ok()].into_iter().flatten().collect();
    let loose = folders.iter().find_map(|folder| std::fs::read_to_string(folder.join(name)).ok());
    if let Some(text) = loose {
        return Some(text.trim().to_owned());
    }
    folders.iter().find_map(|folder| {
        let packed = std::fs::read_to_string(folder.join("packed-refs")).ok()?;
        packed.lines().find_map(|line| {
            let (commit, of) = line.split_once(' ')?;
            (of.trim() == name).then(|| commit.to_owned())
        })
    })
}

/// SHA-1 or SHA-256 in hexadecimal.
fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.chars().all(|c| c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567";

    fn origin(flags: [Option<&str>; 3], variables: &[(&str, &str)]) -> Origin {
        let [commit, run_url, release] = flags.map(|text| text.map(str::to_owned));
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        OriginArgs { commit, run_url, release }.origin(&Environment { variables })
    }

    const GITHUB: [(&str, &str); 6] = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SHA", COMMIT),
        ("GITHUB_REPOSITORY", "ada/web"),
        ("GITHUB_RUN_ID", "7"),
        ("GITHUB_RUN_ATTEMPT", "2"),
        ("GITHUB_REF_NAME", "main"),
    ];

    #[test]
    fn a_workflow_says_its_commit_and_its_page() {
        let expected = Origin {
            commit: Some(COMMIT.into()),
            run_url: Some("https://github.com/ada/web/actions/runs/7/attempts/2".into()),
            run_id: None,
            version: Some("main".into()),
        };
        assert_eq!(origin([None; 3], &GITHUB), expected);
    }

    #[test]
    fn a_workflow_that_codebuild_runs_is_a_workflow_and_flags_win() {
        let both = [
            &GITHUB[..],
            &[
                ("CODEBUILD_BUILD_ID", "web:1"),
                ("CODEBUILD_BUILD_ARN", "arn:aws:codebuild:eu-west-1:1:build/web:1"),
                ("CODEBUILD_BUILD_URL", "https://console.aws.amazon.com/x"),
            ],
        ]
        .concat();
        let found = origin([None; 3], &both);
        assert!(found.run_url.unwrap().starts_with("https://github.com/") && found.run_id.is_none());
        let found = origin([Some("abc"), Some("https://ci.test/1"), Some("")], &both);
        assert_eq!(
            (found.commit.as_deref(), found.run_url.as_deref()),
            (Some("abc"), Some("https://ci.test/1"))
        );
        assert_eq!(found.version.as_deref(), Some("main"), "an input that nobody gave");
    }

    #[test]
    fn a_checkout_says_its_commit_however_git_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let inside = root.join("service/api");
        std::fs::create_dir_all(&inside).unwrap();
        write(".git/HEAD", "ref: refs/heads/main\n");
        assert_eq!(checked_out(&inside), None, "a repository without a commit");
        write(".git/packed-refs", &format!("# pack-refs with: peeled\n{COMMIT} refs/heads/main\n"));
        assert_eq!(checked_out(&inside).as_deref(), Some(COMMIT));
        let newer = COMMIT.replace('0', "f");
        write(".git/refs/heads/main", &format!("{newer}\n"));
        assert_eq!(checked_out(&inside), Some(newer.clone()));
        write(".git/HEAD", &format!("{COMMIT}\n"));
        assert_eq!(checked_out(&inside).as_deref(), Some(COMMIT));
        // A worktree of it.
        write("tree/.git", "gitdir: ../.git/worktrees/tree\n");
        write(".git/worktrees/tree/HEAD", "ref: refs/heads/main\n");
        write(".git/worktrees/tree/commondir", "../..\n");
        assert_eq!(checked_out(&root.join("tree")), Some(newer));
        write(".git/worktrees/tree/HEAD", "no commit");
        assert_eq!(checked_out(&root.join("tree")), None);
    }
}
