//! The summary of a job: what changed, how it went in time, the evidence on zero downtime, findings with their fixes.

use super::blocks::assemble;
use super::context::Context;
use super::escape::fenced;
use super::gantt::gantt;
use super::is_told;
use crate::event::{CheckSeverity, ContainerLogs, Finding};
use crate::report::text::{count, duration, neutralise, shorten_arns};
use crate::report::{
    Style, difference_block, html_code, html_text, log_heading, measured_zero_downtime, opening, parts,
};
use crate::state::{RunState, ServiceState};

/// GitHub takes 1 MiB from each step.
pub const LIMIT: usize = 1024 * 1024;
/// Lines of one log.
const LOG_LINES: usize = 60;
/// Bytes of one line of evidence or log.
const LINE: usize = 2_000;

/// The page, at most `room` bytes; empty for commands that only show something.
pub fn summary(state: &RunState, context: &Context, room: usize) -> String {
    if !is_told(state) {
        return String::new();
    }
    assemble(&blocks(state, context), room.min(LIMIT), str::len)
}

fn blocks(state: &RunState, context: &Context) -> Vec<String> {
    if state.run.as_ref().is_some_and(|run| run.dry_run) {
        let mut blocks = parts(state);
        blocks.insert(1, origin(state, context));
        return blocks;
    }
    let mut blocks = vec![opening(state), origin(state, context)];
    for service in &state.services {
        let told = of_service(service);
        if told.is_empty() {
            continue;
        }
        let name = html_code(&service.report.name);
        blocks.push(format!("#### {name}\n\n"));
        blocks.extend(told);
    }
    if let Some(chart) = gantt(state) {
        let left_out = match chart.left_out {
            0 => String::new(),
            tasks => format!("Not drawn: {} more.\n\n", count(tasks, "task")),
        };
        blocks.push(format!("#### Tasks and phases\n\n{}\n{left_out}", fenced("mermaid", &chart.lines)));
    }
    blocks
}

/// `Commit 0123abc of main, by octocat, after 42 s.`
fn origin(state: &RunState, context: &Context) -> String {
    let mut words = Vec::new();
    if let Some(sha) = context.commit() {
        let short: String = sha.chars().take(7).collect();
        words.push(match &context.ref_name {
            Some(name) => format!("commit {} of {}", html_code(&short), html_code(name)),
            None => format!("commit {}", html_code(&short)),
        });
    }
    if let Some(actor) = &context.actor {
        words.push(format!("started by {}", html_code(actor)));
    }
    words.push(format!("{} in all", duration(state.report().duration_ms)));
    let version = state.run.as_ref().map(|run| format!(" Landfall {}.", html_text(&run.version)));
    let mut text = words.join(", ");
    // What it begins with is a word of ours in ASCII, or a digit.
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    format!("{text}.{}\n\n", version.unwrap_or_default())
}

fn of_service(service: &ServiceState) -> Vec<String> {
    let report = &service.report;
    let mut blocks = Vec::new();
    let changed = difference_block(service);
    if !changed.is_empty() {
        blocks.push(format!("**What changed**\n\n{changed}\n"));
    }
    if let Some(zero) = &report.zero_downtime {
        let words = measured_zero_downtime(zero, service.desired).render(Style::ASCII);
        blocks.push(format!("**Zero downtime** {}\n\n", html_text(&words)));
    }
    let times: Vec<String> = [("healthy", report.healthy_at_ms), ("steady", report.steady_at_ms)]
        .iter()
        .filter_map(|(what, at)| at.map(|at| format!("{what} {} after the update", duration(at))))
        .collect();
    if !times.is_empty() {
        blocks.push(format!("**Times** {}\n\n", times.join(", ")));
    }
    if let Some(revision) = &report.rolled_back_to {
        blocks.push(format!("**Put back** to {}\n\n", html_code(&shorten_arns(revision))));
    }
    blocks.extend(problems(service));
    blocks.extend(report.findings.iter().map(of_finding));
    blocks.extend(report.logs.iter().map(of_log));
    blocks
}

/// What the checks before a change found.
fn problems(service: &ServiceState) -> Option<String> {
    let mut text = String::new();
    for check in &service.report.checks {
        for problem in &check.problems {
            let kind = if problem.severity == CheckSeverity::Error { "error" } else { "warning" };
            text.push_str(&format!(
                "- {kind} {}: {}: {}\n",
                html_code(&check.code),
                html_code(&problem.subject),
                html_text(&problem.message)
            ));
        }
        if let Some(fix) = check.fix.as_ref().filter(|_| !check.problems.is_empty()) {
            text.push_str(&format!("  - **Fix** {}\n", html_text(fix)));
        }
    }
    (!text.is_empty()).then(|| format!("**Checks**\n\n{text}\n"))
}

fn of_finding(finding: &Finding) -> String {
    let mut text = format!(
        "**{}** ({}, seen {})\n\n{}\n\n**Fix** {}\n\n",
        html_text(&finding.title),
        html_code(&finding.code),
        count(finding.occurrences as usize, "time"),
        html_text(&finding.cause),
        html_text(&finding.fix)
    );
    let lines: Vec<String> = finding.evidence.iter().flat_map(|part| part.lines()).map(line).collect();
    if !lines.is_empty() {
        text.push_str(&format!("{}\n", fenced("text", &lines)));
    }
    text
}

fn of_log(logs: &ContainerLogs) -> String {
    let title = html_text(&log_heading(logs, LOG_LINES).render(Style::ASCII));
    let newest = logs.lines.len().saturating_sub(LOG_LINES);
    let lines: Vec<String> = logs.lines.iter().skip(newest).map(|logged| line(&logged.text)).collect();
    if lines.is_empty() {
        return format!("{title}\n\n");
    }
    format!("<details>\n<summary>{title}</summary>\n\n{}\n</details>\n\n", fenced("text", &lines))
}

/// One line of what somebody else wrote, and not endless.
fn line(text: &str) -> String {
    let text = neutralise(text);
    match text.char_indices().nth(LINE) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::testing::{context, deployed, failing, hostile, hostile_texts, planned, prose};

    #[test]
    fn a_deployment_is_told_with_what_changed_and_the_evidence() {
        let text = summary(&deployed(&["hello"]), &context(), LIMIT);
        for part in [
            "### Landfall: succeeded",
            "Commit <code>0123456</code> of <code>main</code>, started by <code>octocat</code>, 35.0 s in all.",
            "+ env file of web: s3://deploy-env/hello/3f2a.env",
            "**Zero downtime** observed&#58; never fewer than 2 of 2 healthy",
            "healthy 14.5 s after the update, steady 26.5 s after the update",
            "\ngantt\n",
        ] {
            assert!(text.contains(part), "{part}\n\n{text}");
        }
        let several = summary(&deployed(&["hello", "worker"]), &context(), LIMIT);
        assert!(
            several.contains("#### <code>hello</code>\n\n**What")
                && several.contains("#### <code>worker</code>")
        );
    }

    #[test]
    fn a_failure_has_its_finding_its_fix_and_what_was_logged() {
        let text = summary(&failing(), &context(), LIMIT);
        for part in [
            "### Landfall: failed and rolled back",
            "(<code>container-exited</code>, seen 2 times)",
            "**Fix** Read the container",
            "```text\nEssentialContainerExited: Essential container in task exited\nError: Cannot find module",
            "<summary>log of web in task 7f3a9c12 (exit code 1), the last 2 lines&#58;</summary>",
            "**Put back** to <code>hello&#58;8</code>",
        ] {
            assert!(text.contains(part), "{part}\n\n{text}");
        }
    }

    #[test]
    fn a_plan_is_told_as_in_a_comment() {
        let text = summary(&planned(), &context(), LIMIT);
        assert!(text.starts_with("### Landfall plan: 1 of 1 service would change"), "{text}");
        assert!(!text.contains("mermaid") && !text.contains("<!--"), "{text}");
    }

    #[test]
    fn there_is_no_page_on_what_only_shows_something() {
        assert_eq!(summary(&RunState::default(), &context(), LIMIT), "");
        let mut state = deployed(&["hello"]);
        state.run.as_mut().unwrap().command = "status".to_owned();
        assert_eq!(summary(&state, &context(), LIMIT), "");
    }

    #[test]
    fn a_page_that_is_too_long_says_so() {
        let mut state = failing();
        let finding = state.services[0].report.findings[0].clone();
        state.services[0].report.findings =
            vec![Finding { evidence: vec!["x".repeat(1_500); 400], ..finding }; 3];
        let text = summary(&state, &context(), LIMIT);
        assert!(text.len() <= LIMIT && text.contains("Too long for GitHub: 2 parts"), "{}", text.len());
        assert!(text.contains("```mermaid"), "what is short stays");
        assert!(summary(&state, &context(), 0).is_empty(), "other steps have written before");
    }

    #[test]
    fn no_text_from_outside_becomes_markup() {
        for (text, state, context) in hostile() {
            let page = summary(&state, &context, LIMIT);
            let prose = prose(&page).replace("&#123;", "");
            for broken in
                ["<!--", "<script", "<img", "@octocat", "#123", "%%{", "](", "::set", "<h1", "</details>\n<"]
            {
                assert!(!prose.contains(broken), "{broken} of {text:?} in\n{prose}");
            }
            let tags = |tag: &str| prose.matches(tag).count();
            assert_eq!(tags("<details>"), tags("</details>"), "{prose}");
            assert_eq!(tags("<code>"), tags("</code>"), "{prose}");
            assert!(!prose.contains('`'), "{prose}");
        }
        assert!(hostile_texts().len() >= 12);
    }
}
