//! Fifty planted values, and every way in which a run can speak: none of them is said (design 8).

use std::collections::HashMap;
use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use landfall::config::{Overrides, load};
use landfall_envfile::{EnvFile, Options};

use crate::sandbox::LongLived;
use crate::support::{Landfall, Ran, root};

/// Part of every planted value, and of nothing else.
const CANARY: &str = "c4n4ry";

/// Lines that a deployment accepts, in all the ways in which a value can be written.
fn planted() -> String {
    let mut text = String::from("\u{feff}");
    for number in 0..50 {
        let value = format!("{CANARY}{number:02}");
        let line = match number % 17 {
            0 => format!("PLAIN{number}={value}-{value}"),
            1 => format!("QUOTED{number}=\"{value} {value}\""),
            2 => format!("SINGLE{number}='{value} # {value}'"),
            3 => format!("NOTED{number}={value} # {value}"),
            4 => format!("SPACED{number} =  {value}  "),
            5 => format!("export EXPORTED{number}={value}"),
            6 => format!("REFERENCE{number}=${{PLAIN0}}{value}$HOME"),
            7 => format!("URL{number}=postgres://app:{value}-pw@db.example:5432/{value}"),
            8 => format!("DB_PASSWORD{number}={value}-h4rd-t0-gu3ss"),
            9 => format!("JSON{number}={{\"key\": \"{value}\"}}"),
            10 => format!("BASE64{number}={value}QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=="),
            11 => format!("LONG{number}={}", value.repeat(500)),
            12 => format!("UNICODE{number}={value}-épée-{value}"),
            13 => format!("COMMAND{number}=::warning::{value}"),
            14 => format!("PERCENT{number}=100%25{value}%0A::error::{value}"),
            15 => format!("BACKSLASH{number}=C:\\new\\{value}"),
            _ => format!("# {value}\nspring.{number}.key={value}"),
        };
        writeln!(text, "{line}").expect("written");
    }
    text
}

struct Stage {
    folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["work", "tmp", "cache", "home"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let stage = Self { folder };
        stage.write("canary.env", planted().as_bytes());
        let image = root().join("examples/hello/image");
        let config = format!(
            "version: 1\nregion: us-east-1\ncluster: demo\nenv_store: s3://demo-deploy-env/prod\nservices:\n  hello:\n    containers:\n      web:\n        image: {{ from: 'oci:{}', to: '123456789012.dkr.ecr.us-east-1.amazonaws.com/hello:v1' }}\n        env_file: canary.env\n        environment: {{ DIRECT_TOKEN: '{CANARY}-direct' }}\n",
            image.display()
        );
        stage.write("landfall.yml", config.as_bytes());
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("work").join(name)
    }

    fn write(&self, name: &str, content: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    }

    /// Where whatever it leaves behind is found.
    fn landfall(&self, args: &[&str]) -> Landfall {
        let folder = |name: &str| self.folder.path().join(name).to_str().expect("UTF-8").to_owned();
        Landfall::new(args)
            .env("TMPDIR", &folder("tmp"))
            .env("LANDFALL_CACHE_DIR", &folder("cache"))
            .env("HOME", &folder("home"))
            .in_folder(&self.path(""))
    }

    /// Nothing that was printed and no file that was left behind has a canary in it.
    fn silent(&self, ran: &Ran, allowed: &[&str]) {
        let what = ran.all();
        let shown = what.lines().filter(|line| line.contains(CANARY)).count();
        assert_eq!(shown, 0, "{}", what.replace(CANARY, "<canary>"));
        self.files_are_silent(allowed);
    }

    fn files_are_silent(&self, allowed: &[&str]) {
        let allowed: Vec<PathBuf> =
            ["canary.env", "landfall.yml"].iter().chain(allowed).map(|name| self.path(name)).collect();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else if !allowed.contains(&path) {
                    let content = std::fs::read(&path).expect("a file");
                    let found = content.windows(CANARY.len()).any(|piece| piece == CANARY.as_bytes());
                    assert!(!found, "a value is in {}", path.display());
                }
            }
        }
    }
}

#[test]
fn a_deployment_says_none_however_it_ends() {
    let stage = Stage::new();
    for (scenario, output) in [
        ("healthy", "human"),
        ("healthy", "json"),
        ("slow", "github"),
        ("image-not-found", "plain"),
        ("crash-loop", "github"),
        ("unhealthy-target", "human"),
        ("env-file-denied", "plain"),
        ("throttled", "json"),
        ("superseded", "plain"),
        ("breaker-rollback", "json"),
    ] {
        let sandbox = format!("--sandbox={scenario}");
        let args = [
            "deploy",
            &sandbox,
            "--sandbox-speed",
            "200",
            "--output",
            output,
            "-vv",
            "--record",
            "run.ndjson",
        ];
        let ran = stage.landfall(&args).run();
        assert!(
            ran.all().contains("env-credential"),
            "{scenario}: {}",
            ran.all().replace(CANARY, "<canary>")
        );
        stage.silent(&ran, &[]);
    }
    for output in ["human", "plain", "json", "github"] {
        let args = ["deploy", "--sandbox", "--dry-run", "--output", output, "-vv", "-e", "FLAG=c4n4ry-flag"];
        let ran = stage.landfall(&args).run().expect_code(0);
        assert!(ran.all().contains("PLAIN0"), "{}", ran.all().replace(CANARY, "<canary>"));
        stage.silent(&ran, &[]);
    }
}

#[test]
fn the_commands_about_env_files_say_none() {
    let stage = Stage::new();
    let sandbox = LongLived::start(&["--config", stage.path("landfall.yml").to_str().expect("UTF-8")]);
    let run = |args: &[&str]| stage.landfall(args).envs(&sandbox.variables).run();
    for output in ["human", "plain", "json", "github"] {
        stage.silent(&run(&["env", "check", "canary.env", "--output", output, "-vv"]).expect_code(2), &[]);
        stage.silent(&run(&["env", "diff", "--output", output, "-vv"]).expect_code(0), &[]);
    }
    stage.silent(&run(&["deploy", "-vv"]).expect_code(0), &[]);
    let changed = planted().replace("PLAIN0=", "CHANGED0=").replace("c4n4ry07", "c4n4ry99");
    stage.write("canary.env", changed.as_bytes());
    let differing = run(&["env", "diff", "--detailed-exitcode", "-vv"]).expect_code(10);
    assert!(differing.stdout().contains("CHANGED0"), "{}", differing.all().replace(CANARY, "<canary>"));
    stage.silent(&differing, &[]);
    stage.silent(&run(&["env", "push", "-vv"]).expect_code(0), &[]);
    stage.silent(&run(&["prune", "--min-age", "1s", "--yes", "-vv"]).expect_code(0), &[]);
    stage.silent(&run(&["env", "pull", "--to", "pulled.env", "-vv"]).expect_code(0), &["pulled.env"]);
    let pulled = stage.path("pulled.env");
    assert!(std::fs::read_to_string(&pulled).expect("pulled").contains(CANARY));
    assert_eq!(std::fs::metadata(&pulled).expect("pulled").permissions().mode() & 0o777, 0o600);
    std::fs::remove_file(pulled).expect("removed");
    // The rewritten file is the one that was there.
    stage.silent(&run(&["env", "check", "--fix", "canary.env", "-vv"]).expect_code(2), &[]);
}

/// What is wrong is told without what it is.
#[test]
fn a_refusal_says_none() {
    let stage = Stage::new();
    for content in [
        &b"c4n4ry words\n"[..],
        b"c4n4ry name=c4n4ry\n",
        b"A=c4n4ry1\nA=c4n4ry2\n",
        b"A='c4n4ry\n",
        b"A=\"c4n4ry\nc4n4ry=c4n4ry\nc4n4ry\"\n",
        b"A=\"c4n4ry\\nc4n4ry\"\n",
        b"A=c4n4ry\xff\xfe\n",
        b"\xff\xfec\x004\0n\x004\0r\0y\0",
        b"A=c4n4ry\0c4n4ry\n",
        b"=c4n4ry\n",
        b"export c4n4ry\n",
        b"export c4n4ry c4n4ry=c4n4ry\n",
        b"A=c4n4ry\rB=c4n4ry\n",
        b"${c4n4ry}=${c4n4ry\n",
    ] {
        let file = stage.write("refused.env", content);
        for output in ["human", "plain", "json", "github"] {
            let ran = stage
                .landfall(&["deploy", "--sandbox", "--env-file", &file, "--output", output, "-vv"])
                .run();
            stage.silent(&ran.expect_code(2), &["refused.env"]);
            let ran = stage.landfall(&["env", "check", &file, "--interpolate", "--output", output]).run();
            stage.silent(&ran.expect_code(2), &["refused.env"]);
        }
    }
    for flag in ["-ec4n4ry", "--secret=c4n4ry", "--env==c4n4ry"] {
        stage.silent(&stage.landfall(&["deploy", "--sandbox", flag]).run().expect_code(2), &["refused.env"]);
    }
}

/// The runner reads the commands from both outputs, and shows none of them.
#[test]
fn github_is_told_to_hide_the_values_before_anything_else() {
    let stage = Stage::new();
    let args = ["deploy", "--sandbox=crash-loop", "--sandbox-speed", "200", "--output", "github", "-vv"];
    let ran = stage.landfall(&args).env("GITHUB_ACTIONS", "true").run().expect_code(4);
    assert!(!ran.stdout().contains(CANARY), "{}", ran.stdout().replace(CANARY, "<canary>"));
    let stderr = ran.stderr();
    let masks: Vec<&str> = stderr.lines().filter_map(|line| line.strip_prefix("::add-mask::")).collect();
    // All of the file, but for comments, and what the configuration gives directly.
    assert!(masks.len() >= 50, "{} masks", masks.len());
    assert!(masks.contains(&"c4n4ry01 c4n4ry01"), "the value without its quotes");
    assert!(masks.contains(&"c4n4ry-direct"), "what `environment` of the configuration has");
    for line in stderr.lines().filter(|line| line.contains(CANARY)) {
        assert!(line.starts_with("::add-mask::"), "{}", line.replace(CANARY, "<canary>"));
    }
    stage.files_are_silent(&[]);
}

/// A panic says what `Debug` says of what is at hand.
#[test]
fn a_panic_says_none() {
    let stage = Stage::new();
    let overrides = Overrides {
        environment: vec![("A".into(), landfall::secret::Secret::new("c4n4ry"))],
        ..Overrides::default()
    };
    let config =
        load(Some(&stage.path("landfall.yml")), &overrides, &HashMap::new()).expect("a configuration");
    let read = landfall::envfile::read(&config.services[0].containers[0].env_files[0]).expect("a file");
    let file = EnvFile::read(planted().as_bytes(), true);
    let settled = file.settle(&Options::default());
    let said = format!("{config:?} {read:?} {file:?} {settled:?} {:?} {:?}", file.as_ecs(), file.as_dotenv());
    assert!(said.contains("PLAIN0") && !said.contains(CANARY), "{}", said.replace(CANARY, "<canary>"));
}
