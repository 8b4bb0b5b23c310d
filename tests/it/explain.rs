//! `landfall explain`, and the pages in docs/findings.

use serde_json::Value;

use crate::support::{Landfall, root};

#[test]
fn a_code_is_explained_without_aws_or_a_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = Landfall::new(&["explain", "image-not-found"]).in_folder(folder.path()).run().expect_code(0);
    let text = ran.stdout();
    for part in [
        "The image does not exist",
        "What to do",
        "What Landfall does",
        "manifest unknown",
        "docs.aws.amazon.com",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(ran.stderr(), "");
}

#[test]
fn codes_of_env_files_and_of_the_api_are_explained_too() {
    for code in ["env-quotes", "pass-role-denied", "essential-container-exited"] {
        let text = Landfall::new(&["explain", code]).run().expect_code(0).stdout();
        assert!(text.starts_with(&format!("{code}: ")), "{text}");
    }
}

#[test]
fn without_a_code_all_are_listed_with_a_line_each() {
    let text = Landfall::new(&["explain"]).run().expect_code(0).stdout();
    for part in [
        "\nHealth checks\n",
        "\nEnv files\n",
        "\n  image-not-found                  The image does not exist\n",
        "\n  env-quotes ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn exit_codes_are_explained_and_listed() {
    for args in [&["explain", "137"][..], &["explain", "exit code 137"], &["explain", "exit", "code", "137"]]
    {
        let text = Landfall::new(args).run().expect_code(0).stdout();
        assert!(text.starts_with("exit code 137: SIGKILL\n"), "{text}");
        // Nothing is broken where nobody looks at it.
        assert!(
            text.contains("used more memory than it may, even where AWS does not say OutOfMemoryError"),
            "{text}"
        );
    }
    let text = Landfall::new(&["explain", "132"]).run().expect_code(0).stdout();
    assert!(text.starts_with("exit code 132: SIGILL\n"), "{text}");
    let all = Landfall::new(&["explain"]).run().expect_code(0).stdout();
    for part in
        ["\nExit codes of containers (landfall explain 137)\n", "\n  139                   ", "129 to 192"]
    {
        assert!(all.contains(part), "{part}: {all}");
    }
    let ran = Landfall::new(&["explain", "256"]).run().expect_code(2);
    assert!(ran.stderr().contains("256 is no exit code of a container"), "{}", ran.all());
    let page = Landfall::new(&["explain", "139", "--output", "json"]).run().expect_code(0).stdout();
    let page: Value = serde_json::from_str(&page).expect("JSON");
    assert_eq!((&page["code"], &page["title"]), (&"exit code 139".into(), &"SIGSEGV".into()), "{page}");
}

#[test]
fn a_page_is_json_where_that_is_asked_for() {
    let json = |args: &[&str]| -> Value {
        serde_json::from_str(&Landfall::new(args).run().expect_code(0).stdout()).expect("JSON")
    };
    let page = json(&["explain", "image-not-found", "--output", "json"]);
    assert_eq!(page["code"], "image-not-found");
    assert_eq!(page["title"], "The image does not exist");
    let all = json(&["explain", "--output", "json"]);
    assert!(all.as_array().is_some_and(|pages| pages.contains(&page)));
}

#[test]
fn an_unknown_code_names_the_nearest_one() {
    let ran = Landfall::new(&["explain", "image-not-fond"]).run().expect_code(2);
    assert!(ran.stderr().contains("no code `image-not-fond`"), "{}", ran.all());
    assert!(ran.stderr().contains("Did you mean `image-not-found`"), "{}", ran.all());
    let ran = Landfall::new(&["explain", "zzz"]).run().expect_code(2);
    assert!(ran.stderr().contains("`landfall explain` lists all codes"), "{}", ran.all());
}

#[test]
fn the_pages_in_docs_are_current() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("gone.md"), "of a code that there is no more").expect("written");
    let path = folder.path().to_str().expect("UTF-8");
    Landfall::new(&["explain", "--pages", path]).run().expect_code(0);
    let read = |folder: &std::path::Path| {
        let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
            .expect("a folder")
            .map(|file| {
                let path = file.expect("a file").path();
                let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                (name, std::fs::read_to_string(path).expect("read"))
            })
            .collect();
        files.sort();
        files
    };
    let (wanted, kept) = (read(folder.path()), read(&root().join("docs/findings")));
    let names = |files: &[(String, String)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let how = "write them anew with `cargo run -- explain --pages docs/findings`";
    assert_eq!(names(&kept), names(&wanted), "{how}");
    for ((name, kept), (_, wanted)) in kept.iter().zip(&wanted) {
        assert!(kept == wanted, "docs/findings/{name} is out of date; {how}");
    }
}

#[test]
fn links_of_the_index_lead_somewhere() {
    let folder = root().join("docs/findings");
    let index = std::fs::read_to_string(folder.join("README.md")).expect("read");
    let links: Vec<&str> = index.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 100, "{}", links.len());
    for link in links {
        assert!(folder.join(link).is_file(), "{link}");
    }
}

#[test]
fn the_readmes_command_is_run() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("read");
    let line = readme.lines().find(|line| line.starts_with("landfall explain ")).expect("it is shown");
    let args: Vec<&str> = line.split(' ').skip(1).collect();
    Landfall::new(&args).run().expect_code(0);
}

#[test]
fn a_finding_says_where_there_is_more_to_read() {
    let args = [
        "deploy",
        "--config",
        "examples/hello/landfall.yml",
        "--sandbox=unhealthy-target",
        "--sandbox-speed",
        "60",
    ];
    let ran = Landfall::new(&args).run().expect_code(4);
    let text = ran.stdout();
    for part in
        ["landfall explain elb-health-check-failed", "health check of ", "healthCheckGracePeriodSeconds is "]
    {
        assert!(text.contains(part), "{part}: {}", ran.all());
    }
}
