//! [`Markdown`]: a comment for a pull request, made from the state at the end of a run.
//!
//! Text that came from outside stands in `<code>` or in a fenced block. In `<code>` every character that means something
//! to Markdown or HTML is a character reference, so that no text can end it, and GitHub makes neither mentions nor
//! links of what is in it.

use std::io::{self, Write};

use super::plan_details::{call_words, cost_words, is_told, short_path, tasks_words, time_words};
use super::reporter::Reporter;
use super::text::{count, neutralise, shorten_arns};
use super::words::verdict_name;
use crate::event::{Difference, DifferenceKind, Record, VariableChange, Verdict};
use crate::state::{RunState, ServiceState};

/// GitHub takes 65,536 characters in a comment; room is left for whoever posts it.
const LIMIT: usize = 60_000;
/// The longest text in one place.
const LONGEST: usize = 400;

/// Writes Markdown at the end of the run, and nothing before.
pub struct Markdown {
    out: Box<dyn Write + Send>,
}

impl Markdown {
    /// A reporter that writes to `out`, standard output as a rule.
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out }
    }
}

impl Reporter for Markdown {
    fn on_event(&mut self, _record: &Record, _state: &RunState) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, state: &RunState) -> io::Result<()> {
        self.out.write_all(markdown(state).as_bytes())?;
        self.out.flush()
    }
}

/// The comment: a summary, a table with a line for each service, and what there is to say of each, folded.
pub fn markdown(state: &RunState) -> String {
    // A tool that keeps one comment up to date finds it by this.
    let mut text = String::from("<!-- landfall -->\n");
    text.push_str(&opening(state));
    for service in &state.services {
        let folded = folded(service);
        if text.len() + folded.len() > LIMIT {
            text.push_str(&left_out(service));
        } else {
            text.push_str(&folded);
        }
    }
    text
}

/// The same in parts that can be left out one by one, without the marker.
pub(crate) fn parts(state: &RunState) -> Vec<String> {
    let mut parts = vec![opening(state)];
    parts.extend(state.services.iter().map(folded).filter(|part| !part.is_empty()));
    parts
}

fn left_out(service: &ServiceState) -> String {
    format!("Details of {} are left out: they are too long for a comment.\n\n", code(&service.report.name))
}

/// What comes before the services: what the run came to, and a table.
pub(crate) fn opening(state: &RunState) -> String {
    let mut text = format!("### {}\n\n", heading(state));
    if let Some(run) = &state.run {
        let place = format!("Cluster {} in {}", code(&run.cluster), code(&run.region));
        let sandbox = run.sandbox.as_ref().map(|_| " (in the sandbox, not AWS)").unwrap_or_default();
        text.push_str(&format!("{place}{sandbox}.\n\n"));
    }
    if let Some(error) = &state.error {
        text.push_str(&format!("> **Error:** {}\n", code(&error.message)));
        if let Some(hint) = &error.hint {
            text.push_str(&format!(">\n> {}\n", code(hint)));
        }
        text.push('\n');
    }
    if !state.services.is_empty() {
        text.push_str(&table(state));
    }
    for warning in &state.warnings {
        text.push_str(&format!("- warning: {}\n", code(warning)));
    }
    if !state.warnings.is_empty() {
        text.push('\n');
    }
    text
}

fn is_plan(state: &RunState) -> bool {
    state.run.as_ref().is_some_and(|run| run.dry_run)
}

fn heading(state: &RunState) -> String {
    if state.error.is_some() {
        return "Landfall: the run could not go on".to_owned();
    }
    if !is_plan(state) {
        return format!("Landfall: {}", verdict_name(state.verdict()));
    }
    let changing =
        state.services.iter().filter(|service| service.changes.as_ref().is_some_and(|c| !c.is_empty()));
    match changing.count() {
        0 => "Landfall plan: nothing to do".to_owned(),
        changing => {
            format!("Landfall plan: {changing} of {} would change", count(state.services.len(), "service"))
        }
    }
}

fn table(state: &RunState) -> String {
    let mut text = if is_plan(state) {
        "| service | plan | rollout | cost a month |\n| --- | --- | --- | --- |\n".to_owned()
    } else {
        "| service | verdict | revision | why |\n| --- | --- | --- | --- |\n".to_owned()
    };
    for service in &state.services {
        let report = &service.report;
        let plan = service.plan.as_deref();
        let cells = if is_plan(state) {
            [
                changes_words(service),
                plan.and_then(|plan| plan.rollout.as_ref()).map(time_words).unwrap_or_default(),
                plan.and_then(|plan| plan.cost.as_ref())
                    .map(|cost| match (cost.before_usd, cost.after_usd) {
                        (Some(before), Some(after)) if before != after => {
                            format!("{before:.2} → {after:.2} USD (estimate)")
                        }
                        (_, Some(after)) => format!("{after:.2} USD (estimate)"),
                        _ => "not known".to_owned(),
                    })
                    .unwrap_or_default(),
            ]
        } else {
            [
                format!("**{}**", verdict_name(report.verdict)),
                report.task_definition.as_deref().map(|arn| code(&shorten_arns(arn))).unwrap_or_default(),
                report.reason.as_deref().map(code).unwrap_or_default(),
            ]
        };
        text.push_str(&format!("| {} | {} |\n", code(&report.name), cells.join(" | ")));
    }
    text.push('\n');
    text
}

fn changes_words(service: &ServiceState) -> String {
    match service.changes.as_deref() {
        None => "not planned".to_owned(),
        Some([]) => "up to date".to_owned(),
        Some(changes) => count(changes.len(), "change"),
    }
}

fn folded(service: &ServiceState) -> String {
    let report = &service.report;
    let mut parts = Vec::new();
    let changed = difference_block(service);
    if !changed.is_empty() {
        parts.push(changed);
    }
    let mut items = Vec::new();
    if let Some(plan) = &service.plan {
        if let Some(rollout) = &plan.rollout {
            let because: Vec<String> = rollout.because.iter().map(|part| text_of(part)).collect();
            items.push(format!(
                "rollout: {}; {} ({})",
                text_of(&tasks_words(rollout)),
                time_words(rollout),
                because.join("; ")
            ));
        }
        if let Some(cost) = &plan.cost {
            let notes: Vec<String> = cost.notes.iter().map(|note| text_of(note)).collect();
            let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) };
            items.push(format!("cost: {}{notes}", text_of(&cost_words(cost))));
        }
        if !plan.calls.is_empty() {
            items.push(format!("calls: {}", text_of(&call_words(plan))));
        }
    }
    if let Some(zero) = &report.zero_downtime {
        items.push(format!("zero downtime: {}", text_of(&zero_words(zero))));
    }
    for finding in &report.findings {
        items.push(format!(
            "**{}** ({}): {}. Fix: {}",
            code(&finding.title),
            code(&finding.code),
            code(&finding.cause),
            code(&finding.fix)
        ));
    }
    if !items.is_empty() {
        parts.push(items.iter().map(|item| format!("- {item}\n")).collect());
    }
    if parts.is_empty() {
        return String::new();
    }
    let summary = if report.verdict == Verdict::Planned || !service.finished {
        changes_words(service)
    } else {
        verdict_name(report.verdict).to_owned()
    };
    format!(
        "<details>\n<summary>{}: {summary}</summary>\n\n{}\n</details>\n\n",
        code(&report.name),
        parts.join("\n")
    )
}

fn zero_words(zero: &crate::event::ZeroDowntime) -> String {
    serde_json::to_value(zero.verdict)
        .ok()
        .and_then(|name| name.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// A fenced block of what differs; the fence is longer than any row of backticks in it.
pub(crate) fn difference_block(service: &ServiceState) -> String {
    let mut lines = Vec::new();
    let mut add = |sign: &str, subject: &str, value: &str| {
        let subject = clean(subject);
        let value = clean(&shorten_arns(value));
        lines.push(if value.is_empty() {
            format!("{sign} {subject}")
        } else {
            format!("{sign} {subject}: {value}")
        });
    };
    for change in service.changes.iter().flatten() {
        if let Some(before) = &change.before {
            add("-", &change.subject, before);
        }
        if let Some(after) = &change.after {
            add("+", &change.subject, after);
        }
    }
    for of in &service.variables {
        for variable in &of.variables {
            let (sign, what) = match variable.change {
                VariableChange::Added => ("+", "set"),
                VariableChange::Removed => ("-", "not set any more"),
                VariableChange::Changed => ("!", "changed"),
                VariableChange::Unknown => ("!", "not known whether it changes"),
                VariableChange::Unchanged => continue,
            };
            add(sign, &format!("variable {} of {}", variable.name, of.container), what);
        }
    }
    if let Some(plan) = &service.plan {
        let attributes = plan.attributes.iter().map(|attribute| {
            (&attribute.difference, if attribute.starts_deployment { " (starts a deployment)" } else { "" })
        });
        let told =
            plan.task_definition.iter().filter(|found| !is_told(service, found)).map(|found| (found, ""));
        for (found, note) in told.chain(attributes) {
            difference(found, note, &mut add);
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    let fence = "`".repeat(lines.iter().map(|line| longest_run(line)).max().unwrap_or(0).max(2) + 1);
    format!("{fence}diff\n{}\n{fence}\n", lines.join("\n"))
}

fn difference(found: &Difference, note: &str, add: &mut impl FnMut(&str, &str, &str)) {
    let path = format!("{}{note}", short_path(&found.path));
    if found.hidden {
        let (sign, what) = match found.kind {
            DifferenceKind::Added => ("+", "set, the value is not shown"),
            DifferenceKind::Removed => ("-", "the value is not shown"),
            DifferenceKind::Changed => ("!", "changed, the value is not shown"),
        };
        add(sign, &path, what);
        return;
    }
    if let Some(before) = &found.before {
        add("-", &path, before);
    }
    if let Some(after) = &found.after {
        add("+", &path, after);
    }
}

fn longest_run(line: &str) -> usize {
    line.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// One line, and not endless.
fn clean(text: &str) -> String {
    let text = neutralise(text);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// Text from outside as HTML that shows it as it is.
pub(crate) fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("<code>{}</code>", text_of(text)) }
}

/// Text with every character as a reference that means something to Markdown or HTML.
pub(crate) fn text_of(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | ',' | ';' | '%' | '/' => out.push(c),
            // `www.` begins a link.
            '.' | '(' | ')' | '-' if !out.is_empty() && !out.to_lowercase().ends_with("www") => out.push(c),
            // GitHub makes mentions and links of the text that is shown; an invisible space keeps it from that.
            '@' | '#' => out.push_str(&format!("&#{};&#8203;", u32::from(c))),
            c if c.is_ascii() => out.push_str(&format!("&#{};", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_breaks_out(text in "\\PC{0,40}|[`|<>@#&\\[\\]()!*_~\n:/w.-]{0,40}") {
            let shown = code(&text);
            let inner = shown.strip_prefix("<code>").and_then(|rest| rest.strip_suffix("</code>")).unwrap_or("");
            for c in ['`', '|', '<', '>', '@', '[', ']', '*', '_', '~', '\n', '!', '\\', ':'] {
                prop_assert!(!inner.contains(c), "{inner:?}");
            }
            let references = inner.replace("&#", "");
            prop_assert!(!references.contains('&') && !references.contains('#'), "{inner:?}");
        }

        #[test]
        fn a_fence_is_longer_than_what_is_in_it(text in "[`a ]{0,30}") {
            prop_assert!(longest_run(&text) <= 30);
            let fence = "`".repeat(longest_run(&text) + 1);
            prop_assert!(!text.contains(&fence));
        }
    }
}
