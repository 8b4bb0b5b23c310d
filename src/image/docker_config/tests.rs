use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::error::ErrorKind;

/// A folder with `config.json`, and with credential helpers that are shell scripts.
struct Home(TempDir);

impl Home {
    fn new(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.json"), config).unwrap();
        Self(dir)
    }

    /// Another process writes the script: a test that starts a program at this moment would else hold the file
    /// open for writing, and then it cannot be run.
    fn helper(self, name: &str, script: &str) -> Self {
        let path = self.0.path().join(format!("docker-credential-{name}"));
        let mut writer = Command::new("sh")
            .args(["-c", r#"cat > "$0" && chmod +x "$0""#])
            .arg(path)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        writer.stdin.take().unwrap().write_all(format!("#!/bin/sh\n{script}\n").as_bytes()).unwrap();
        assert!(writer.wait().unwrap().success());
        self
    }

    fn logins(&self) -> Logins {
        Logins {
            files: vec![self.0.path().join("config.json")],
            search_path: Some(self.0.path().as_os_str().to_owned()),
        }
    }

    async fn find(&self, reference: &str) -> Result<Option<String>> {
        look_up(&self.logins(), reference).await
    }
}

async fn look_up(logins: &Logins, reference: &str) -> Result<Option<String>> {
    let (host, repository) = reference.split_once('/').unwrap_or((reference, "app"));
    Ok(logins.find(host, repository).await?.map(|found| match found {
        Credentials::Login { user, password } => format!("{user}/{}", password.expose()),
        Credentials::IdentityToken(token) => format!("token {}", token.expose()),
    }))
}

async fn find(config: &str, reference: &str) -> Result<Option<String>> {
    Home::new(config).find(reference).await
}

#[tokio::test]
async fn credentials_are_found_under_every_form_of_the_host() {
    let auth = STANDARD.encode("AWS:pass:word");
    for key in ["localhost:5000", "https://localhost:5000", "http://localhost:5000/v2/"] {
        let config = format!(r#"{{"auths":{{"{key}":{{"auth":"{auth}"}}}},"HttpHeaders":{{}}}}"#);
        assert_eq!(find(&config, "localhost:5000").await.unwrap().as_deref(), Some("AWS/pass:word"));
        assert_eq!(find(&config, "localhost:5001").await.unwrap(), None);
    }
    let hub = format!(r#"{{"auths":{{"https://index.docker.io/v1/":{{"auth":"{auth}"}}}}}}"#);
    assert!(find(&hub, "docker.io").await.unwrap().is_some());
    let plain = r#"{"auths":{"a.example":{"username":"u","password":"p"}}}"#;
    assert_eq!(find(plain, "a.example").await.unwrap().as_deref(), Some("u/p"));
}

#[tokio::test]
async fn the_longest_key_that_fits_counts() {
    let config = r#"{"auths":{
        "a.example":{"username":"host","password":"p"},
        "a.example/team":{"username":"team","password":"p"},
        "a.example/team/app":{"username":"app","password":"p"},
        "b.example/team":{"username":"team","password":"p"}}}"#;
    for (reference, expected) in [
        ("a.example/team/app", Some("app/p")),
        ("a.example/team/app/x", Some("app/p")),
        ("a.example/team/other", Some("team/p")),
        ("a.example/teams", Some("host/p")),
        ("b.example/team/app", Some("team/p")),
        ("b.example/other", None),
    ] {
        assert_eq!(find(config, reference).await.unwrap().as_deref(), expected, "{reference}");
    }
}

#[tokio::test]
async fn an_identity_token_counts_more_than_the_name_beside_it() {
    let auth = STANDARD.encode("00000000-0000-0000-0000-000000000000:");
    let config = format!(r#"{{"auths":{{"a.example":{{"auth":"{auth}","identitytoken":"abc"}}}}}}"#);
    assert_eq!(find(&config, "a.example").await.unwrap().as_deref(), Some("token abc"));
}

#[tokio::test]
async fn the_first_file_that_has_a_login_counts() {
    let (docker, podman) = (
        Home::new(r#"{"auths":{"a.example":{"username":"docker","password":"p"}}}"#),
        Home::new(
            r#"{"auths":{"a.example":{"username":"podman","password":"p"},"b.example":{"username":"podman","password":"p"}}}"#,
        ),
    );
    let none = tempfile::tempdir().unwrap();
    let files =
        [none.path().join("config.json"), docker.logins().files.remove(0), podman.logins().files.remove(0)];
    let logins = Logins { files: files.to_vec(), search_path: None };
    assert_eq!(look_up(&logins, "a.example").await.unwrap().as_deref(), Some("docker/p"));
    assert_eq!(look_up(&logins, "b.example").await.unwrap().as_deref(), Some("podman/p"));
    assert_eq!(look_up(&logins, "c.example").await.unwrap(), None);
    assert_eq!(look_up(&Logins::default(), "a.example").await.unwrap(), None);
}

#[tokio::test]
async fn a_damaged_file_is_a_clear_error_that_shows_no_secret() {
    for config in [
        "{",
        r#"{"auths":{"a.example":{"auth":"canary-7f3a!"}}}"#,
        r#"{"auths":{"a.example":"canary-7f3a"}}"#,
        r#"{"auths":{"a.example":{"auth":"Y2FuYXJ5LTdmM2E="}}}"#,
    ] {
        let error = find(config, "a.example").await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains("config.json") && !text.contains("canary"), "{text}");
        assert!(error.hint_text().is_some());
    }
}

/// Answers with its name and with what it was asked.
const ECHO: &str = r#"read server; printf '{"ServerURL":"%s","Username":"%s","Secret":"%s"}' "$server" "${0##*-}" "$1 $server""#;

#[tokio::test]
async fn the_helper_of_a_host_goes_before_the_store_and_the_store_before_the_file() {
    let config = r#"{"credsStore":"store","credHelpers":{"b.example":"own","c.example":"","d.example/team":"own"},
        "auths":{"a.example":{"username":"file","password":"p"},"c.example":{"username":"file","password":"p"}}}"#;
    let home = Home::new(config).helper("store", ECHO).helper("own", ECHO);
    for (reference, expected) in [
        ("a.example", "store/get a.example"),
        ("b.example", "own/get b.example"),
        ("c.example", "file/p"),
        ("d.example/team/app", "own/get d.example/team"),
        ("docker.io/library/app", "store/get https://index.docker.io/v1/"),
    ] {
        assert_eq!(home.find(reference).await.unwrap().as_deref(), Some(expected), "{reference}");
    }
}

#[tokio::test]
async fn a_helper_that_has_nothing_leaves_it_to_the_file() {
    let config =
        r#"{"credsStore":"empty","auths":{"a.example":{"username":"file","password":"p"},"b.example":{}}}"#;
    for script in [
        "echo 'credentials not found in native keychain'; exit 1",
        r#"echo '{"ServerURL":"a","Username":"","Secret":""}'"#,
    ] {
        let home = Home::new(config).helper("empty", script);
        assert_eq!(home.find("a.example").await.unwrap().as_deref(), Some("file/p"));
        assert_eq!(home.find("b.example").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_helper_may_have_an_identity_token() {
    let home = Home::new(r#"{"credsStore":"token"}"#)
        .helper("token", r#"cat > /dev/null; echo '{"Username":"<token>","Secret":"abc"}'"#);
    assert_eq!(home.find("a.example").await.unwrap().as_deref(), Some("token abc"));
}

#[tokio::test]
async fn a_helper_that_fails_is_named_and_shows_no_secret() {
    for (script, expected) in [
        ("echo 'the vault is locked'; exit 3", "the vault is locked"),
        ("echo 'no display' >&2; exit 1", "no display"),
        (r#"echo '{"Username":"u","Secret":"canary-7f3a"}'; exit 1"#, "exit status: 1"),
        (r#"echo '"canary-7f3a"'"#, "not JSON"),
        (r#"echo '{"Username":"u","Secret":{"canary-7f3a":1}}'"#, "not JSON"),
        ("kill -9 $$", "signal: 9"),
    ] {
        let home = Home::new(r#"{"credsStore":"broken"}"#).helper("broken", script);
        let error = home.find("a.example").await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert_eq!(error.kind(), ErrorKind::Registry, "{text}");
        assert!(text.contains("`docker-credential-broken`") && text.contains("a.example"), "{text}");
        assert!(text.contains(expected) && !text.contains("canary"), "{text}");
        assert!(error.hint_text().unwrap().contains("docker-credential-broken get"));
    }
}

#[tokio::test]
async fn a_helper_that_is_not_installed_is_named() {
    let home =
        Home::new(r#"{"credsStore":"absent","credHelpers":{"b.example":"../outside","c.example":"file"}}"#);
    std::fs::write(home.0.path().join("docker-credential-file"), "#!/bin/sh\nexit 1\n").unwrap();
    for (host, program) in [
        ("a.example", "docker-credential-absent"),
        ("b.example", "docker-credential-../outside"),
        ("c.example", "docker-credential-file"),
    ] {
        for logins in [home.logins(), Logins { search_path: None, ..home.logins() }] {
            let error = look_up(&logins, host).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            let text = error.to_string();
            assert!(text.contains(program) && text.contains("config.json") && text.contains(host), "{text}");
            assert!(error.hint_text().unwrap().contains("PATH"));
        }
    }
}

#[tokio::test]
async fn a_helper_that_hangs_is_given_up() {
    let home = Home::new("{}").helper("hanging", "exec sleep 1000");
    let logins = home.logins();
    let search_path = logins.search_path.as_deref();
    let limit = Duration::from_millis(50);
    let found = helper::get_within(limit, "hanging", "a.example", search_path, &logins.files[0]).await;
    let error = found.unwrap_err();
    assert!(error.to_string().contains("docker-credential-hanging"), "{error}");
    assert!(error.to_string().contains("did not answer"), "{error}");
}
