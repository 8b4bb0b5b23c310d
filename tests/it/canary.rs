//! No value of a variable is in any output. Values that no one else has are planted wherever a value can stand, and
//! everything that the program writes is searched for them and for pieces of them.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::github::{GitHub, Job};
use crate::stage::{LongLived, SCENARIOS};
use crate::support::{Landfall, root};

/// The length of a piece that would give a value away.
const PIECE: usize = 8;
const OUTPUTS: [&str; 4] = ["human", "plain", "json", "github"];

/// Twelve characters that occur nowhere else, the same in each run.
fn token(number: u64) -> String {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x00c0_ffee_1234_5678;
    let letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // No hexadecimal digits, so that no digest can hold a piece by chance.
        char::from(b"GHJKMNPQRSTVWXYZghjkmnpqrstvwxyz"[usize::try_from(state >> 59).expect("five bits")])
    };
    std::iter::repeat_with(letter).take(12).collect()
}

/// What is planted, and the tokens in it.
#[derive(Default)]
struct Garden {
    tokens: Vec<String>,
}

impl Garden {
    fn token(&mut self) -> String {
        let token = token(self.tokens.len() as u64 + 1);
        self.tokens.push(token.clone());
        token
    }

    /// `T` in a template stands for a token of its own.
    fn grow(&mut self, template: &str) -> String {
        let mut parts = template.split('T');
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            text.push_str(&self.token());
            text.push_str(part);
        }
        text
    }

    /// Every piece of every token.
    fn pieces(&self) -> impl Iterator<Item = &str> {
        self.tokens.iter().flat_map(|token| (0..=token.len() - PIECE).map(|at| &token[at..at + PIECE]))
    }

    #[track_caller]
    fn assert_absent(&self, what: &str, text: &str) {
        for piece in self.pieces() {
            if let Some(at) = text.find(piece) {
                let line = text[..at].lines().count();
                // Of a test, the value may be shown.
                panic!("{what} holds a piece of a value, {piece:?}, in line {line}:\n{text}");
            }
        }
    }
}

/// The values of a file that is stored, as they stand in it.
const ACCEPTED: [&str; 40] = [
    "T",
    "'T'",
    "\"T\"",
    "\"T with spaces T\"",
    "T # T",
    "'T # T'",
    "T#T",
    "\"T\" # T",
    "pa$$T",
    "'$T'",
    "'${T}'",
    "T$",
    "postgres://app:T@db.internal:5432/app?sslmode=T",
    "\"https://user:T@example.com/?a=T#T\"",
    "redis://:T@cache:6379",
    "amqp://T:T@queue",
    "{\"key\":\"T\",\"list\":[\"T\"]}",
    "'{\"key\": \"T\"}'",
    "[\"T\"]",
    "TTTT==",
    "T=T",
    "AKIAT",
    "ghp_TTT",
    "xoxb-T-T",
    "eyJT.eyJT.T",
    "-----T",
    "T\\nT",
    "\"C:\\\\T\\\\T\"",
    "T\\tT",
    "작업T비밀",
    "T-ünïcödé-T",
    "T😀T",
    "::T",
    "::error::T",
    "##[error]T",
    "::add-mask::T",
    "%0A::warning::T",
    "T%25T",
    "  T  ",
    "T,T;T|T",
];

/// A folder with a configuration and an env file, and a home and a folder for temporary files of their own.
struct Stage {
    folder: tempfile::TempDir,
    garden: Garden,
    /// The tokens that are in the env file.
    in_file: usize,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut garden = Garden::default();
        let mut lines = String::new();
        for (number, template) in ACCEPTED.iter().enumerate() {
            lines.push_str(&format!("export NAME_{number}={}\n", garden.grow(template)));
        }
        lines.push_str(&format!("LONG={}\n", garden.grow(&"T".repeat(1_000))));
        let in_file = garden.tokens.len();
        let mut environment = String::new();
        for (number, template) in
            ["T", "T T", "$T", "${T}#T", "https://a:T@b", "::error::T", "{T}", "T'T", "한T"]
                .iter()
                .enumerate()
        {
            // In a configuration, a dollar sign is doubled.
            let value = garden.grow(template).replace('$', "$$").replace('\'', "''");
            environment.push_str(&format!("          SET_{number}: '{value}'\n"));
        }
        let hello = root().join("examples/hello");
        let config = format!(
            "version: 1\nregion: ap-northeast-2\ncluster: demo\nenv_store: s3://demo-deploy-env/prod\n\
             services:\n  hello:\n    task_definition: {hello}/task-definition.json\n    containers:\n      web:\n        \
             image:\n          from: oci:{hello}/image\n          \
             to: 123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/hello:v1\n        \
             env_file: .env\n        environment:\n{environment}",
            hello = hello.display()
        );
        let stage = Self { folder, garden, in_file };
        for name in ["in", "in/home", "out", "out/home", "out/tmp"] {
            std::fs::create_dir(stage.path(name)).expect("a folder");
        }
        std::fs::write(stage.path("in/landfall.yml"), config).expect("written");
        std::fs::write(stage.path("in/.env"), lines).expect("written");
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A run whose home, temporary files and files for GitHub are all below `out`.
    fn landfall(&self, args: &[&str]) -> Landfall {
        let path = |name: &str| self.path(name).to_str().expect("UTF-8").to_owned();
        let mut all = args.to_vec();
        let (record, page) = (path("out/recording.ndjson"), path("out/page.html"));
        if !args.contains(&"--fix") {
            all.extend(["--record", &record]);
        }
        Landfall::new(&all)
            .in_folder(&self.path("in"))
            .env("HOME", &path("out/home"))
            .env("TMPDIR", &path("out/tmp"))
            .env("LANDFALL_CACHE_DIR", &path("out/home/cache"))
            .env("LANDFALL_REPORT", &page)
            .env("GITHUB_STEP_SUMMARY", &path("out/summary.md"))
            .env("GITHUB_OUTPUT", &path("out/output"))
            .env("LANDFALL_JUNIT", &path("out/junit.xml"))
            .env("LANDFALL_WRITE", &path("out/imagedefinitions.json"))
    }

    /// Runs, and searches everything that was written. Gives the exit code.
    #[track_caller]
    fn search(&self, landfall: Landfall, what: &str) -> i32 {
        // Both outputs go into one file, in the order in which they were written.
        let log = self.path("out/log");
        let file = File::create(&log).expect("a file");
        let mut command = landfall.into_command();
        let on_github = command.get_envs().any(|(name, value)| name == "GITHUB_ACTIONS" && value.is_some());
        command.stdout(file.try_clone().expect("a second one")).stderr(file);
        let status = command.status().expect("it runs");
        let text = String::from_utf8(std::fs::read(&log).expect("read")).expect("UTF-8");
        let is_mask = |line: &&str| on_github && line.starts_with("::add-mask::");
        let rest: String = text.lines().filter(|line| !is_mask(line)).flat_map(|line| [line, "\n"]).collect();
        assert!(!rest.trim().is_empty(), "{what} said nothing");
        if let Some(last) = text.lines().collect::<Vec<_>>().iter().rposition(is_mask) {
            let told = |line: &str| line.contains(".env") && !line.starts_with("::add-mask::");
            assert!(
                !text.lines().take(last).any(told),
                "{what} tells of the file before its values are hidden"
            );
        }
        self.garden.assert_absent(what, &rest);
        std::fs::remove_file(&log).expect("removed");
        self.search_files(&self.path("out"), what);
        status.code().unwrap_or(-1)
    }

    fn search_files(&self, folder: &Path, what: &str) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                self.search_files(&path, what);
            } else {
                let bytes = std::fs::read(&path).expect("read");
                let name = format!("{what}: {}", path.display());
                self.garden.assert_absent(&name, &String::from_utf8_lossy(&bytes));
            }
            self.garden.assert_absent(what, &path.display().to_string());
        }
    }
}

#[test]
fn there_are_fifty_values_and_none_is_an_everyday_text() {
    let stage = Stage::new();
    assert!(ACCEPTED.len() + 10 >= 50);
    let tokens: std::collections::BTreeSet<&String> = stage.garden.tokens.iter().collect();
    assert_eq!(tokens.len(), stage.garden.tokens.len());
    stage
        .garden
        .assert_absent("the README", &std::fs::read_to_string(root().join("README.md")).expect("read"));
}

#[test]
fn a_search_finds_a_piece() {
    let stage = Stage::new();
    let piece = stage.garden.tokens[0][3..11].to_owned();
    let found = std::panic::catch_unwind(|| stage.garden.assert_absent("it", &format!("a {piece} b")));
    assert!(found.is_err());
}

#[test]
fn no_deployment_tells_a_value_however_it_ends() {
    let listed = Landfall::new(&["sandbox", "--list"]).run().stdout();
    assert_eq!(listed.lines().filter(|line| line.starts_with("  ")).count(), SCENARIOS.len(), "{listed}");
    std::thread::scope(|scope| {
        for (start, scenarios) in SCENARIOS.chunks(3).enumerate() {
            scope.spawn(move || {
                let mut stage = Stage::new();
                let flag = format!("FLAG={}", stage.garden.grow("T ::T"));
                for (number, scenario) in scenarios.iter().enumerate() {
                    let output = OUTPUTS[(start + number) % OUTPUTS.len()];
                    let sandbox = format!("--sandbox={scenario}");
                    let mut args = vec!["deploy", &sandbox, "--sandbox-speed", "100", "-e", &flag];
                    args.extend(["-vv", "--output", output]);
                    let mut run = stage.landfall(&args);
                    if output == "github" {
                        run = run.env("GITHUB_ACTIONS", "true");
                    }
                    let code = stage.search(run, &format!("{scenario} as {output}"));
                    let good = ["healthy", "slow", "throttled"].contains(scenario);
                    assert_eq!(code == 0, good, "{scenario} exits with {code}");
                    assert_ne!(code, 2, "{scenario} was not run");
                }
            });
        }
    });
}

#[test]
fn no_dry_run_and_no_check_tells_a_value() {
    let stage = Stage::new();
    for output in OUTPUTS {
        for ci in [false, true] {
            let run = |args: &[&str], code: i32| {
                let mut run = stage.landfall(&[args, &["-v", "--output", output]].concat());
                if ci {
                    run = run.env("GITHUB_ACTIONS", "true");
                }
                assert_eq!(stage.search(run, &format!("{args:?} as {output}")), code, "{args:?}");
            };
            run(&["deploy", "--sandbox", "--dry-run"], 0);
            run(&["env", "check", ".env"], 2);
            run(&["env", "check", ".env", "--policy", "verbatim", "--interpolate"], 2);
        }
    }
}

#[test]
fn what_github_is_told_holds_no_value() {
    let stage = Stage::new();
    let config = stage.path("in/landfall.yml");
    let sandbox = LongLived::start(&["--config", config.to_str().expect("UTF-8")]);
    let github = GitHub::start();
    let job = Job::of_pull_request(&github.url);
    for args in [&["deploy", "--dry-run", "--comment"][..], &["deploy", "--github-deployment", "production"]]
    {
        let run = stage.landfall(args).envs(&sandbox.variables).envs(job.variables());
        assert_eq!(stage.search(run, &format!("{args:?}")), 0);
    }
    stage.search_files(job.folder(), "the files of the step");
    assert!(job.folder().join("output").exists() && job.folder().join("summary.md").exists());
    assert_eq!((github.comments().len(), github.states().len()), (1, 3));
    for request in github.requests() {
        stage.garden.assert_absent("a call of GitHub's API", &request.body.to_string());
    }
}

#[test]
fn github_is_told_to_hide_every_value_of_the_file() {
    let stage = Stage::new();
    let args = ["deploy", "--sandbox", "--dry-run"];
    let ran = stage.landfall(&args).env("GITHUB_ACTIONS", "true").run().expect_code(0);
    let stderr = ran.stderr();
    assert!(stderr.lines().all(|line| line.starts_with("::add-mask::")), "only that is on standard error");
    let missing =
        stage.garden.tokens[..stage.in_file].iter().filter(|token| !stderr.contains(token.as_str()));
    // Two of them stand in comments, which are in no value.
    assert_eq!(missing.count(), 2);
    assert!(!ran.stdout().lines().any(|line| line.trim_start().starts_with("::add-mask::")));
}

#[test]
fn no_comparison_and_no_upload_tells_a_value() {
    let stage = Stage::new();
    let config = stage.path("in/landfall.yml");
    let sandbox = LongLived::start(&["--config", config.to_str().expect("UTF-8")]);
    let run = |args: &[&str], code: i32| {
        let run = stage.landfall(args).envs(&sandbox.variables);
        assert_eq!(stage.search(run, &format!("{args:?}")), code, "{args:?}");
    };
    for output in OUTPUTS {
        run(&["env", "diff", "--output", output, "--detailed-exitcode", "-vv"], 10);
    }
    run(&["env", "push", "-v"], 0);
    run(&["deploy", "-v"], 0);
    run(&["env", "diff", "--detailed-exitcode"], 0);
    // Values go into that file, and nowhere else.
    let pulled = stage.path("in/pulled.env");
    run(&["env", "pull", "--to", pulled.to_str().expect("UTF-8"), "-vv"], 0);
    let text = std::fs::read_to_string(pulled).expect("read");
    assert!(text.contains(&stage.garden.tokens[0]), "it was written");
    run(&["prune", "--min-age", "0s", "--yes", "-v"], 0);
}

#[test]
fn a_refused_file_tells_no_value() {
    let mut stage = Stage::new();
    let files: Vec<Vec<u8>> = vec![
        stage.garden.grow("A=1\nT and T without an equals sign\n").into(),
        stage.garden.grow("SAME=T\nSAME=T\n").into(),
        [stage.garden.grow("A=T").as_bytes(), b"\xff\xfe", stage.garden.grow("T\nB=T\n").as_bytes()].concat(),
        stage.garden.grow("T T=1\n").into(),
        stage.garden.grow("+T/T=\n").into(),
        stage.garden.grow("A=\"T\nT\nT\"\n").into(),
        stage.garden.grow("KEY=\"T\n").into(),
        stage.garden.grow("A=T\u{1b}[31mT\u{0}T\n").into(),
        stage.garden.grow("A=T\rT\n").into(),
    ];
    for (number, file) in files.iter().enumerate() {
        let name = format!("refused-{number}.env");
        std::fs::write(stage.path("in").join(&name), file).expect("written");
        for output in OUTPUTS {
            let what = format!("{name} as {output}");
            let check = stage.landfall(&["env", "check", &name, "--output", output]);
            assert_eq!(stage.search(check, &what), 2, "{what}");
            for policy in ["strict", "normalize", "verbatim"] {
                // All outputs of the one, and one output of each of the others.
                if policy != "normalize" && output != OUTPUTS[number % OUTPUTS.len()] {
                    continue;
                }
                let args = ["deploy", "--sandbox", "--dry-run", "--env-file", &name, "--env-policy", policy];
                let run = stage.landfall(&[&args[..], &["--output", output]].concat());
                let code = stage.search(run, &what);
                // A container can have a name of such characters, so only the strict policy refuses it.
                let accepted = policy == "verbatim" || (number == 4 && policy == "normalize");
                assert!(accepted || code == 2, "{what} ({policy}) exits with {code}");
            }
        }
    }
}

#[test]
fn a_flag_or_configuration_that_is_wrong_repeats_no_value() {
    let mut stage = Stage::new();
    let (bare, unnamed) = (stage.garden.grow("T"), stage.garden.grow("=T"));
    for flag in [&bare, &unnamed] {
        let run = stage.landfall(&["deploy", "--sandbox", "-e", flag]);
        assert_eq!(stage.search(run, "a flag"), 2);
    }
    let good = std::fs::read_to_string(stage.path("in/landfall.yml")).expect("read");
    for wrong in [
        "          MANY: ['T']\n",
        "          AGAIN: 'T'\n          AGAIN: 'T'\n",
        "          OPEN: 'T\n",
        "          A: ${T\n",
    ] {
        let config = format!("{good}{}", stage.garden.grow(wrong));
        std::fs::write(stage.path("in/landfall.yml"), config).expect("written");
        let run = stage.landfall(&["deploy", "--sandbox", "--dry-run"]);
        assert_eq!(stage.search(run, wrong), 2, "{wrong}");
    }
}

#[test]
fn a_panic_with_everything_in_it_tells_no_value() {
    let stage = Stage::new();
    let variables = std::collections::HashMap::new();
    let path = stage.path("in/landfall.yml");
    let config = landfall::config::load(Some(&path), &landfall::config::Overrides::default(), &variables);
    let config = config.expect("a configuration");
    let text = std::fs::read(stage.path("in/.env")).expect("read");
    let file = landfall_envfile::EnvFile::read(&text, false);
    let settled = file.settle(&landfall_envfile::Options::default());
    let all = (&config, file.as_ecs(), file.as_dotenv(), &settled.content, &settled.findings);
    let panicked = std::panic::catch_unwind(|| panic!("{all:?} {all:#?}")).expect_err("it panics");
    let message = panicked.downcast_ref::<String>().expect("a text");
    assert!(message.contains("NAME_0"), "{message}");
    stage.garden.assert_absent("a panic", message);
}
