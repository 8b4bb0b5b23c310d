//! What was measured of zero downtime, in words.

use super::line::Line;
use super::style::Tone;
use super::text::{count, duration};
use crate::event::{ProbeReport, ProbeWindow, ZeroDowntime, ZeroDowntimeVerdict};

/// How many series of failures are told one by one; a report in JSON has more.
const SERIES: usize = 3;

/// `proven: none of 240 requests failed (...); never fewer than 2 of 2 healthy ...`
pub(crate) fn zero_downtime(measured: &ZeroDowntime, desired: u32) -> Line {
    let (word, tone) = match measured.verdict {
        ZeroDowntimeVerdict::Proven => ("proven", Tone::Good),
        ZeroDowntimeVerdict::Observed => ("observed", Tone::Good),
        ZeroDowntimeVerdict::Violated => ("violated", Tone::Bad),
        ZeroDowntimeVerdict::NotApplicable => ("not applicable", Tone::Dim),
    };
    Line::new().tone(tone, word).text(": ").text(&measurement(measured, desired))
}

fn measurement(measured: &ZeroDowntime, desired: u32) -> String {
    if measured.verdict == ZeroDowntimeVerdict::NotApplicable {
        return "nothing was running before".to_owned();
    }
    let ZeroDowntime { floor, lowest, .. } = *measured;
    let observations = observations(measured);
    // Old and new tasks count together, so there can be more than the service wants.
    let of_desired = if lowest <= desired { format!(" of {desired}") } else { String::new() };
    let floor = match measured.violated_at_ms {
        Some(at) => format!(
            "only {lowest}{of_desired} healthy (floor {floor}), first {} after the update; {observations}",
            duration(at)
        ),
        None => {
            format!("never fewer than {lowest}{of_desired} healthy (floor {floor}) in {observations}")
        }
    };
    let Some(probe) = &measured.probe else { return floor };
    match probe.doubt() {
        // What was lost is said first, and what was not proven last.
        None => format!("{}; {floor}", requests(probe)),
        Some(doubt) if probe.shows_loss() => format!("{}; {floor}; {doubt}", requests(probe)),
        Some(doubt) => format!("{floor}; not proven: {doubt}"),
    }
}

/// `31 observations, longest gap 1.2 s`
fn observations(measured: &ZeroDowntime) -> String {
    let number = count(measured.observations as usize, "observation");
    format!("{number}, longest gap {}", duration(measured.longest_gap_ms))
}

fn requests(probe: &ProbeReport) -> String {
    let missed = match probe.missed {
        0 => String::new(),
        missed => format!(", {missed} could not be sent"),
    };
    if probe.failed == 0 {
        let latency = probe.latency.map(|latency| {
            let [p50, p95, p99, max] = [latency.p50_ms, latency.p95_ms, latency.p99_ms, latency.max_ms];
            format!("p50 {p50} ms, p95 {p95} ms, p99 {p99} ms, slowest {max} ms, ")
        });
        let latency = latency.unwrap_or_default();
        let gap = duration(probe.longest_gap_ms);
        return format!("none of {} requests failed ({latency}longest gap {gap}{missed})", probe.sent);
    }
    let kinds = match probe.failures.as_slice() {
        [only] => only.what.clone(),
        several => {
            several.iter().map(|kind| format!("{} {}", kind.count, kind.what)).collect::<Vec<_>>().join(", ")
        }
    };
    let number = format!("{} of {} requests failed ({kinds}{missed})", probe.failed, probe.sent);
    let mut text = match probe.windows.as_slice() {
        [only] if only.from_ms == only.to_ms => {
            format!("{number} {} after the update", duration(only.from_ms))
        }
        [only] => format!("{number} {} after the update", when(only)),
        several => format!("{number}: {}", series(several, probe.failed)),
    };
    if let Some(first) = &probe.first_failure {
        text.push_str(&format!("; at the first, {}", first.tasks));
    }
    text
}

/// `from 41.0 s to 44.5 s`
fn when(window: &ProbeWindow) -> String {
    if window.from_ms == window.to_ms {
        format!("at {}", duration(window.from_ms))
    } else {
        format!("from {} to {}", duration(window.from_ms), duration(window.to_ms))
    }
}

/// `8 from 41.0 s to 44.5 s, 1 at 50.0 s after the update, 3 later`
fn series(windows: &[ProbeWindow], failed: u64) -> String {
    let told = windows.iter().take(SERIES);
    let each: Vec<String> =
        told.clone().map(|window| format!("{} {}", window.failed, when(window))).collect();
    let mut text = format!("{} after the update", each.join(", "));
    let later = failed.saturating_sub(told.map(|window| window.failed).sum());
    if later > 0 {
        text.push_str(&format!(", {later} later"));
    }
    text
}
