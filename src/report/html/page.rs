//! The page as a whole: its head, what concerns the run, and a section for each service.

use super::super::text::{count, duration};
use super::super::words::{step_name, verdict_name, verdict_tone};
use super::super::{Mark, Style, Tone};
use super::markup::Html;
use super::scale::{millis, percent};
use super::service;
use crate::event::Verdict;
use crate::state::{RunState, StepState};

/// How texts of the other reports come out here: whole, without colours.
pub const STYLE: Style = Style { color: false, unicode: true, width: None };
/// Nothing is loaded from anywhere and nothing runs. Styles are in the page itself.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The run as one HTML page.
pub fn page(state: &RunState) -> String {
    let mut h = Html::new();
    h.raw("<!DOCTYPE html>\n");
    h.element("html", &[("lang", "en"), ("xmlns", "http://www.w3.org/1999/xhtml")], |h| {
        h.raw("\n");
        h.element("head", &[], |h| head(h, state));
        h.raw("\n");
        h.element("body", &[], |h| body(h, state));
        h.raw("\n");
    });
    h.raw("\n");
    h.into_string()
}

fn head(h: &mut Html, state: &RunState) {
    h.raw("\n");
    h.void("meta", &[("charset", "utf-8")]);
    h.void("meta", &[("http-equiv", "Content-Security-Policy"), ("content", POLICY)]);
    h.void("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
    h.void("meta", &[("name", "color-scheme"), ("content", "light dark")]);
    h.void("meta", &[("name", "referrer"), ("content", "no-referrer")]);
    h.raw("\n");
    h.leaf("title", &[], &format!("{}: {} – Landfall", subject(state), outcome(state)));
    h.element("style", &[], |h| h.raw(include_str!("style.css")));
}

/// `deploy web, api`
fn subject(state: &RunState) -> String {
    let Some(run) = &state.run else { return "run".to_owned() };
    let services =
        if run.services.is_empty() { String::new() } else { format!(" {}", run.services.join(", ")) };
    format!("{}{services}", run.command)
}

fn outcome(state: &RunState) -> String {
    if state.error.is_some() {
        return "the run could not go on".to_owned();
    }
    verdict_name(state.verdict()).to_owned()
}

fn body(h: &mut Html, state: &RunState) {
    h.raw("\n");
    patterns(h);
    h.element("header", &[], |h| {
        h.leaf("p", &[("class", "brand")], "Landfall");
        h.element("h1", &[], |h| {
            h.text(&subject(state));
            h.text(" ");
            let verdict = if state.error.is_some() { Verdict::Failed } else { state.verdict() };
            badge(h, verdict, &outcome(state));
        });
        facts_of_run(h, state);
    });
    h.element("main", &[], |h| {
        what_went_wrong(h, state);
        if state.services.len() > 1 {
            overview(h, state);
        }
        for (number, of) in state.services.iter().enumerate() {
            service::section(h, state, of, number);
        }
        steps(h, state);
        api_calls(h, state);
    });
    h.element("footer", &[], |h| {
        let version = state.run.as_ref().map(|run| format!(" {}", run.version)).unwrap_or_default();
        h.leaf(
            "p",
            &[],
            &format!("Written by Landfall{version}. Times are UTC and are when something was seen."),
        );
    });
}

/// A verdict: a sign, a word and a colour.
pub fn badge(h: &mut Html, verdict: Verdict, words: &str) {
    let (class, mark) = match verdict_tone(verdict) {
        Tone::Good => ("badge good", Mark::Done),
        Tone::Bad => ("badge bad", Mark::Failed),
        _ => ("badge warn", Mark::Warning),
    };
    h.element("span", &[("class", class)], |h| {
        h.leaf("span", &[("aria-hidden", "true")], STYLE.mark(mark));
        h.text(" ");
        h.text(words);
    });
}

/// A term and what is said of it.
pub fn fact(h: &mut Html, term: &str, value: &str) {
    h.element("div", &[], |h| {
        h.leaf("dt", &[], term);
        h.leaf("dd", &[], value);
    });
}

/// A table with a heading for each column. `rows` makes the rows.
pub fn table(h: &mut Html, caption: &str, headings: &[&str], rows: impl FnOnce(&mut Html)) {
    h.element("table", &[], |h| {
        h.leaf("caption", &[], caption);
        h.element("thead", &[], |h| {
            h.element("tr", &[], |h| {
                for heading in headings {
                    h.leaf("th", &[("scope", "col")], heading);
                }
            });
        });
        h.element("tbody", &[], rows);
    });
}

/// A row: what it is of, and the rest.
pub fn row(h: &mut Html, of: &str, cells: &[&str]) {
    h.element("tr", &[], |h| {
        h.leaf("th", &[("scope", "row")], of);
        for cell in cells {
            h.leaf("td", &[], cell);
        }
    });
}

fn facts_of_run(h: &mut Html, state: &RunState) {
    h.element("dl", &[("class", "facts")], |h| {
        if let Some(run) = &state.run {
            if let Some(scenario) = &run.sandbox {
                fact(h, "Sandbox, not AWS", scenario);
            }
            if run.dry_run {
                fact(h, "Dry run", "nothing was changed");
            }
            if !run.cluster.is_empty() {
                fact(h, "Cluster", &run.cluster);
                fact(h, "Region", &run.region);
            }
        }
        if let Some(origin) = &state.origin {
            let run = origin.run_url.as_ref().or(origin.run_id.as_ref());
            let told =
                [("Version", origin.version.as_ref()), ("Commit", origin.commit.as_ref()), ("Run", run)];
            for (term, value) in told.into_iter().filter_map(|(term, value)| Some((term, value?))) {
                fact(h, term, value);
            }
        }
        if let Some(started) = state.started_at {
            h.element("div", &[], |h| {
                h.leaf("dt", &[], "Started");
                h.element("dd", &[], |h| {
                    let machine = started.strftime("%FT%TZ").to_string();
                    let person = started.strftime("%F %T UTC").to_string();
                    h.leaf("time", &[("datetime", &machine)], &person);
                });
            });
        }
        fact(h, "Took", &duration(state.report().duration_ms));
        fact(h, "Exit code", &state.exit_code().to_string());
    });
}

fn what_went_wrong(h: &mut Html, state: &RunState) {
    if let Some(error) = &state.error {
        h.element("section", &[("class", "notice bad")], |h| {
            h.leaf("h2", &[], "The run could not go on");
            h.leaf("p", &[], &error.message);
            if let Some(hint) = &error.hint {
                h.element("p", &[], |h| {
                    h.leaf("b", &[], "What to do: ");
                    h.text(hint);
                });
            }
        });
    }
    if let Some(message) = &state.interrupt_message {
        h.element("section", &[("class", "notice warn")], |h| {
            h.leaf("h2", &[], "The run was interrupted");
            h.leaf("p", &[], message);
        });
    }
    if !state.warnings.is_empty() {
        h.element("section", &[("class", "notice warn")], |h| {
            h.leaf("h2", &[], "Warnings");
            h.element("ul", &[], |h| {
                for warning in &state.warnings {
                    h.leaf("li", &[], warning);
                }
            });
        });
    }
}

fn overview(h: &mut Html, state: &RunState) {
    h.element("section", &[], |h| {
        h.leaf("h2", &[], "Services");
        table(h, "How each service ended", &["Service", "Verdict", "Why"], |h| {
            for (number, service) in state.services.iter().enumerate() {
                h.element("tr", &[], |h| {
                    h.element("th", &[("scope", "row")], |h| {
                        h.leaf("a", &[("href", &format!("#s{number}"))], &service.report.name);
                    });
                    h.element("td", &[], |h| service::verdict(h, service));
                    h.leaf("td", &[], service.report.reason.as_deref().unwrap_or_default());
                });
            }
        });
    });
}

fn steps(h: &mut Html, state: &RunState) {
    let (Some(begun), Some(now)) = (state.started_at, state.now) else { return };
    if state.steps.is_empty() {
        return;
    }
    let length = millis(begun, now).max(1);
    h.element("section", &[], |h| {
        h.leaf("h2", &[], "Steps");
        let headings = ["Step", "Service", "Began", "Took", "In the run"];
        table(h, "Steps of the run, counted from its start", &headings, |h| {
            for step in &state.steps {
                let began = millis(begun, step.started_at);
                let took = step.duration_ms.unwrap_or_else(|| millis(step.started_at, now));
                h.element("tr", &[], |h| {
                    h.leaf("th", &[("scope", "row")], step_name(step.step));
                    h.leaf("td", &[], step.service.as_deref().unwrap_or("all"));
                    h.leaf("td", &[], &format!("+{}", duration(began)));
                    h.leaf("td", &[], &took_words(step, took));
                    h.element("td", &[("class", "mini")], |h| {
                        let place = |ms: u64| ms.min(length) as f64 * 100.0 / length as f64;
                        let (x, width) = (place(began), place(took).max(0.8));
                        let size = [("width", "100%"), ("height", "10"), ("aria-hidden", "true")];
                        h.element("svg", &size, |h| {
                            let (x, width) = (percent(x.min(99.2)), percent(width));
                            let place = [("x", x.as_str()), ("width", width.as_str()), ("height", "10")];
                            h.void("rect", &[&[("class", "bar c-step")], &place[..]].concat());
                        });
                    });
                });
            }
        });
    });
}

fn took_words(step: &StepState, took: u64) -> String {
    let not_done = if step.duration_ms.is_none() { " (not done)" } else { "" };
    format!("{}{not_done}", duration(took))
}

fn api_calls(h: &mut Html, state: &RunState) {
    if state.api_calls.is_empty() {
        return;
    }
    let total: u64 = state.api_calls.values().sum();
    h.element("section", &[], |h| {
        h.leaf("h2", &[], "Calls of AWS");
        h.element("details", &[], |h| {
            let all = count(usize::try_from(total).unwrap_or(usize::MAX), "call");
            h.leaf("summary", &[], &format!("{all}, retries included"));
            table(h, "Calls by operation", &["Operation", "Calls"], |h| {
                for (operation, number) in &state.api_calls {
                    row(h, operation, &[&number.to_string()]);
                }
            });
        });
    });
}

/// Patterns that bars of every chart are drawn with.
fn patterns(h: &mut Html) {
    let attributes = [("class", "patterns"), ("width", "0"), ("height", "0"), ("aria-hidden", "true")];
    h.element("svg", &attributes, |h| {
        h.element("defs", &[], |h| {
            for (id, size, path) in [
                ("stripes", "8", "M-2 10L10 -2M-2 2L2 -2M6 10L10 6"),
                ("cross", "8", "M0 0L8 8M8 0L0 8"),
                ("dots", "6", "M1.5 3h1.5"),
                ("lines", "5", "M0 2.5H5"),
            ] {
                let attributes =
                    [("id", id), ("width", size), ("height", size), ("patternUnits", "userSpaceOnUse")];
                h.element("pattern", &attributes, |h| h.void("path", &[("class", "pattern"), ("d", path)]));
            }
        });
    });
}
