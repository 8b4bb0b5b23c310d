//! Landfall in CodeBuild and CodePipeline: where a run comes from, the files that a pipeline reads, test reports, and the
//! buildspecs, whose commands are run as CodeBuild runs them.

use std::path::{Path, PathBuf};
use std::process::Command;

use landfall_sandbox::{Options, Sandbox, Scenario};
use serde_json::{Value, json};

use crate::package::Release;
use crate::stage::{definition, leading_to, seeded_image, serve};
use crate::support::{Landfall, Ran, root, writes};

pub const COMMIT: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567";
const NEWER: &str = "f1f2f3f4f5f60718293a4b5c6d7e8f901234567f";
const BUILD: &str = "arn:aws:codebuild:us-east-1:000000000000:build/web:0a1b";

/// The variables of a build (facts 8.4) of this commit, in a pipeline.
pub fn build_variables(commit: &str) -> Vec<(String, String)> {
    [
        ("CI", "true"),
        ("CODEBUILD_CI", "true"),
        ("CODEBUILD_BUILD_ID", "web:0a1b"),
        ("CODEBUILD_BUILD_ARN", BUILD),
        ("CODEBUILD_BUILD_NUMBER", "7"),
        (
            "CODEBUILD_BUILD_URL",
            "https://us-east-1.console.aws.amazon.com/codebuild/home?region=us-east-1#/builds/web:0a1b/view/new",
        ),
        ("CODEBUILD_INITIATOR", "codepipeline/web"),
        ("CODEBUILD_RESOLVED_SOURCE_VERSION", commit),
        ("CODEBUILD_SOURCE_VERSION", "arn:aws:s3:::pipeline/web/source/x.zip"),
        ("CODEBUILD_WEBHOOK_TRIGGER", "tag/v1.2.0"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// A service `web` on cluster `demo` that runs an older image than `image`.
struct Stage {
    sandbox: Sandbox,
    image: String,
    folder: tempfile::TempDir,
}

impl Stage {
    async fn new(scenario: Scenario) -> Self {
        let options = Options { scenario, speed: 200.0, ..Options::default() };
        let sandbox = Sandbox::start(options).await.expect("it starts");
        sandbox.create_cluster("demo");
        let image = seeded_image(&sandbox);
        let mut older = definition(&json!({ "image": image, "command": ["old"] }));
        older["tags"] = json!([
            { "key": "team", "value": "blue" },
            { "key": "landfall:commit", "value": "of an earlier run" }
        ]);
        serve(&sandbox, &older, &json!({}));
        Self { sandbox, image, folder: tempfile::tempdir().expect("a folder") }
    }

    /// A definition that differs from what runs.
    fn wanted(&self) -> PathBuf {
        let path = self.folder.path().join("task-definition.json");
        let mut wanted = definition(&json!({ "command": ["new"] }));
        wanted["tags"] = json!([{ "key": "team", "value": "blue" }]);
        std::fs::write(&path, wanted.to_string()).expect("written");
        path
    }

    async fn deploy(&self, commit: &str, more: &[&str]) -> Ran {
        let wanted = self.wanted();
        let wanted = wanted.to_str().expect("UTF-8");
        let mut args = vec!["deploy", "--output", "json", "--cluster", "demo", "--service", "web"];
        args.extend(["--image", &self.image, "--task-definition", wanted]);
        args.extend(more);
        let landfall = Landfall::new(&args)
            .in_folder(self.folder.path())
            .envs(&build_variables(commit))
            .envs(&leading_to(&self.sandbox));
        tokio::task::spawn_blocking(move || landfall.run()).await.expect("it ran")
    }

    /// The tags of a revision, by a request of our own.
    async fn tags(&self, revision: &str) -> Value {
        let answer = reqwest::Client::new()
            .post(self.sandbox.endpoint())
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", "AmazonEC2ContainerServiceV20141113.DescribeTaskDefinition")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ecs/aws4_request, SignedHeaders=host, Signature=0",
            )
            .body(json!({ "taskDefinition": revision, "include": ["TAGS"] }).to_string())
            .send()
            .await
            .expect("an answer");
        let answer: Value = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
        answer["tags"].clone()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.path(name)).expect("it is there")).expect("JSON")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_says_which_build_it_is_of_and_another_build_of_the_same_changes_nothing() {
    let stage = Stage::new(Scenario::Healthy).await;
    let report = stage.deploy(COMMIT, &[]).await.expect_code(0).report();
    assert_eq!(report["origin"]["commit"], COMMIT);
    assert_eq!(report["origin"]["run_id"], BUILD);
    assert_eq!(report["origin"]["version"], "v1.2.0");
    assert!(report["origin"]["run_url"].as_str().is_some_and(|url| url.ends_with("/view/new")), "{report}");
    let expected = json!([
        { "key": "team", "value": "blue" },
        { "key": "landfall:commit", "value": COMMIT },
        { "key": "landfall:run", "value": BUILD }
    ]);
    assert_eq!(stage.tags("web").await, expected);

    let again = stage.deploy(NEWER, &["--write", "imagedefinitions.json"]).await.expect_code(0).report();
    assert_eq!((&again["verdict"], writes(&again)), (&json!("unchanged"), Vec::new()));
    assert_eq!(again["origin"]["commit"], NEWER);
    assert_eq!(stage.tags("web").await, expected, "there is no revision for the sake of its tags");
    // A later stage of the pipeline goes on all the same.
    assert_eq!(stage.json("imagedefinitions.json"), json!([{ "name": "app", "imageUri": stage.image }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_say_where_a_run_comes_from_before_any_variable() {
    let stage = Stage::new(Scenario::Healthy).await;
    let flags = ["--commit", NEWER, "--run-url", "https://ci.test/runs/7?x=1", "--release", "v2"];
    let report = stage.deploy(COMMIT, &flags).await.expect_code(0).report();
    let origin = json!({ "commit": NEWER, "run_url": "https://ci.test/runs/7?x=1", "version": "v2" });
    assert_eq!(report["origin"], origin);
    assert_eq!(stage.tags("web").await[2]["value"], "https://ci.test/runs/7_x=1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_is_not_refused_for_want_of_the_permission_to_tag() {
    let stage = Stage::new(Scenario::Healthy).await;
    stage.sandbox.deny_action("ecs:TagResource");
    // Tags of the definition's own are what somebody asked for: without the permission ECS refuses them.
    let refused = stage.deploy(COMMIT, &[]).await.expect_code(8);
    assert!(refused.all().contains("ecs:TagResource"), "{}", refused.all());
    let wanted = stage.path("plain.json");
    std::fs::write(&wanted, definition(&json!({ "command": ["plain"] })).to_string()).expect("written");
    let more = ["--task-definition", wanted.to_str().expect("UTF-8")];
    let args = [&["deploy", "--output", "json", "--cluster", "demo", "--service", "web"][..], &more].concat();
    let landfall = Landfall::new(&[&args[..], &["--image", &stage.image]].concat())
        .envs(&build_variables(COMMIT))
        .envs(&leading_to(&stage.sandbox));
    let ran = tokio::task::spawn_blocking(move || landfall.run()).await.expect("it ran").expect_code(0);
    let warned = ran.events().into_iter().any(|event| {
        event["event"] == "warning"
            && event["message"].as_str().is_some_and(|text| text.contains("ecs:TagResource"))
    });
    assert!(warned, "{}", ran.all());
    assert_eq!(stage.tags("web").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_gets_its_files_and_a_test_report_of_a_good_run() {
    let stage = Stage::new(Scenario::Healthy).await;
    let files = ["--write", "imagedefinitions.json", "--write", "imageDetail.json", "--junit", "report.xml"];
    let dry = stage.deploy(COMMIT, &[&files[..], &["--dry-run"]].concat()).await.expect_code(0);
    assert!(!stage.path("imagedefinitions.json").exists(), "a dry run pushes nothing: {}", dry.all());
    stage.deploy(COMMIT, &files).await.expect_code(0);
    assert_eq!(stage.json("imagedefinitions.json"), json!([{ "name": "app", "imageUri": stage.image }]));
    assert_eq!(stage.json("imageDetail.json"), json!({ "ImageURI": stage.image }));
    let report = std::fs::read_to_string(stage.path("report.xml")).expect("it is there");
    for expected in
        ["<testsuite name=\"web\"", ".preflight\"", "name=\"watch rollout\"", "failures=\"0\" errors=\"0\""]
    {
        assert!(report.contains(expected), "{expected}: {report}");
    }
    let left = std::fs::read_dir(stage.folder.path()).expect("a folder").count();
    assert_eq!(left, 4, "the definition and three files, and nothing temporary");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_has_a_test_report_and_no_image_for_the_pipeline() {
    let stage = Stage::new(Scenario::ImageNotFound).await;
    let files = ["--write", "imagedefinitions.json", "--junit", "report.xml"];
    let ran = stage.deploy(COMMIT, &files).await;
    assert!([4, 5].contains(&ran.code()), "{}", ran.all());
    assert!(!stage.path("imagedefinitions.json").exists());
    let report = std::fs::read_to_string(stage.path("report.xml")).expect("it is there");
    assert!(report.contains("<failure type=\"image-not-found\""), "{report}");
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_before_anything_is_done() {
    for (flags, said) in [
        (["--write", "nowhere/imagedefinitions.json"], "its folder does not exist"),
        (["--write", "images.json"], "does not know what belongs into `images.json`"),
        (["--junit", "nowhere/report.xml"], "Give --junit a path in a folder that exists."),
    ] {
        let args = ["deploy", "--sandbox", "--config", "examples/hello/landfall.yml"];
        let ran = Landfall::new(&[&args[..], &flags].concat()).run().expect_code(2);
        assert!(ran.all().contains(said), "{}", ran.all());
    }
}

/// A buildspec of `workflows/`.
pub struct Buildspec {
    document: Value,
}

impl Buildspec {
    pub fn read(name: &str) -> Self {
        let text = std::fs::read_to_string(root().join("workflows").join(name)).expect("it is there");
        Self { document: serde_saphyr::from_str(&text).expect("YAML") }
    }

    /// The commands of all phases in the order of CodeBuild.
    pub fn commands(&self) -> Vec<String> {
        let phases = ["install", "pre_build", "build", "post_build"];
        let lists = phases.iter().filter_map(|phase| self.document["phases"][phase]["commands"].as_array());
        lists.flatten().map(|command| command.as_str().expect("a command").to_owned()).collect()
    }

    /// Runs the commands as CodeBuild does: one shell for all of them, which stops at the first that fails. The
    /// variables of the build come before those of the file, as those of the project do.
    pub fn run(&self, source: &Path, variables: &[(String, String)]) -> std::process::Output {
        let script = format!("set -e\n{}\n", self.commands().join("\n"));
        let mut command = Command::new("sh");
        command.args(["-c", &script]).current_dir(source).env_clear();
        command.env("PATH", std::env::var_os("PATH").expect("a PATH"));
        for (name, value) in self.document["env"]["variables"].as_object().expect("variables") {
            command.env(name, value.as_str().expect("a text"));
        }
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        command.env("CODEBUILD_SRC_DIR", source);
        command.output().expect("sh runs")
    }

    /// The files that the buildspec names, which the build must leave behind.
    pub fn left_behind(&self, source: &Path) -> Vec<PathBuf> {
        let reports = self.document["reports"].as_object().expect("reports").values();
        let reports = reports.flat_map(|report| report["files"].as_array().expect("files"));
        let artifacts = self.document["artifacts"]["files"].as_array().expect("files");
        reports.chain(artifacts).map(|file| source.join(file.as_str().expect("a path"))).collect()
    }
}

pub const BUILDSPECS: [&str; 2] = ["buildspec.yml", "buildspec-deploy.yml"];

/// What CodeBuild's reference knows of a buildspec, as far as ours use it.
#[test]
fn buildspecs_say_what_codebuild_takes() {
    for name in BUILDSPECS {
        let document = Buildspec::read(name).document;
        let keys =
            |value: &Value| -> Vec<String> { value.as_object().expect("a map").keys().cloned().collect() };
        assert_eq!(document["version"], json!(0.2), "{name}");
        assert_eq!(keys(&document), ["version", "env", "phases", "reports", "artifacts"], "{name}");
        assert_eq!(keys(&document["env"]), ["variables"], "{name}: nothing secret stands in it");
        for (phase, content) in document["phases"].as_object().expect("phases") {
            assert!(
                ["install", "pre_build", "build", "post_build"].contains(&phase.as_str()),
                "{name}: {phase}"
            );
            // With `on-failure: ABORT` a failed phase is the last one, and its report is not taken in.
            assert_eq!(keys(content), ["commands"], "{name}: {phase}");
        }
        for report in document["reports"].as_object().expect("reports").values() {
            // https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html, reports/file-format
            assert_eq!(
                (keys(report), &report["file-format"]),
                (vec!["files".to_owned(), "file-format".to_owned()], &json!("JUNITXML"))
            );
        }
        let deploys: Vec<String> = Buildspec::read(name)
            .commands()
            .into_iter()
            .filter(|line| line.starts_with("landfall "))
            .collect();
        assert_eq!(deploys.len(), 1, "{name}: one command: {deploys:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_buildspec_for_deploying_alone_does_so() {
    let stage = Stage::new(Scenario::Healthy).await;
    let release = Release::of_this_build();
    let source = tempfile::tempdir().expect("a folder");
    let mut variables = build_variables(COMMIT);
    variables.extend(leading_to(&stage.sandbox));
    variables.extend(release.variables());
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let wanted = stage.wanted();
    variables.extend([
        set("HOME", source.path().to_str().expect("UTF-8")),
        set("LANDFALL_CLUSTER", "demo"),
        set("LANDFALL_SERVICE", "web"),
        set("LANDFALL_IMAGE", &stage.image),
        set("LANDFALL_TASK_DEFINITION", wanted.to_str().expect("UTF-8")),
        set("LANDFALL_RECORD", "run.ndjson"),
    ]);
    let spec = Buildspec::read("buildspec-deploy.yml");
    let (folder, with) = (source.path().to_owned(), variables.clone());
    let output = tokio::task::spawn_blocking(move || spec.run(&folder, &with)).await.expect("it ran");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    let commands = said.lines().any(|line| line.starts_with("::"));
    assert!(!said.contains("GITHUB") && !commands, "nothing of GitHub here: {said}");
    for file in Buildspec::read("buildspec-deploy.yml").left_behind(source.path()) {
        assert!(file.is_file(), "{}: {said}", file.display());
    }
    assert_eq!(stage.tags("web").await[1], json!({ "key": "landfall:commit", "value": COMMIT }));
    // No variable of the buildspec's own is taken for one of the program's.
    let record = std::fs::read_to_string(source.path().join("run.ndjson")).expect("a record");
    let report: Value = serde_json::from_str(record.lines().last().expect("events")).expect("JSON");
    assert_eq!(report["origin"]["version"], "v1.2.0");

    // Another script than the one whose checksum the buildspec has is not run.
    let wrong = set("LANDFALL_INSTALL_SHA256", &"0".repeat(64));
    let elsewhere = tempfile::tempdir().expect("a folder");
    variables.extend([wrong, set("HOME", elsewhere.path().to_str().expect("UTF-8"))]);
    let spec = Buildspec::read("buildspec-deploy.yml");
    let folder = elsewhere.path().to_owned();
    let output = tokio::task::spawn_blocking(move || spec.run(&folder, &variables)).await.expect("it ran");
    assert!(!output.status.success());
    assert!(!elsewhere.path().join(".landfall").exists(), "it was installed all the same");
}
