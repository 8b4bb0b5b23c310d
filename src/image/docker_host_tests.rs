use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::error::ErrorKind;

fn options(host: &str) -> DockerOptions {
    DockerOptions { host: Some(host.to_owned()), ..DockerOptions::default() }
}

/// What the client speaks to.
fn base(host: &DockerHost) -> String {
    host.connect(Client::builder()).unwrap().1
}

/// Docker's folder with a context, as `docker context create` writes it.
fn with_context(name: &str, endpoint: serde_json::Value) -> (TempDir, DockerOptions, String) {
    let dir = tempfile::tempdir().unwrap();
    let id = digest::of(name.as_bytes()).replace("sha256:", "");
    let meta = dir.path().join("contexts/meta").join(&id);
    std::fs::create_dir_all(&meta).unwrap();
    let document = json!({"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}});
    std::fs::write(meta.join("meta.json"), document.to_string()).unwrap();
    let options = DockerOptions {
        context: Some(name.to_owned()),
        config_folder: Some(dir.path().to_owned()),
        ..DockerOptions::default()
    };
    (dir, options, id)
}

#[test]
fn docker_host_goes_before_the_context() {
    let (_dir, mut options, _) = with_context("remote", json!({"Host": "tcp://remote.test:1234"}));
    assert_eq!(base(&DockerHost::resolve(&options).unwrap()), "http://remote.test:1234");
    options.host = Some("tcp://127.0.0.1:9".to_owned());
    assert_eq!(base(&DockerHost::resolve(&options).unwrap()), "http://127.0.0.1:9");
}

#[test]
fn docker_context_goes_before_the_current_one() {
    let (dir, mut options, _) = with_context("remote", json!({"Host": "tcp://remote.test:1234"}));
    std::fs::write(dir.path().join("config.json"), r#"{"currentContext":"remote"}"#).unwrap();
    options.context = None;
    let current = DockerHost::resolve(&options).unwrap();
    assert_eq!(current.to_string(), "tcp://remote.test:1234 (context `remote`)");
    options.context = Some("default".to_owned());
    let socket = DockerHost::resolve_among(&options, &|_| true).unwrap();
    assert_eq!(socket.to_string(), "unix:///var/run/docker.sock");
    options.context = Some("nope".to_owned());
    let error = DockerHost::resolve(&options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("`nope`") && error.hint_text().unwrap().contains("docker context ls"));
}

#[test]
fn the_folder_of_a_context_is_the_hash_of_its_name() {
    let (_dir, _, id) = with_context("desktop-linux", json!({}));
    assert_eq!(id, "fe9c6bd7a66301f49ca9b6a70b217107cd1284598bfc254700c989b916da791e");
}

#[test]
fn a_context_that_names_no_engine_is_an_error() {
    for endpoint in [json!({}), json!("tcp://x"), json!({"Host": "ssh://ada@build.test"})] {
        let (_dir, options, _) = with_context("odd", endpoint);
        let error = DockerHost::resolve(&options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains("Docker context `odd`"), "{error}");
        assert!(error.hint_text().unwrap().contains("DOCKER_HOST"));
    }
    let (dir, mut options, _) = with_context("odd", json!({}));
    std::fs::write(dir.path().join("config.json"), "{").unwrap();
    options.context = None;
    assert!(DockerHost::resolve(&options).unwrap_err().to_string().contains("config.json"));
}

#[test]
fn without_a_context_the_first_socket_that_exists_is_meant() {
    let options = DockerOptions { runtime_dir: Some("/run/user/7".into()), ..DockerOptions::default() };
    let (docker, rootless, podman) =
        ("/var/run/docker.sock", "/run/user/7/podman/podman.sock", "/run/podman/podman.sock");
    for (there, expected) in [
        (vec![docker, rootless, podman], docker),
        (vec![rootless, podman], rootless),
        (vec![podman], podman),
        (vec![], docker),
    ] {
        let exists = |path: &Path| there.iter().any(|socket| Path::new(socket) == path);
        let host = DockerHost::resolve_among(&options, &exists).unwrap();
        assert_eq!(host.to_string(), format!("unix://{expected}"));
        assert_eq!(host.address, Address::Socket(expected.into()));
    }
}

#[test]
fn addresses_are_read_as_docker_reads_them() {
    for (written, expected) in [
        ("unix:///tmp/x.sock", "http://docker"),
        ("tcp://build.test:2375", "http://build.test:2375"),
        ("tcp://build.test", "http://build.test:2375"),
        ("tcp://[::1]/prefix/", "http://[::1]:2375/prefix"),
        ("http://build.test:80/", "http://build.test"),
        ("https://build.test", "https://build.test"),
    ] {
        assert_eq!(base(&DockerHost::resolve(&options(written)).unwrap()), expected, "{written}");
    }
}

#[test]
fn what_cannot_be_spoken_to_says_what_to_do_instead() {
    for (written, expected) in [
        ("ssh://ada@build.test", "ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock ada@build.test"),
        ("npipe:////./pipe/docker_engine", "tcp://HOST:PORT"),
        ("/var/run/docker.sock", "unix://PATH"),
        ("unix://relative.sock", "unix://PATH"),
        ("fd://", "unix://PATH"),
        ("tcp://", "tcp://HOST:PORT"),
    ] {
        let error = DockerHost::resolve(&options(written)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains(written), "{error}");
        assert!(error.to_string().contains("DOCKER_HOST"), "{error}");
        assert!(error.hint_text().unwrap().contains(expected), "{:?}", error.hint_text());
    }
}

#[test]
fn tls_of_the_environment_is_for_tcp() {
    let folder = tempfile::tempdir().unwrap();
    let secured = |written: &str| DockerOptions {
        tls_verify: true,
        config_folder: Some(folder.path().to_owned()),
        ..options(written)
    };
    let host = DockerHost::resolve(&secured("tcp://build.test")).unwrap();
    assert_eq!(base(&host), "https://build.test:2376");
    assert_eq!(host.tls, Some(Tls { folder: Some(folder.path().to_owned()), verify: true }));
    for written in ["unix:///tmp/x.sock", "http://build.test"] {
        assert_eq!(DockerHost::resolve(&secured(written)).unwrap().tls, None, "{written}");
    }
    let missing =
        DockerOptions { cert_path: Some(folder.path().join("nope")), ..secured("tcp://build.test") };
    let error = DockerHost::resolve(&missing).unwrap_err();
    assert!(error.to_string().contains("DOCKER_CERT_PATH") && error.to_string().contains("nope"), "{error}");
}

#[test]
fn tls_of_a_context_is_beside_it() {
    let (dir, options, id) = with_context("safe", json!({"Host": "tcp://build.test:2376"}));
    assert_eq!(DockerHost::resolve(&options).unwrap().tls, None);
    let material = dir.path().join("contexts/tls").join(&id).join("docker");
    std::fs::create_dir_all(&material).unwrap();
    let host = DockerHost::resolve(&options).unwrap();
    assert_eq!(host.tls, Some(Tls { folder: Some(material), verify: true }));
    assert_eq!(base(&host), "https://build.test:2376");

    let unverified = json!({"Host": "tcp://build.test:2376", "SkipTLSVerify": true});
    let (_dir, options, _) = with_context("unsafe", unverified);
    let host = DockerHost::resolve(&options).unwrap();
    assert_eq!(host.tls, Some(Tls { folder: None, verify: false }));
}

#[test]
fn tls_material_that_cannot_be_used_is_named() {
    for (files, expected) in [
        (vec!["ca.pem"], "ca.pem"),
        (vec!["cert.pem"], "cert.pem"),
        (vec!["key.pem"], "key.pem"),
        (vec!["cert.pem", "key.pem"], "cert.pem"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let damaged = "-----BEGIN CERTIFICATE-----\ncanary-7f3a\n-----END CERTIFICATE-----\n";
            std::fs::write(folder.path().join(file), damaged).unwrap();
        }
        let options = DockerOptions {
            tls_verify: true,
            cert_path: Some(folder.path().to_owned()),
            ..options("tcp://build.test")
        };
        let error = DockerHost::resolve(&options).unwrap().connect(Client::builder()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains(expected), "{expected}: {error}");
        assert!(!format!("{error:?}").contains("canary") && error.hint_text().is_some(), "{error:?}");
    }
}
