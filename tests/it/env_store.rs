//! Where env files are stored: which buckets are refused, how objects are written, and what is told when a stored
//! file cannot be read.

use std::collections::HashMap;

use landfall::aws::{Aws, AwsSettings, StaticEndpoint};
use landfall::config::{Overrides, load};
use landfall::emit::Emitter;
use landfall::logins::{Workbench, registries};
use landfall::prepare::{Prepared, keep_env_files};
use landfall_sandbox::{BucketOptions, BucketPolicy, Options, Sandbox};
use serde_json::{Value, json};
use sha2::Digest;

use crate::stage::{definition, leading_to, serve};
use crate::support::{Landfall, Ran, writes};

const ACCOUNT: &str = "000000000000";

async fn sandbox() -> Sandbox {
    let sandbox = Sandbox::start(Options { speed: 200.0, ..Options::default() }).await.expect("it starts");
    sandbox.create_cluster("demo");
    serve(&sandbox, &definition(&json!({})), &json!({}));
    sandbox
}

/// `landfall deploy` of one file with this `env_store`.
async fn deploy(sandbox: &Sandbox, env_store: &str, content: &str) -> Ran {
    let folder = tempfile::tempdir().expect("a folder");
    let config = format!(
        "version: 1\ncluster: demo\nenv_store: {env_store}\nservices:\n  web:\n    containers:\n      app:\n        env_file: app.env\n"
    );
    std::fs::write(folder.path().join("landfall.yml"), config).expect("written");
    std::fs::write(folder.path().join("app.env"), content).expect("written");
    let landfall =
        Landfall::new(&["deploy", "--output", "json"]).envs(&leading_to(sandbox)).in_folder(folder.path());
    tokio::task::spawn_blocking(move || landfall.run()).await.expect("it ran")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_must_not_hold_values_is_refused_with_the_fix() {
    let sandbox = sandbox().await;
    let other = || Some("eu-west-1".to_owned());
    let buckets = [
        ("public", BucketOptions { policy: BucketPolicy::Public, ..BucketOptions::default() }),
        ("public-acl", BucketOptions { public_acl: true, ..BucketOptions::default() }),
        ("elsewhere", BucketOptions { region: other(), ..BucketOptions::default() }),
        ("of-another", BucketOptions { owner: Some("999999999999".to_owned()), ..BucketOptions::default() }),
    ];
    for (name, options) in buckets {
        let public = options.policy == BucketPolicy::Public || options.public_acl;
        let options = BucketOptions { public_access_block: !public, ..options };
        sandbox.set_bucket(name, options).expect("a bucket");
    }
    for (bucket, message, hint) in [
        ("public", "is public", "put-public-access-block --bucket public "),
        ("public-acl", "is public", "put-public-access-block --bucket public-acl "),
        ("elsewhere", "is in eu-west-1, and the service in us-east-1", "Use a bucket in us-east-1"),
        ("of-another", "is not for the account 000000000000", "owner: \"123456789012\""),
        ("missing", "does not exist", "aws s3 mb s3://missing --region us-east-1"),
    ] {
        let ran = deploy(&sandbox, &format!("s3://{bucket}/env"), "A=canary-1\n").await.expect_code(3);
        let error = &ran.report()["error"];
        assert!(error["message"].as_str().is_some_and(|text| text.contains(message)), "{bucket}: {error}");
        assert!(error["hint"].as_str().is_some_and(|text| text.contains(hint)), "{bucket}: {error}");
        assert_eq!(writes(&ran.report()), Vec::<String>::new(), "{bucket}");
    }
    // What would be public is not, where that is blocked; and another owner is fine when it is named.
    let blocked = BucketOptions {
        policy: BucketPolicy::Public,
        public_acl: true,
        public_access_block: true,
        ..BucketOptions::default()
    };
    sandbox.set_bucket("blocked", blocked).expect("a bucket");
    deploy(&sandbox, "s3://blocked/env", "A=1\n").await.expect_code(0);
    let store = "{ url: 's3://of-another/env', owner: '999999999999' }";
    deploy(&sandbox, store, "A=2\n").await.expect_code(0);
    // An owner that it does not have.
    let store = "{ url: 's3://blocked/env', owner: '999999999999' }";
    deploy(&sandbox, store, "A=3\n").await.expect_code(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_encrypted_as_the_store_says() {
    let sandbox = sandbox().await;
    sandbox.create_bucket("env-store").expect("a bucket");
    for (encryption, header, key) in [
        ("", "AES256", None),
        (", encryption: aes256", "AES256", None),
        (", encryption: kms", "aws:kms", None),
        (", encryption: 'kms:alias/env'", "aws:kms", Some("alias/env")),
    ] {
        let store = format!("{{ url: 's3://env-store/env'{encryption} }}");
        let report = deploy(&sandbox, &store, &format!("A={encryption}x\n")).await.expect_code(0).report();
        let arn = report["services"][0]["env_files"][0]["arn"].as_str().expect("an ARN").to_owned();
        let path = arn.strip_prefix("arn:aws:s3:::").expect("an S3 ARN");
        let head = reqwest::Client::new()
            .head(format!("{}/{path}", sandbox.endpoint()))
            .header("authorization", "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request")
            .header("x-amz-expected-bucket-owner", ACCOUNT)
            .send()
            .await
            .expect("an answer");
        let text =
            |name: &str| head.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
        assert_eq!(text("x-amz-server-side-encryption").as_deref(), Some(header), "{encryption}");
        let id = text("x-amz-server-side-encryption-aws-kms-key-id");
        if let Some(key) = key {
            assert!(id.is_some_and(|id| id.contains(key)), "{encryption}");
        }
    }
}

/// Comparing with what runs is a service to the reader of a plan: what may not be read keeps nobody from deploying.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_read_is_said_and_deployed_nevertheless() {
    let sandbox = sandbox().await;
    sandbox.create_bucket("env-store").expect("a bucket");
    deploy(&sandbox, "s3://env-store/env", "A=1\nGONE=1\n").await.expect_code(0);
    sandbox.deny_action("s3:GetObject");
    for action in ["s3:GetBucketAcl", "s3:GetBucketPolicyStatus", "s3:GetBucketPublicAccessBlock"] {
        sandbox.deny_action(action);
    }
    let ran = deploy(&sandbox, "s3://env-store/env", "A=canary-2\n").await.expect_code(0);
    let events = ran.events();
    let planned = events.iter().find(|event| event["event"] == "planned").expect("a plan");
    let variables = &planned["variables"][0];
    assert_eq!(variables["variables"][0]["change"], "unknown", "{variables}");
    let unread: Vec<&Value> = variables["unread"].as_array().expect("a list").iter().collect();
    assert_eq!(unread.len(), 1, "{variables}");
    assert!(unread[0].as_str().is_some_and(|text| text.contains("s3:GetObject")), "{variables}");
}

/// `landfall prune` between the plan and the registration finds a file that no revision names yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_went_after_the_plan_is_stored_again() {
    let sandbox = sandbox().await;
    sandbox.create_bucket("env-store").expect("a bucket");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("landfall.yml");
    let text = "version: 1\ncluster: demo\nenv_store: s3://env-store/env\nservices:\n  web:\n    containers:\n      app:\n        env_file: app.env\n";
    std::fs::write(&path, text).expect("written");
    std::fs::write(folder.path().join("app.env"), "A=1\n").expect("written");
    let config = load(Some(&path), &Overrides::default(), &HashMap::new()).expect("a configuration");
    let hash = hex::encode(sha2::Sha256::digest(b"A=1\n"));
    let key = format!("env/web/app/{hash}.env");
    sandbox.put_object("env-store", &key, b"A=1\n").expect("written");

    let endpoint = StaticEndpoint {
        url: sandbox.endpoint(),
        access_key_id: "AKIASANDBOXSANDBOX00".to_owned(),
        secret_access_key: "not-a-secret-only-for-the-sandbox".to_owned(),
    };
    let settings = AwsSettings {
        region: Some("us-east-1".to_owned()),
        endpoint: Some(endpoint),
        ..AwsSettings::default()
    };
    let aws = Aws::connect(settings).await.expect("clients");
    let workbench = Workbench::default();
    let registries = registries(Some(&aws), &workbench);
    let (events, _receiver) = Emitter::channel();
    let service = &config.services[0];
    let prepared =
        Prepared::gather(&config, service, &aws, &workbench, &registries, &events).await.expect("prepared");
    assert!(prepared.snapshot.env_files[0].present);
    aws.delete_object("env-store", &key, ACCOUNT).await.expect("deleted");
    for _ in 0..2 {
        keep_env_files(&prepared, config.env_store.as_ref(), &aws, &events).await.expect("kept");
        assert_eq!(aws.get_object("env-store", &key).await.expect("it is there").as_slice(), b"A=1\n");
    }
    let puts = sandbox.calls().into_iter().filter(|call| call.operation == "PutObject").count();
    assert_eq!(puts, 1);
}
