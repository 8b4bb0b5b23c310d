//! Env files in ministack's S3. Its tasks do not read them (facts: `environmentFiles` is not applied there), so that
//! what a task would read is looked up by the ARN in the revision that the service runs.

use serde_json::{Value, json};

use super::ministack::{Ministack, WebService};
use super::{load_hello, unique};
use crate::support::{Landfall, Ran, api_calls, writes};

struct Stage {
    ministack: Ministack,
    service: WebService,
    bucket: String,
    folder: tempfile::TempDir,
}

impl Stage {
    async fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let name = unique(name);
        load_hello(folder.path(), &name, "v1");
        let ministack = Ministack::connect();
        let service = ministack.web_service(&name, &format!("{name}:v1")).await;
        let bucket = format!("{name}-env");
        ministack.put_bucket(&bucket).await;
        Self { ministack, service, bucket, folder }
    }

    fn landfall(&self, file: &str, content: &str) -> Landfall {
        let path = self.folder.path().join(file);
        std::fs::write(&path, content).expect("written");
        let (name, store) = (&self.service.name, format!("s3://{}/prod", self.bucket));
        let args =
            ["deploy", "--output", "json", "--cluster", name, "--service", name, "--env-store", &store];
        let args = [&args[..], &["--env-file", path.to_str().expect("UTF-8")]].concat();
        Landfall::new(&args).envs(&self.ministack.environment())
    }

    async fn deploy(&self, content: &str) -> Value {
        let landfall = self.landfall("app.env", content);
        let ran: Ran = tokio::task::spawn_blocking(move || landfall.run()).await.expect("it ran");
        ran.expect_code(0).report()
    }

    /// What tasks of the service would read, by the ARN in its revision.
    async fn read(&self) -> String {
        let live = self.ministack.service(&self.service.name).await;
        let described = self
            .ministack
            .ecs("DescribeTaskDefinition", json!({"taskDefinition": live["taskDefinition"]}))
            .await;
        let files = &described["taskDefinition"]["containerDefinitions"][0]["environmentFiles"];
        assert_eq!(files.as_array().map(Vec::len), Some(1), "{files}");
        let arn = files[0]["value"].as_str().expect("an ARN");
        let key = arn.strip_prefix(&format!("arn:aws:s3:::{}/", self.bucket)).expect("in the bucket");
        self.ministack.get_object(&self.bucket, key).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_revision_keeps_its_own_values() {
    let stage = Stage::new("env-files").await;
    let first = stage.deploy("export VERSION=\"one\"\nNAME=x\n").await;
    assert_eq!(stage.read().await, "NAME=x\nVERSION=one\n");

    // Only the file changes: one revision.
    let second = stage.deploy("VERSION=two\nNAME=x\n").await;
    assert_eq!(api_calls(&second)["ecs:RegisterTaskDefinition"], 1);
    assert_eq!(stage.read().await, "NAME=x\nVERSION=two\n");

    // Nothing changes: none, and nothing is written.
    let same = stage.deploy("# said differently\nNAME=x\nVERSION='two'\n").await;
    assert_eq!((same["verdict"].as_str(), writes(&same)), (Some("unchanged"), vec![]));

    // Back by hand: the revision has the values that it had.
    let name = &stage.service.name;
    let earlier = &first["services"][0]["task_definition"];
    stage
        .ministack
        .ecs("UpdateService", json!({"cluster": name, "service": name, "taskDefinition": earlier}))
        .await;
    assert_eq!(stage.read().await, "NAME=x\nVERSION=one\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn deploys_at_once_leave_whole_objects() {
    let stage = Stage::new("env-at-once").await;
    let runs = (0..4).map(|n| {
        let landfall = stage.landfall(&format!("{n}.env"), &format!("N={}\n", n % 2));
        let mut command = landfall.into_command();
        command.args(["--wait-for", "none"]);
        tokio::task::spawn_blocking(move || command.output().expect("it ran"))
    });
    let mut stored = std::collections::BTreeMap::<String, Vec<String>>::new();
    for run in futures_util::future::join_all(runs).await {
        let output = run.expect("it ran");
        let event = String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
            .find(|event| event["event"] == "env_file_stored")
            .expect("it is stored");
        let text = |key: &str| event[key].as_str().expect("a text").to_owned();
        stored.entry(text("arn")).or_default().push(text("outcome"));
    }
    assert_eq!(stored.len(), 2, "{stored:?}");
    for (arn, outcomes) in stored {
        assert_eq!(outcomes.iter().filter(|outcome| *outcome == "uploaded").count(), 1, "{arn} {outcomes:?}");
        let key = arn.strip_prefix(&format!("arn:aws:s3:::{}/", stage.bucket)).expect("in the bucket");
        let content = stage.ministack.get_object(&stage.bucket, key).await;
        assert!(["N=0\n", "N=1\n"].contains(&content.as_str()), "{content}");
    }
}
