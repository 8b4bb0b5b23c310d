//! The page of `--report` in a browser, looked at by axe-core.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::part;
use crate::probe::{Act, Server};
use crate::support::Landfall;

/// Opens every fold, lets axe look, and leaves what it found in the page, where `--dump-dom` shows it.
const LOOK: &str = r#"
<script src="axe.min.js"></script>
<script>
addEventListener('load', async () => {
  document.querySelectorAll('details').forEach((fold) => { fold.open = true; });
  const found = await axe.run(document, { resultTypes: ['violations', 'incomplete', 'passes'] });
  const told = (rule) => ({ id: rule.id, impact: rule.impact, help: rule.help,
    nodes: rule.nodes.slice(0, 5).map((node) => node.html + ' -- ' + node.failureSummary) });
  const result = {
    dark: matchMedia('(prefers-color-scheme: dark)').matches,
    wide: document.documentElement.scrollWidth, window: innerWidth,
    passes: found.passes.length, violations: found.violations.map(told),
  };
  const bytes = new TextEncoder().encode(JSON.stringify(result));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  document.body.append('BEGIN-' + hex + '-END');
});
</script>
"#;

/// What axe and the browser say of a page.
fn looked_at(page: &str, width: u32, dark: bool) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(part("LANDFALL_E2E_AXE"), folder.path().join("axe.min.js")).expect("axe-core is there");
    // The page's own policy lets no script run, so that of this test could not either.
    let start = page.find("<meta http-equiv=\"Content-Security-Policy\"").expect("a policy");
    let end = start + page[start..].find("/>").expect("its end") + 2;
    let page = format!("{}{}", &page[..start], &page[end..]).replace("</body>", &format!("{LOOK}</body>"));
    let file = folder.path().join("page.html");
    std::fs::write(&file, page).expect("written");
    let dom = dumped(folder.path(), &file, width, dark);
    let hex =
        dom.split_once("BEGIN-").and_then(|(_, rest)| rest.split_once("-END")).expect("axe has ended").0;
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal digits");
    let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(digit).collect();
    serde_json::from_slice(&bytes).expect("JSON")
}

fn dumped(folder: &Path, file: &Path, width: u32, dark: bool) -> String {
    let scheme = if dark { 0 } else { 1 };
    let output = Command::new(part("LANDFALL_E2E_CHROMIUM"))
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
        ])
        .arg("--disable-background-networking")
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("--window-size={width},1200"))
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .args(["--virtual-time-budget=60000", "--dump-dom"])
        .arg(format!("file://{}", file.display()))
        .env("HOME", folder)
        .output()
        .expect("Chromium runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn page_of(scenario: &str, code: i32, probe: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("page.html");
    let sandbox = format!("--sandbox={scenario}");
    let page = file.to_str().expect("UTF-8");
    let args = ["deploy", &sandbox, "--sandbox-speed", "40", "--config", "examples/hello/landfall.yml"];
    let more = ["--probe-url", probe, "--probe-interval", "100ms", "--output", "plain", "--report", page];
    Landfall::new(&[&args[..], &more].concat()).run().expect_code(code);
    std::fs::read_to_string(&file).expect("a page")
}

#[test]
fn the_page_has_nothing_serious_in_the_way_of_anybody() {
    // Some requests fail, so that everything that a page can have is there.
    let server = Server::start(|number| if (20..24).contains(&number) { Act::Refuse } else { Act::Answer });
    for (scenario, code) in [("healthy", 0), ("crash-loop", 4)] {
        let page = page_of(scenario, code, &server.url());
        assert!(
            page.contains("The timeline as a table") && page.contains("The requests as a table"),
            "{page}"
        );
        for dark in [false, true] {
            let found = looked_at(&page, 800, dark);
            assert_eq!(found["dark"], dark, "the browser has the scheme that it was told");
            assert!(found["passes"].as_u64() >= Some(15), "axe has looked: {found}");
            let serious: Vec<&Value> = found["violations"]
                .as_array()
                .expect("a list")
                .iter()
                .filter(|rule| rule["impact"] != "minor" && rule["impact"] != "moderate")
                .collect();
            assert!(serious.is_empty(), "{scenario}, dark {dark}: {serious:#?}");
        }
        // A window of 400 pixels has nothing beside it.
        let narrow = looked_at(&page, 400, false);
        assert!(narrow["wide"].as_u64() <= narrow["window"].as_u64(), "{narrow}");
    }
}
