//! What is said of env files and of the variables that containers have: names and places, never a value.

use std::collections::BTreeMap;

use super::line::Line;
use super::style::{Mark, Style, Tone};
use super::text::count;
use crate::event::{
    ContainerVariables, EffectiveVariable, EnvFileCheck, EnvFinding, EnvOutcome, VariableChange,
    VariableSource,
};

/// Findings of one code that are told one by one; of more, the rest is summed up.
const ONE_BY_ONE: usize = 3;
/// Names that are told of one kind of repair.
const NAMES: usize = 4;
/// Variables that do not change and are listed nevertheless, in a dry run.
const UNCHANGED: usize = 40;

/// What is said of a file on its way into a deployment: repairs in one line, what stays one by one, and what
/// refuses with its fix.
pub(super) fn of_file(check: &EnvFileCheck) -> Vec<(Mark, Line)> {
    let of = |outcome: EnvOutcome| check.findings.iter().filter(move |finding| finding.outcome == outcome);
    let mut lines = Vec::new();
    let repaired: Vec<&EnvFinding> = of(EnvOutcome::Repaired).collect();
    if !repaired.is_empty() {
        lines.push((Mark::Info, repairs(check, &repaired)));
    }
    let mut kept: BTreeMap<&str, Vec<&EnvFinding>> = BTreeMap::new();
    for finding in of(EnvOutcome::Kept) {
        kept.entry(&finding.code).or_default().push(finding);
    }
    for findings in kept.into_values() {
        let (first, rest) = findings.split_at(findings.len().min(ONE_BY_ONE));
        lines.extend(first.iter().map(|finding| (Mark::Warning, kept_line(check, finding))));
        if let [one, ..] = rest {
            let text =
                format!("{}: {} more [{}] on lines {}", check.file, rest.len(), one.code, line_list(rest));
            lines.push((Mark::Warning, Line::new().text(&text)));
        }
    }
    for finding in of(EnvOutcome::Refused) {
        let line = head(check, finding).text("; fix: ").text(&finding.fix);
        lines.push((Mark::Failed, line));
    }
    lines
}

/// `.env: 5 repairs: quotes removed (A, B), inline comment removed (C)`
fn repairs(check: &EnvFileCheck, repaired: &[&EnvFinding]) -> Line {
    let mut kinds: Vec<(&str, Vec<&str>)> = Vec::new();
    for finding in repaired {
        let how = finding.repaired.as_deref().unwrap_or(&finding.title);
        let index = kinds.iter().position(|(known, _)| *known == how).unwrap_or_else(|| {
            kinds.push((how, Vec::new()));
            kinds.len() - 1
        });
        kinds[index].1.extend(finding.name.as_deref());
    }
    let told = kinds.into_iter().map(|(how, mut names)| {
        names.dedup();
        let more = names.len().saturating_sub(NAMES);
        names.truncate(NAMES);
        match (names.as_slice(), more) {
            ([], _) => how.to_owned(),
            (names, 0) => format!("{how} ({})", names.join(", ")),
            (names, more) => format!("{how} ({} and {more} more)", names.join(", ")),
        }
    });
    let told: Vec<String> = told.collect();
    let line = Line::new().text(&format!("{}: {}: ", check.file, count(repaired.len(), "repair")));
    line.tone(Tone::Dim, &told.join("; "))
}

fn kept_line(check: &EnvFileCheck, finding: &EnvFinding) -> Line {
    head(check, finding).text("; the container gets ").text(&finding.gets)
}

/// `.env:3:8: NAME: quotes are part of the value [env-quotes]`
fn head(check: &EnvFileCheck, finding: &EnvFinding) -> Line {
    let line = Line::new().text(&format!("{}:{}:{}: ", check.file, finding.line, finding.column));
    let line = match &finding.name {
        Some(name) => line.tone(Tone::Strong, name).text(": "),
        None => line,
    };
    line.text(&finding.title).tone(Tone::Dim, &format!(" [{}]", finding.code))
}

fn line_list(findings: &[&EnvFinding]) -> String {
    const LISTED: usize = 12;
    let lines: Vec<String> = findings.iter().take(LISTED).map(|finding| finding.line.to_string()).collect();
    let more = if findings.len() > LISTED { ", ..." } else { "" };
    format!("{}{more}", lines.join(", "))
}

/// What `landfall env check` says of a file: a block for each finding, whose first line editors and `grep` know.
pub(super) fn of_check(check: &EnvFileCheck, style: Style) -> Vec<Line> {
    const LABELS: usize = 24;
    if check.findings.is_empty() {
        let line = Line::marked(Mark::Done, style).text(&format!("{}: no findings", check.file));
        return vec![line];
    }
    let mut lines = Vec::new();
    for finding in &check.findings {
        let line = head(check, finding);
        if finding.outcome == EnvOutcome::Repaired {
            let repaired = finding.repaired.as_deref().unwrap_or("repaired");
            lines.extend(line.tone(Tone::Good, &format!(": {repaired}")).wrap(style.width, 4));
            continue;
        }
        lines.extend(line.wrap(style.width, 4));
        let parts = [
            ("the container gets", &finding.gets),
            ("probably meant", &finding.meant),
            ("fix", &finding.fix),
        ];
        for (label, text) in parts {
            let tone = if label == "fix" { Tone::Good } else { Tone::Normal };
            let part = Line::new().tone(Tone::Dim, label).indent(4).pad(LABELS).tone(tone, text);
            lines.extend(part.wrap(style.width, LABELS));
        }
    }
    lines
}

/// The variables of a container; with `all` also those that do not change.
pub(super) fn of_container(variables: &ContainerVariables, all: bool, style: Style) -> Vec<Line> {
    let changed = |change: VariableChange| variables.variables.iter().filter(|v| v.change == change).count();
    let counted = [
        (changed(VariableChange::Added), "added"),
        (changed(VariableChange::Changed), "changed"),
        (changed(VariableChange::Removed), "removed"),
        (changed(VariableChange::Unknown), "not known"),
    ];
    let told: Vec<String> = counted
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, how)| format!("{number} {how}"))
        .collect();
    let set = variables.variables.len() - changed(VariableChange::Removed);
    let summed = if told.is_empty() { "no change".to_owned() } else { told.join(", ") };
    if told.is_empty() && !all && variables.unread.is_empty() {
        return Vec::new();
    }
    let mut lines =
        vec![Line::new().text(&format!("variables of {} ({set}): {summed}", variables.container))];
    let unchanged = changed(VariableChange::Unchanged);
    let listed = |variable: &&EffectiveVariable| {
        variable.change != VariableChange::Unchanged || (all && unchanged <= UNCHANGED)
    };
    let listed: Vec<&EffectiveVariable> = variables.variables.iter().filter(listed).collect();
    let width =
        listed.iter().map(|variable| Line::new().text(&variable.name).width()).max().unwrap_or(0).min(32);
    for variable in &listed {
        lines.extend(of_variable(variable, width, style));
    }
    if all && listed.len() < variables.variables.len() {
        let text = format!("  and {} that do not change", variables.variables.len() - listed.len());
        lines.push(Line::new().tone(Tone::Dim, &text));
    }
    for unread in &variables.unread {
        let line =
            Line::new().tone(Tone::Warn, "? ").text("not read, so that its variables are not listed: ");
        lines.extend(line.text(unread).indent(2).wrap(style.width, 6));
    }
    lines
}

fn of_variable(variable: &EffectiveVariable, width: usize, style: Style) -> Vec<Line> {
    let (sign, tone) = match variable.change {
        VariableChange::Added => ("+", Tone::Good),
        VariableChange::Changed => ("~", Tone::Warn),
        VariableChange::Removed => ("-", Tone::Bad),
        VariableChange::Unknown => ("?", Tone::Warn),
        VariableChange::Unchanged => (" ", Tone::Dim),
    };
    let name = if tone == Tone::Dim { Tone::Dim } else { Tone::Normal };
    let line = Line::new().tone(tone, sign).text(" ").tone(name, &variable.name).indent(2).pad(4 + width + 2);
    let mut line = line.tone(Tone::Dim, &source(&variable.from));
    if !variable.hidden.is_empty() {
        let hidden: Vec<String> = variable.hidden.iter().map(source).collect();
        line = line.tone(Tone::Dim, &format!(" (hides {})", hidden.join(", ")));
    }
    line.wrap(style.width, 4 + width + 2)
}

pub(super) fn source(source: &VariableSource) -> String {
    match source {
        VariableSource::Secret { value_from } => format!("secret {}", short_arn(value_from)),
        VariableSource::Environment => "environment".to_owned(),
        VariableSource::EnvFile { file } => short_arn(file),
    }
}

/// `s3://bucket/.../0f3a5b7c.env` and `name` of ARNs; anything else stays.
fn short_arn(text: &str) -> String {
    let Some(rest) = text.strip_prefix("arn:") else { return text.to_owned() };
    if let Some((_, path)) = rest.split_once(":s3:::") {
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let name = key.rsplit('/').next().unwrap_or(key);
        let short = match name.strip_suffix(".env") {
            Some(hash) if hash.len() == 64 => hash.get(..12).unwrap_or(hash).to_owned() + ".env",
            _ => name.to_owned(),
        };
        return format!("s3://{bucket}/.../{short}");
    }
    rest.rsplit_once(":secret:")
        .map(|(_, name)| name)
        .or(rest.rsplit_once(":parameter").map(|(_, name)| name))
        .unwrap_or(text)
        .to_owned()
}

/// What `landfall env diff` says of a container.
pub(super) fn of_comparison(variables: &ContainerVariables, style: Style) -> Vec<Line> {
    let same = variables.variables.iter().all(|variable| variable.change == VariableChange::Unchanged);
    if same && variables.unread.is_empty() {
        let number = count(variables.variables.len(), "variable");
        return vec![Line::new().text(&format!("{}: no difference ({number})", variables.container))];
    }
    of_container(variables, false, style)
}
