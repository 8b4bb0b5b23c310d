//! The live rows of the human display: a pure view of the state at an instant.

use jiff::Timestamp;

use super::line::Line;
use super::style::{Style, Tone};
use super::text::{bytes, count, duration, revision, short_task, shorten_arns, shorten_digests};
use super::words;
use crate::event::{DeploymentState, Role, Step, TaskState, Transfer};
use crate::state::{BlobState, NativeState, PackingState, PushState, RunState, ServiceState, StepState};

/// Where the detail of a step begins, after its mark.
pub(super) const DETAIL: usize = 18;
/// At most so many blobs of an image are shown at once.
const BLOB_ROWS: usize = 5;
/// Of the tasks that have stopped, only the newest are worth rows.
const STOPPED_ROWS: usize = 2;
const BAR: usize = 20;
/// A screen of fewer columns than this is narrow.
const NARROW: usize = 70;

/// What is going on at `now`, in at most `height` lines.
pub(super) fn live(state: &RunState, now: Timestamp, style: Style, height: Option<usize>) -> Vec<Line> {
    let mut lines = Vec::new();
    for step in state.steps.iter().filter(|step| step.duration_ms.is_none()) {
        let services: Vec<&ServiceState> = state
            .services
            .iter()
            .filter(|service| step.service.as_ref().is_none_or(|name| *name == service.report.name))
            .filter(|service| !service.finished)
            // A rollback is watched too, but as a step of its own.
            .filter(|service| step.step != Step::Watch || service.rollback.is_none())
            .collect();
        if services.is_empty() && !state.services.is_empty() {
            continue;
        }
        lines.push(step_row(state, step, &services, now, style));
        for service in services {
            match step.step {
                // An image whose layers are compressed already at the plan has nothing to send yet.
                Step::Plan | Step::PushImage => {
                    for push in service.pushes.iter().filter(|push| push.done.is_none()) {
                        lines.extend(packing_rows(push, now, style));
                        if !push.blobs.is_empty() && step.step == Step::PushImage {
                            lines.extend(push_rows(push, now, style));
                        }
                    }
                }
                Step::Watch | Step::Rollback => {
                    lines.extend(task_rows(service, state.is_deployment(), now, style));
                }
                _ => {}
            }
        }
    }
    if let Some(width) = style.width {
        // The last column stays free: some terminals wrap as soon as it is written.
        lines = lines.into_iter().map(|line| line.truncate(width.saturating_sub(1), style)).collect();
    }
    fit(lines, height)
}

/// Rows that do not fit would scroll away and could not be redrawn, so the last ones are counted
/// instead. Two lines stay free, for the cursor and for a line of scrollback.
fn fit(mut lines: Vec<Line>, height: Option<usize>) -> Vec<Line> {
    let Some(room) = height.map(|height| height.saturating_sub(2).max(1)) else { return lines };
    if lines.len() > room {
        let hidden = lines.len() - (room - 1);
        lines.truncate(room - 1);
        lines.push(Line::new().tone(Tone::Dim, &format!("and {}", count(hidden, "more row"))).indent(4));
    }
    lines
}

fn step_row(
    state: &RunState,
    step: &StepState,
    services: &[&ServiceState],
    now: Timestamp,
    style: Style,
) -> Line {
    let elapsed = elapsed_ms(step.started_at, now);
    let line = Line::new().tone(Tone::Strong, style.spinner(elapsed)).pad(style.mark_width() + 1);
    let name = if state.is_deployment() { words::step_name(step.step) } else { "watching" };
    let mut line =
        line.tone(Tone::Strong, if step.step == Step::Watch { name } else { words::step_name(step.step) });
    line = line.pad(style.mark_width() + 1 + DETAIL);
    if let (Some(name), true) = (&step.service, state.services.len() > 1) {
        line = line.text(name).text("  ");
    }
    if let ([service], Step::Watch) = (services, step.step) {
        let what = if state.is_deployment() { watching(service) } else { looking(service) };
        line = line.text(&what);
    }
    if let ([service], Step::Rollback) = (services, step.step)
        && let Some(rollback) = &service.rollback
    {
        let to = format!("to {} by {}", revision(&rollback.task_definition), words::by_name(rollback.by));
        line = line.tone(Tone::Warn, &to);
    }
    match style.width {
        Some(width) => line.right(Tone::Dim, &duration(elapsed), width.saturating_sub(1), style),
        None => line.text("  ").tone(Tone::Dim, &duration(elapsed)),
    }
}

/// `1 of 2 new tasks running, 4 of 4 targets healthy` in as many words as there is something to say.
fn watching(service: &ServiceState) -> String {
    match &service.native {
        Some(native) if native.paused.is_some() => return "waiting for an answer to the pause".to_owned(),
        // Of a service without stages the old tasks drain; of one with stages they still serve.
        Some(native) if service.report.healthy_at_ms.is_some() && native.stage.is_some() => {
            return "healthy; ECS goes through its stages".to_owned();
        }
        _ if service.report.healthy_at_ms.is_some() => {
            return "healthy; waiting for the old tasks to drain".to_owned();
        }
        _ => {}
    }
    let running = service.tasks.iter().filter(|task| {
        task.role == Role::Followed && task.last_status == "RUNNING" && task.stopped.is_none()
    });
    format!("{} of {} running", running.count(), count(service.desired as usize, "new task"))
}

/// What an onlooker sees of a service that somebody else may be deploying.
fn looking(service: &ServiceState) -> String {
    let Some(ours) = service.deployments.values().find(|deployment| deployment.role == Role::Followed) else {
        return String::new();
    };
    let running = format!("{} of {} running", ours.running, count(ours.desired as usize, "task"));
    if is_alone(service) && ours.running == ours.desired {
        return format!("{running}; no deployment is under way");
    }
    format!("{running} of {}", revision(&ours.task_definition))
}

/// Whether one deployment is all that there is.
fn is_alone(service: &ServiceState) -> bool {
    let earlier = |task: &&TaskState| task.role == Role::Old && task.last_status != "STOPPED";
    let done = |deployment: &DeploymentState| {
        deployment.role == Role::Followed && deployment.rollout_state.as_deref() != Some("IN_PROGRESS")
    };
    service.deployments.values().all(done) && !service.tasks.iter().any(|task| earlier(&task))
}

/// Layers that are being compressed.
fn packing_rows(push: &PushState, now: Timestamp, style: Style) -> Vec<Line> {
    let (packed, count_of) = (push.packed(), push.packing.len());
    if packed == count_of {
        return Vec::new();
    }
    let (read, total) = (push.read(), push.packing.iter().map(|layer| layer.size).sum());
    let mut row = Line::new().text(&push.container).indent(4).text("  ");
    row = row.tone(Tone::Good, &bar(read, total, false, style));
    row = row.text(&format!("  {} of {} compressed", bytes(read), bytes(total)));
    if count_of == 1
        && let Some(rate) = rate(read, push.started_at, now)
    {
        // Several layers have rows of their own, and there is no room for both at 80 columns.
        row = row.text(&format!("  {}/s", bytes(rate)));
    }
    let layers = format!("  {packed} of {}", count(count_of, "layer"));
    let row = if count_of == 1 { row } else { row.tone(Tone::Dim, &layers) };
    let mut rows = vec![row];
    let under_way =
        push.packing.iter().filter(|layer| layer.packed.is_none() && layer.size >= words::LARGE_BLOB);
    if count_of > 1 {
        rows.extend(under_way.take(BLOB_ROWS).map(|layer| packing_row(layer, now, style)));
    }
    rows
}

fn packing_row(layer: &PackingState, now: Timestamp, style: Style) -> Line {
    let line = Line::new().tone(Tone::Dim, &shorten_digests(&layer.layer)).indent(6).text("  ");
    let line = line.text(&bar(layer.read, layer.size, false, style));
    let line = line.text(&format!("  {} of {}", bytes(layer.read), bytes(layer.size)));
    match rate(layer.read, layer.started_at, now) {
        Some(rate) => line.text(&format!("  {}/s", bytes(rate))),
        None => line,
    }
}

fn push_rows(push: &PushState, now: Timestamp, style: Style) -> Vec<Line> {
    let (sent, total) = (push.sent(), push.total());
    let complete = push.confirmed() == push.blobs.len();
    if sent == 0 && push.packed() < push.packing.len() {
        return Vec::new();
    }
    let mut row = Line::new().text(&push.container).indent(4).text("  ");
    if push.packed() < push.packing.len() {
        // How much there is to send is not known yet, and a bar would have to go back.
        row = row.text(&format!("{} sent so far", bytes(sent)));
    } else {
        row = row.tone(Tone::Good, &bar(sent, total, complete, style));
        row = row.text(&format!("  {} of {}", bytes(sent), bytes(total)));
    }
    if let Some(rate) = sending_rate(push, now) {
        row = row.text(&format!("  {}/s", bytes(rate)));
    }
    let blobs = format!("  {} of {}", push.confirmed(), count(push.blobs.len(), "blob"));
    let mut rows = vec![row.tone(Tone::Dim, &blobs)];
    let under_way = |blob: &&BlobState| {
        blob.outcome.is_none() && blob.started_at.is_some() && blob.size >= words::LARGE_BLOB
    };
    if push.blobs.len() > 1 {
        rows.extend(
            push.blobs.iter().filter(under_way).take(BLOB_ROWS).map(|blob| blob_row(blob, now, style)),
        );
    }
    rows
}

fn blob_row(blob: &BlobState, now: Timestamp, style: Style) -> Line {
    let line = Line::new().tone(Tone::Dim, &shorten_digests(&blob.digest)).indent(6).text("  ");
    let line = line.text(&bar(blob.sent, blob.size, false, style));
    let line = line.text(&format!("  {} of {}", bytes(blob.sent), bytes(blob.size)));
    match blob.started_at.and_then(|start| rate(blob.sent, start, now)) {
        Some(rate) => line.text(&format!("  {}/s", bytes(rate))),
        None => line,
    }
}

/// Bytes a second over the wire, since the first blob was begun: compressing before it is not sending.
pub(super) fn sending_rate(push: &PushState, now: Timestamp) -> Option<u64> {
    let start = push.blobs.iter().filter_map(|blob| blob.started_at).min().unwrap_or(push.started_at);
    rate(sending(push), start, now)
}

/// Bytes of a push that went over the wire, without what the registry had already.
fn sending(push: &PushState) -> u64 {
    let sent = |blob: &BlobState| match blob.outcome {
        Some(Transfer::Exists | Transfer::Mounted) => 0,
        Some(Transfer::Uploaded) => blob.size,
        None => blob.sent.min(blob.size),
    };
    push.blobs.iter().map(sent).sum()
}

fn bar(part: u64, whole: u64, complete: bool, style: Style) -> String {
    let filled = percent(part, whole, complete) * BAR / 100;
    let (full, empty) = if style.unicode { ("█", "░") } else { ("=", " ") };
    let cells = full.repeat(filled) + &empty.repeat(BAR - filled);
    if style.unicode { cells } else { format!("[{cells}]") }
}

/// A whole percentage that reaches 100 only when the registry has confirmed everything.
pub(super) fn percent(part: u64, whole: u64, complete: bool) -> usize {
    if complete {
        return 100;
    }
    let percent = u128::from(part) * 100 / u128::from(whole.max(1));
    usize::try_from(percent).unwrap_or(99).min(99)
}

/// Bytes a second since `start`; nothing before there is something to measure.
pub(super) fn rate(sent: u64, start: Timestamp, now: Timestamp) -> Option<u64> {
    let ms = elapsed_ms(start, now);
    if sent == 0 || ms < 500 {
        return None;
    }
    u64::try_from(u128::from(sent) * 1000 / u128::from(ms)).ok()
}

/// Milliseconds between two instants; zero when the clock went back.
pub(super) fn elapsed_ms(start: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.duration_since(start).as_millis()).unwrap_or(0)
}

/// The tasks of a service in groups: the newest deployment first, what drains last.
fn task_rows(service: &ServiceState, is_deployment: bool, now: Timestamp, style: Style) -> Vec<Line> {
    let mut rows = Vec::new();
    rows.extend(service.native.as_ref().map(|native| stage_row(native, now)));
    for role in [Role::Newer, Role::Followed, Role::Old] {
        let deployments: Vec<&DeploymentState> =
            service.deployments.values().filter(|deployment| deployment.role == role).collect();
        let tasks = shown_tasks(service, role);
        if deployments.is_empty() && tasks.is_empty() {
            continue;
        }
        // Where nothing is being deployed, nothing is new or old.
        let label = match role {
            Role::Newer if service.rollback.is_some() => "back",
            Role::Followed if !is_deployment && is_alone(service) => "now",
            role => words::role_name(role),
        };
        rows.push(group_row(service, role, label, &deployments));
        rows.extend(tasks.into_iter().map(|task| task_row(task, style)));
    }
    rows
}

/// `    stage BAKE_TIME, 100 % of production traffic, bake time: 1m 20s left`
fn stage_row(native: &NativeState, now: Timestamp) -> Line {
    let line = Line::new()
        .tone(Tone::Strong, &words::stage_words(native.stage.as_deref(), &native.status))
        .indent(4);
    let line = match native.production_percent {
        Some(percent) => line.text(&format!(", {percent} % of production traffic")),
        None => line,
    };
    let line = match native.bakes_until {
        Some(until) => line.text(&format!(", bake time: {} left", duration(elapsed_ms(now, until)))),
        None => line,
    };
    if native.paused.is_some() { line.tone(Tone::Warn, ", paused") } else { line }
}

/// Tasks that are up or on their way, then the newest that have stopped. Old tasks that have stopped
/// have done what they should, and go.
fn shown_tasks(service: &ServiceState, role: Role) -> Vec<&TaskState> {
    let of_role = || service.tasks.iter().filter(|task| task.role == role);
    let mut tasks: Vec<&TaskState> = of_role().filter(|task| task.last_status != "STOPPED").collect();
    if role == Role::Followed {
        let stopped: Vec<&TaskState> = of_role().filter(|task| task.last_status == "STOPPED").collect();
        tasks.extend(stopped.iter().skip(stopped.len().saturating_sub(STOPPED_ROWS)));
    }
    tasks
}

fn group_row(service: &ServiceState, role: Role, label: &str, deployments: &[&DeploymentState]) -> Line {
    let line = Line::new().tone(Tone::Strong, label).indent(4).pad(10);
    let fallback = match role {
        Role::Followed => service.report.task_definition.as_deref(),
        Role::Old => service.report.previous_task_definition.as_deref(),
        Role::Newer => None,
    };
    let each: Vec<String> = deployments
        .iter()
        .map(|deployment| {
            let mut text =
                format!("{}  {}", revision(&deployment.task_definition), words::counts(deployment));
            if deployment.rollout_state.as_deref() == Some("FAILED") {
                text.push_str(", FAILED");
            }
            text
        })
        .collect();
    line.text(&if each.is_empty() { fallback.map_or("", revision).to_owned() } else { each.join("; ") })
}

/// `  7f3a9c12  ●●●●  RUNNING         healthy    target healthy`
fn task_row(task: &TaskState, style: Style) -> Line {
    let tone = task_tone(task);
    let line = Line::new().tone(Tone::Dim, short_task(&task.id)).indent(6).pad(16);
    let line = line.tone(tone, &walk(&task.last_status, style)).text("  ").tone(tone, &task.last_status);
    let health = words::health(task);
    let health_tone = match task.health.as_str() {
        "HEALTHY" => Tone::Good,
        "UNHEALTHY" => Tone::Bad,
        _ => Tone::Dim,
    };
    let line = line.pad(38);
    // Where there is little room, a task without a health check does without the column for it.
    let narrow = style.width.is_some_and(|width| width < NARROW) && health.is_empty();
    let line = if narrow { line } else { line.tone(health_tone, &health).pad(49) };
    let targets = words::targets(&task.targets);
    let line = line.tone(targets_tone(task), &targets);
    match &task.stopped {
        Some(stopped) if task.role != Role::Old => {
            let line = if targets.is_empty() { line } else { line.text("  ") };
            line.tone(Tone::Dim, &shorten_arns(&words::stopped(stopped)))
        }
        _ => line,
    }
}

fn task_tone(task: &TaskState) -> Tone {
    match task.role {
        Role::Old => Tone::Dim,
        _ if task.stopped.is_some() => Tone::Bad,
        _ if task.last_status == "RUNNING" => Tone::Good,
        _ => Tone::Normal,
    }
}

fn targets_tone(task: &TaskState) -> Tone {
    let any = |state: &str| task.targets.iter().any(|target| target.state == state);
    if any("unhealthy") {
        Tone::Bad
    } else if task.targets.iter().all(|target| target.state == "healthy") {
        Tone::Good
    } else {
        Tone::Dim
    }
}

/// How far a task is on its way up (filled from the left) or down again (emptied from there).
fn walk(status: &str, style: Style) -> String {
    let (up, steps) = match status {
        "PROVISIONING" => (true, 1),
        "PENDING" => (true, 2),
        "ACTIVATING" => (true, 3),
        "RUNNING" => (true, 4),
        "DEACTIVATING" => (false, 3),
        "STOPPING" => (false, 2),
        "DEPROVISIONING" => (false, 1),
        _ => (false, 0),
    };
    let (full, empty) = if style.unicode { ("●", "○") } else { ("#", ".") };
    let (full, empty) = (full.repeat(steps), empty.repeat(4 - steps));
    if up { full + &empty } else { empty + &full }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_percent_needs_the_confirmation() {
        assert_eq!(percent(0, 0, false), 0);
        assert_eq!(percent(100, 100, false), 99);
        assert_eq!(percent(150, 100, false), 99);
        assert_eq!(percent(0, 0, true), 100);
        assert_eq!(percent(u64::MAX - 1, u64::MAX, false), 99);
        assert_eq!(bar(100, 100, false, Style::ASCII), format!("[{} ]", "=".repeat(19)));
    }

    #[test]
    fn a_task_walks_up_and_down() {
        let all = ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING"];
        assert_eq!(
            all.map(|status| walk(status, Style::ASCII)),
            ["#...", "##..", "###.", "####", ".###", "..##"]
        );
        assert_eq!(walk("DEPROVISIONING", Style::ASCII), "...#");
        assert_eq!(walk("STOPPED", Style::ASCII), "....");
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let lines = vec![Line::new().text("row"); 30];
        let shown = fit(lines.clone(), Some(10));
        assert_eq!(shown.len(), 8);
        assert_eq!(shown[7].render(Style::ASCII), "    and 23 more rows");
        assert_eq!(fit(lines.clone(), None).len(), 30);
        assert_eq!(fit(lines, Some(32)).len(), 30);
    }
}
