//! `--role-to-assume`: roles are assumed with a token of GitHub, a token in a file, or credentials; what STS refuses
//! is explained, and no token and no credentials are shown.

use std::collections::VecDeque;
use std::io::Write;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use landfall::aws::{Aws, AwsSettings, FirstStep, Login, LoginSettings};
use landfall_sandbox::{ApiCall, InProcess, Options, Sandbox};
use serde_json::{Value, json};

use crate::simulated::Wire;
use crate::stage::{definition, seeded_image, serve};
use crate::support::{Landfall, Ran, read_head};

const ISSUER: &str = "token.actions.githubusercontent.com";
const ROLE: &str = "arn:aws:iam::000000000000:role/ci/deploy";
const SECOND: &str = "arn:aws:iam::000000000000:role/production";
const BY_NAME: &str = "repo:acme/shop:ref:refs/heads/main";
const BY_ID: &str = "repo:acme@65/shop@74:ref:refs/heads/main";
/// What GitHub gives the job to ask for tokens with.
const REQUEST_TOKEN: &str = "request-token-canary-51fa";

/// A token of a job on the branch `main`. Its signature is one that nobody else has.
fn token(subject: &str, audience: &str, number: usize) -> String {
    let payload = json!({
        "iss": format!("https://{ISSUER}"), "sub": subject, "aud": audience, "ref": "refs/heads/main",
        "repository": "acme/shop", "repository_owner_id": "65", "repository_id": "74", "jti": number,
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.signature-canary-{number}", part(&json!({ "alg": "RS256" })), part(&payload))
}

/// A role that a token with one of these subjects may assume.
fn trust(subjects: &[&str]) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "Federated": format!("arn:aws:iam::000000000000:oidc-provider/{ISSUER}") },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": { "StringEquals": { format!("{ISSUER}:sub"): subjects, format!("{ISSUER}:aud"): "sts.amazonaws.com" } },
    }]})
}

/// GitHub's token endpoint of a job.
struct Endpoint {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    /// It refuses with these statuses first, and then gives tokens of this subject.
    fn start(subject: &str, refusals: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (subject, mut refusals) = (subject.to_owned(), VecDeque::from(refusals.to_vec()));
        let noted = Arc::clone(&asked);
        // It ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let head = read_head(&mut stream);
                let number = {
                    let mut noted = noted.lock().expect("no panic");
                    noted.push(head.clone());
                    noted.len()
                };
                let (status, body) = match (refusals.pop_front(), audience(&head)) {
                    (Some(status), _) => (status, json!({ "message": "no token for you" })),
                    (None, Ok(audience)) => {
                        (200, json!({ "value": token(&subject, &audience, number), "count": 1 }))
                    }
                    (None, Err(why)) => (400, json!({ "message": why })),
                };
                let body = body.to_string();
                let answer = format!(
                    "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                // Who asked may be gone.
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { port, asked }
    }

    /// What GitHub's runner sets in a job that may ask for tokens.
    fn variables(&self) -> Vec<(String, String)> {
        let url = format!("http://127.0.0.1:{}/token/7001?api-version=2.0&job=a%2Bb", self.port);
        [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_REPOSITORY", "acme/shop"),
            ("GITHUB_RUN_ID", "7001"),
            ("ACTIONS_ID_TOKEN_REQUEST_URL", &url),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    fn asked(&self) -> usize {
        self.asked.lock().expect("no panic").len()
    }
}

/// The audience of a request as GitHub wants it: the query that was there is kept, and the job's token is sent.
fn audience(head: &str) -> Result<String, String> {
    let line = head.lines().next().unwrap_or_default();
    let rest = line.strip_prefix("GET /token/7001?api-version=2.0&job=a%2Bb&audience=");
    let rest = rest
        .and_then(|rest| rest.strip_suffix(" HTTP/1.1"))
        .ok_or_else(|| format!("not a request: {line}"))?;
    let sent = head.lines().filter_map(|line| line.split_once(':'));
    let sent = sent.filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let bearers: Vec<_> = sent.filter_map(|(_, value)| value.trim().split_once(' ')).collect();
    match bearers.as_slice() {
        [(scheme, token)] if scheme.eq_ignore_ascii_case("bearer") && *token == REQUEST_TOKEN => {
            Ok(rest.to_owned())
        }
        other => Err(format!("not authorized: {other:?}")),
    }
}

/// An account with the service `web`, GitHub's provider, and a role that jobs on the branch `main` may assume.
async fn account() -> Sandbox {
    let sandbox = Sandbox::start(Options { speed: 200.0, ..Options::default() }).await.expect("it starts");
    sandbox.create_cluster("demo");
    serve(&sandbox, &definition(&json!({ "image": seeded_image(&sandbox) })), &json!({}));
    sandbox.put_identity_provider(ISSUER, &["sts.amazonaws.com"]);
    sandbox.put_role(ROLE, trust(&[BY_NAME, BY_ID]));
    sandbox
}

/// The sandbox's variables without its credentials: a login has to bring them.
fn without_credentials(sandbox: &Sandbox) -> Vec<(String, String)> {
    let mut variables = sandbox.environment();
    variables.retain(|(name, _)| !name.contains("KEY"));
    variables.push(("LANDFALL_REGISTRY_ENDPOINT".to_owned(), sandbox.endpoint()));
    variables
}

async fn landfall(sandbox: &Sandbox, args: &[&str], variables: &[(String, String)]) -> Ran {
    let all = [args, &["--cluster", "demo", "--service", "web"]].concat();
    let folder = tempfile::tempdir().expect("a folder");
    let landfall =
        Landfall::new(&all).envs(&without_credentials(sandbox)).envs(variables).in_folder(folder.path());
    tokio::task::spawn_blocking(move || landfall.run()).await.expect("it ran")
}

/// `landfall status` as a job of GitHub Actions that assumes the role.
async fn status(sandbox: &Sandbox, endpoint: &Endpoint, more: &[&str]) -> Ran {
    let args = [&["status", "--role-to-assume", ROLE, "--output", "plain"], more].concat();
    let ran = landfall(sandbox, &args, &endpoint.variables()).await;
    tells_nothing(&ran);
    ran
}

/// No token and no credentials stand in what was written, but in commands that hide them.
#[track_caller]
fn tells_nothing(ran: &Ran) {
    let (stdout, stderr) = (ran.stdout(), ran.stderr());
    let shown = stderr.lines().filter(|line| !line.starts_with("::add-mask::")).chain(stdout.lines());
    for line in shown {
        for secret in ["canary", "eyJ", "session-secret", "session-token", "ASIASANDBOX"] {
            assert!(!line.contains(secret), "{secret} is shown: {}", ran.all());
        }
    }
}

/// An access key, where a call was signed.
type Key = Option<String>;

/// The calls of STS by name, and which key signed each; then which keys signed everything else but what went to the
/// registry, which has logins of its own.
fn signed(calls: &[ApiCall]) -> (Vec<(String, Key)>, Vec<Key>) {
    let is_login = |call: &&ApiCall| call.operation.starts_with("AssumeRole");
    let logins = calls.iter().filter(is_login).map(|call| (call.operation.clone(), call.access_key.clone()));
    let others = calls.iter().filter(|call| !is_login(call) && call.service != "registry");
    let mut others: Vec<_> = others.map(|call| call.access_key.clone()).collect();
    others.sort();
    others.dedup();
    (logins.collect(), others)
}

fn session(number: u32) -> Option<String> {
    Some(format!("ASIASANDBOX{number:09}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_deploys_with_nothing_but_a_role() {
    let sandbox = account().await;
    let endpoint = Endpoint::start(BY_ID, &[]);
    let record = tempfile::NamedTempFile::new().expect("a file");
    let path = record.path().to_str().expect("UTF-8");
    let args = ["deploy", "--env", "A=2", "--role-to-assume", ROLE, "-vv", "--record", path];
    let ran = landfall(&sandbox, &args, &endpoint.variables()).await.expect_code(0);
    tells_nothing(&ran);
    let recorded = std::fs::read_to_string(path).expect("read");
    assert!(!recorded.contains("canary") && !recorded.contains("session-"), "{recorded}");

    let (logins, others) = signed(&sandbox.calls());
    assert_eq!(logins, [("AssumeRoleWithWebIdentity".to_owned(), None)], "one login, which is not signed");
    assert_eq!(others, [session(1)]);
    assert_eq!(endpoint.asked(), 1);
    // The job's log hides all of it, before anything is told.
    let token = token(BY_ID, "sts.amazonaws.com", 1);
    for secret in
        [REQUEST_TOKEN, &token, "ASIASANDBOX000000001", "session-secret-000000001", "session-token-000000001"]
    {
        assert!(ran.stderr().contains(&format!("::add-mask::{secret}\n")), "{secret}: {}", ran.all());
    }
    let ran = status(&sandbox, &endpoint, &["-v"]).await.expect_code(0);
    assert!(ran.all().contains("sts:AssumeRoleWithWebIdentity"), "{}", ran.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trust_policy_that_is_wrong_is_told_with_the_condition_that_fits() {
    let sandbox = account().await;
    sandbox.put_role(ROLE, trust(&["repo:acme/shop:environment:production"]));
    let endpoint = Endpoint::start(BY_ID, &[]);
    let said = status(&sandbox, &endpoint, &[]).await.expect_code(8).all().replace('\n', " ");
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        &format!("sub {BY_ID}"),
        "aud sts.amazonaws.com",
        &format!("\"{BY_NAME}\""),
        "has no role deploy, which cannot be told",
    ] {
        assert!(said.contains(part), "{part}\nis not in\n{said}");
    }

    // A role that is not there has the same answer.
    let args = ["status", "--role-to-assume", SECOND];
    let said = landfall(&sandbox, &args, &endpoint.variables()).await.expect_code(8).all();
    assert!(said.contains("Not authorized to perform sts:AssumeRoleWithWebIdentity"), "{said}");

    // What Landfall prints as a trust policy lets both forms of the subject in, and no other.
    let args = ["iam-policy", "--trust", "github", "--repository", "acme/shop", "--branch", "main"];
    let ids = ["--owner-id", "65", "--repository-id", "74", "--account", "000000000000"];
    let printed = Landfall::new(&[&args[..], &ids].concat()).run().expect_code(0).stdout();
    sandbox.put_role(ROLE, serde_json::from_str(&printed).expect("JSON alone"));
    for (subject, code) in [
        (BY_NAME, 0),
        (BY_ID, 0),
        ("repo:acme/shop:ref:refs/heads/other", 8),
        ("repo:acme/shop:pull_request", 8),
    ] {
        status(&sandbox, &Endpoint::start(subject, &[]), &[]).await.expect_code(code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sts_refuses_is_told_with_what_to_do() {
    let sandbox = account().await;
    let endpoint = Endpoint::start(BY_NAME, &[]);
    let table = [
        ("IDPRejectedClaim", "Claim rejected", "Let the trust policy of role deploy"),
        ("InvalidIdentityToken", "Couldn't retrieve verification key", "run the job again"),
        ("MalformedPolicyDocument", "syntax", "sends no session policy"),
        ("PackedPolicyTooLarge", "packed 120%", "shorter session tags"),
        (
            "RegionDisabledException",
            "STS is not activated",
            "Activate STS for us-east-1 in account 000000000000",
        ),
        ("ValidationError", "odd", "--role-session-name"),
    ];
    for (code, message, hint) in table {
        sandbox.refuse_login(code, message);
        let said = status(&sandbox, &endpoint, &[]).await.expect_code(8).all();
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(code) && said.contains(message) && said.contains(hint), "{code}: {said}");
    }
    // The account's provider has another audience, or is not there.
    let said = status(&sandbox, &endpoint, &["--oidc-audience", "elsewhere"]).await.expect_code(8).all();
    assert!(said.contains("Incorrect token audience") && said.contains("--client-id elsewhere"), "{said}");
    let said = status(&sandbox, &endpoint, &["--role-duration", "2h"]).await.expect_code(8).all();
    assert!(said.contains("--max-session-duration 7200"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_repeated_is_repeated() {
    let sandbox = account().await;
    let endpoint = Endpoint::start(BY_NAME, &[]);
    sandbox.refuse_login("ExpiredTokenException", "Token expired");
    status(&sandbox, &endpoint, &[]).await.expect_code(0);
    assert_eq!(endpoint.asked(), 2, "with a new token");
    for _ in 0..2 {
        sandbox.refuse_login("ExpiredTokenException", "Token expired");
    }
    let said = status(&sandbox, &endpoint, &[]).await.expect_code(8).all();
    assert!(said.contains("A new token was refused as well"), "{said}");
    assert_eq!(endpoint.asked(), 4, "once");

    let asked = signed(&sandbox.calls()).0.len();
    sandbox.refuse_login("IDPCommunicationError", "The provider did not answer");
    status(&sandbox, &endpoint, &[]).await.expect_code(0);
    assert_eq!(signed(&sandbox.calls()).0.len(), asked + 2);
    status(&sandbox, &Endpoint::start(BY_NAME, &[503]), &[]).await.expect_code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_a_token_is_told_which_permission_it_lacks() {
    let sandbox = account().await;
    let yaml = "permissions: { id-token: write, contents: read }";
    for status_code in [401, 403] {
        let endpoint = Endpoint::start(BY_NAME, &[status_code]);
        let said = status(&sandbox, &endpoint, &[]).await.expect_code(8).all();
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(&format!("HTTP status {status_code}")) && said.contains(yaml), "{said}");
        assert_eq!(endpoint.asked(), 1, "it is not repeated");
    }
    let variables = vec![("GITHUB_ACTIONS".to_owned(), "true".to_owned())];
    let ran = landfall(&sandbox, &["status", "--role-to-assume", ROLE], &variables).await.expect_code(2);
    let said = ran.all();
    assert!(said.contains("ACTIONS_ID_TOKEN_REQUEST_URL") && said.contains(yaml), "{said}");
    assert_eq!(sandbox.calls(), [], "nothing was asked of AWS");
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_are_assumed_one_from_the_other() {
    let sandbox = account().await;
    let of_first = |action: &[&str]| {
        json!({ "Statement": {
            "Effect": "Allow",
            "Principal": { "AWS": "arn:aws:iam::000000000000:role/deploy" },
            "Action": action,
            "Condition": { "StringEquals": { "sts:ExternalId": "shop-7" } },
        }})
    };
    sandbox.put_role(SECOND, of_first(&["sts:AssumeRole"]));
    let endpoint = Endpoint::start(BY_NAME, &[]);
    let chain = ["--role-to-assume", SECOND, "--role-external-id", "shop-7"];
    status(&sandbox, &endpoint, &chain).await.expect_code(0);
    let (logins, others) = signed(&sandbox.calls());
    let expected = [("AssumeRoleWithWebIdentity", None), ("AssumeRole", session(1))];
    assert_eq!(logins, expected.map(|(name, key)| (name.to_owned(), key)));
    assert_eq!(others, [session(2)]);

    let tags = ["--role-session-tags", "team=web,stage=production"];
    let said = status(&sandbox, &endpoint, &[&chain[..], &tags].concat()).await.expect_code(8).all();
    assert!(said.contains("Allow sts:TagSession"), "{said}");
    sandbox.put_role(SECOND, of_first(&["sts:AssumeRole", "sts:TagSession"]));
    status(&sandbox, &endpoint, &[&chain[..], &tags].concat()).await.expect_code(0);
    let said = status(&sandbox, &endpoint, &["--role-to-assume", SECOND]).await.expect_code(8).all();
    assert!(said.contains("Allow the role before it") && said.contains("--role-external-id"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn elsewhere_the_credentials_that_are_there_or_a_file_do() {
    let sandbox = account().await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), format!("{}\n", token(BY_NAME, "sts.amazonaws.com", 1))).expect("written");
    let path = file.path().to_str().expect("UTF-8");
    let args = ["status", "--role-to-assume", ROLE, "--web-identity-token-file", path];
    tells_nothing(&landfall(&sandbox, &args, &[]).await.expect_code(0));
    let account_itself = json!({ "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::000000000000:root" }, "Action": "sts:AssumeRole",
    }]});
    sandbox.put_role(SECOND, account_itself);
    let args = ["status", "--role-to-assume", SECOND];
    tells_nothing(&landfall(&sandbox, &args, &sandbox.environment()).await.expect_code(0));
    let (logins, others) = signed(&sandbox.calls());
    let expected =
        [("AssumeRoleWithWebIdentity", None), ("AssumeRole", Some("AKIASANDBOXSANDBOX00".to_owned()))];
    assert_eq!(logins, expected.map(|(name, key)| (name.to_owned(), key)));
    assert_eq!(others, [session(1), session(2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_about_to_end_is_replaced_within_a_run() {
    let sandbox = account().await;
    // The sandbox's clock is ten minutes behind at first.
    sandbox.set_session_life(Duration::from_secs(600 + 60));
    let endpoint = Endpoint::start(BY_NAME, &[]);
    let ran = status(&sandbox, &endpoint, &[]).await.expect_code(0);
    assert!(endpoint.asked() > 1, "{}", ran.all());
    let tokens: Vec<_> =
        ran.stderr().lines().filter(|line| line.contains("signature-canary-")).map(str::to_owned).collect();
    assert_eq!(tokens.len(), endpoint.asked(), "each one is hidden: {}", ran.all());
}

/// The SDK's clients ask anew minutes before the end of a session, with the token that is there then.
#[tokio::test(start_paused = true)]
async fn a_session_is_replaced_ahead_of_its_end() {
    let account = InProcess::new(Options { speed: 1.0, ..Options::default() });
    account.put_identity_provider(ISSUER, &["sts.amazonaws.com"]);
    account.put_role(ROLE, trust(&[BY_NAME]));
    let began = (tokio::time::Instant::now(), account.time());
    let clock = move || {
        let now = Duration::from_micros(began.1.as_micros()) + began.0.elapsed();
        SystemTime::UNIX_EPOCH + now
    };
    let file = tempfile::NamedTempFile::new().expect("a file");
    let give =
        |number| std::fs::write(file.path(), token(BY_NAME, "sts.amazonaws.com", number)).expect("written");
    give(1);
    let settings = LoginSettings {
        roles: vec![ROLE.to_owned()],
        first: FirstStep::File(file.path().to_owned()),
        session_name: "test".to_owned(),
        duration: None,
        external_id: None,
        tags: Vec::new(),
    };
    let wire = Wire::new(account, 1);
    let settings = AwsSettings {
        region: Some("us-east-1".to_owned()),
        http: Some(SharedHttpClient::new(wire.clone())),
        login: Some(Login::by_clock(Ok(settings), None, clock)),
        ..AwsSettings::default()
    };
    let logins = || {
        let calls = wire.calls().into_iter().filter(|call| call.operation == "AssumeRoleWithWebIdentity");
        calls
            .map(|call| String::from_utf8_lossy(&call.body).contains("signature-canary-2"))
            .collect::<Vec<_>>()
    };
    let aws = Aws::connect(settings.clone()).await.expect("a login");
    let other = Aws::connect(settings).await.expect("the same login");
    aws.account().await.expect("an answer");
    give(2);
    tokio::time::advance(Duration::from_secs(54 * 60)).await;
    aws.account().await.expect("an answer");
    other.account().await.expect("an answer");
    assert_eq!(logins(), [false], "it still lasts");
    // The SDK's cache asks somewhere between five and two and a half minutes ahead.
    tokio::time::advance(Duration::from_secs(4 * 60)).await;
    aws.account().await.expect("an answer");
    other.account().await.expect("an answer");
    assert_eq!(logins(), [false, true], "one login for all clients, with the new token");
}
