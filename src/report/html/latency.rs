//! What a probe measured, over time: how long answers took, and where none came.

use std::time::Duration;

use jiff::Timestamp;

use super::super::text::count;
use super::markup::Html;
use super::scale::{Scale, percent};
use crate::event::{ProbeReport, ProbeSlice};

/// Pixels: below the ticks, and down to the line for no time at all.
const TOP: f64 = 26.0;
const BOTTOM: f64 = 150.0;
/// With the strip of failures below.
const HEIGHT: u32 = 172;
/// Units of the inner coordinates that are as wide as the chart.
const WIDE: f64 = 1000.0;

/// The probe's part of a service; `begun` is when its times count from.
pub fn section(h: &mut Html, service: &str, probe: &ProbeReport, begun: Timestamp, prefix: &str) {
    h.leaf("h3", &[], "Requests of the probe");
    h.element("p", &[], |h| {
        h.leaf("code", &[], &probe.url);
        let requests = count(usize::try_from(probe.sent).unwrap_or(usize::MAX), "request");
        h.text(&format!(": {requests}, one every {} ms, {} failed", probe.interval_ms, probe.failed));
        if let Some(all) = probe.latency {
            h.text(&format!(
                "; answers took {} ms (p50), {} ms (p95), {} ms (p99), at most {} ms",
                all.p50_ms, all.p95_ms, all.p99_ms, all.max_ms
            ));
        }
        h.text(".");
    });
    if probe.over_time.is_empty() {
        return;
    }
    let last = after(begun, probe.duration_ms.max(probe.over_time.last().map_or(0, |last| last.from_ms)));
    let scale = Scale::new(begun, begun, last);
    h.element("figure", &[], |h| {
        draw(h, service, probe, scale, begun, prefix);
        h.element("figcaption", &[], |h| legend(h, probe));
    });
    table(h, service, probe);
}

fn after(begun: Timestamp, ms: u64) -> Timestamp {
    begun.checked_add(Duration::from_millis(ms)).unwrap_or(begun)
}

fn draw(h: &mut Html, service: &str, probe: &ProbeReport, scale: Scale, begun: Timestamp, prefix: &str) {
    let (title, description) = (format!("{prefix}-probe-title"), format!("{prefix}-probe-desc"));
    let attributes = [
        ("class", "chart"),
        ("role", "img"),
        ("width", "100%"),
        ("height", &HEIGHT.to_string()),
        ("aria-labelledby", &format!("{title} {description}")),
        ("xmlns", "http://www.w3.org/2000/svg"),
    ];
    let highest =
        probe.over_time.iter().filter_map(|slice| slice.latency).map(|latency| latency.max_ms).max();
    let top = nice(highest.unwrap_or(1));
    h.element("svg", &attributes, |h| {
        h.leaf("title", &[("id", &title)], &format!("How long {service} took to answer the probe"));
        h.leaf("desc", &[("id", &description)], &description_of(probe));
        scale.axis(h, HEIGHT);
        curves(h, probe, scale, begun, top);
        for part in [top, top / 2] {
            let y = y_of(part, top);
            let line = format!("{y:.1}");
            h.void("line", &[("class", "grid"), ("x1", "0"), ("x2", "100%"), ("y1", &line), ("y2", &line)]);
            let text = format!("{:.1}", y + 12.0);
            h.leaf("text", &[("class", "tick halo"), ("x", "2"), ("y", &text)], &format!("{part} ms"));
        }
        for slice in probe.over_time.iter().filter(|slice| slice.failed > 0) {
            failures(h, probe, slice, scale, begun);
        }
    });
}

fn y_of(ms: u64, top: u64) -> f64 {
    BOTTOM - (BOTTOM - TOP) * ms.min(top) as f64 / top.max(1) as f64
}

/// The next round number.
fn nice(highest: u64) -> u64 {
    let mut decade: u64 = 1;
    loop {
        if let Some(nice) = [2, 4, 10].iter().map(|step| step * decade).find(|nice| *nice >= highest) {
            return nice;
        }
        if decade > u64::MAX / 100 {
            return highest;
        }
        decade *= 10;
    }
}

/// Lines through the middle of each part, broken where no answer came.
fn curves(h: &mut Html, probe: &ProbeReport, scale: Scale, begun: Timestamp, top: u64) {
    let height = HEIGHT.to_string();
    let view = format!("0 0 {WIDE} {HEIGHT}");
    let attributes = [
        ("x", "0"),
        ("y", "0"),
        ("width", "100%"),
        ("height", height.as_str()),
        ("viewBox", view.as_str()),
        ("preserveAspectRatio", "none"),
    ];
    h.element("svg", &attributes, |h| {
        let middle =
            |slice: &ProbeSlice| scale.x(after(begun, slice.from_ms + probe.slice_ms / 2)) * WIDE / 100.0;
        for series in probe.over_time.chunk_by(|one, next| {
            one.latency.is_some() && next.latency.is_some() && next.from_ms - one.from_ms <= probe.slice_ms
        }) {
            let points: Vec<(f64, [u64; 3])> = series
                .iter()
                .filter_map(|slice| {
                    let latency = slice.latency?;
                    Some((middle(slice), [latency.p50_ms, latency.p95_ms, latency.max_ms]))
                })
                .collect();
            for (index, class) in [(2, "curve slowest"), (1, "curve p95"), (0, "curve p50")] {
                let mut path = String::new();
                for (x, values) in &points {
                    let command = if path.is_empty() { 'M' } else { 'L' };
                    path.push_str(&format!("{command}{x:.1} {:.1}", y_of(values[index], top)));
                }
                if let [(x, _)] = points.as_slice() {
                    // A point alone would not be seen.
                    path.push_str(&format!("L{:.1} {:.1}", x + 2.0, y_of(points[0].1[index], top)));
                }
                if !path.is_empty() {
                    h.void(
                        "path",
                        &[("class", class), ("d", &path), ("vector-effect", "non-scaling-stroke")],
                    );
                }
            }
        }
    });
}

fn failures(h: &mut Html, probe: &ProbeReport, slice: &ProbeSlice, scale: Scale, begun: Timestamp) {
    let until = after(begun, slice.from_ms + probe.slice_ms);
    let (x, width) = scale.span(after(begun, slice.from_ms), until);
    let (x, width) = (percent(x), percent(width));
    let height = format!("{:.0}", BOTTOM - TOP + 20.0);
    let top = format!("{TOP:.0}");
    h.element("g", &[], |h| {
        let from = scale.told(after(begun, slice.from_ms));
        h.leaf("title", &[], &format!("{} of {} requests failed from {from}", slice.failed, slice.sent));
        let place =
            [("x", x.as_str()), ("y", top.as_str()), ("width", width.as_str()), ("height", height.as_str())];
        h.void("rect", &[&[("class", "lost")], &place[..]].concat());
        h.void("rect", &[&[("fill", "url(#cross)")], &place[..]].concat());
    });
}

fn description_of(probe: &ProbeReport) -> String {
    let failing = probe.over_time.iter().filter(|slice| slice.failed > 0).count();
    let lost = match failing {
        0 => "No request failed.".to_owned(),
        _ => format!("{} of {} requests failed.", probe.failed, probe.sent),
    };
    format!(
        "Lines of the median, the 95th percentile and the slowest answer. {lost} The table below has the numbers."
    )
}

fn legend(h: &mut Html, probe: &ProbeReport) {
    let curves = [("curve p50", "median"), ("curve p95", "95 % were faster"), ("curve slowest", "slowest")];
    h.element("ul", &[("class", "legend")], |h| {
        for (class, words) in curves {
            h.element("li", &[], |h| {
                let size = [("class", "swatch"), ("width", "26"), ("height", "13"), ("aria-hidden", "true")];
                h.element("svg", &size, |h| h.void("path", &[("class", class), ("d", "M0 7H26")]));
                h.text(words);
            });
        }
        if probe.failed > 0 {
            h.element("li", &[], |h| {
                let size = [("class", "swatch"), ("width", "22"), ("height", "13"), ("aria-hidden", "true")];
                h.element("svg", &size, |h| {
                    let whole = [("width", "22"), ("height", "13")];
                    h.void("rect", &[&[("class", "lost")], &whole[..]].concat());
                    h.void("rect", &[&[("fill", "url(#cross)")], &whole[..]].concat());
                });
                h.text("requests failed");
            });
        }
    });
}

fn table(h: &mut Html, service: &str, probe: &ProbeReport) {
    h.element("details", &[], |h| {
        h.leaf("summary", &[], "The requests as a table");
        h.element("table", &[("class", "numbers")], |h| {
            let caption = format!(
                "Requests to {service} in parts of {} ms, counted from the first request; latencies in ms",
                probe.slice_ms
            );
            h.leaf("caption", &[], &caption);
            h.element("thead", &[], |h| {
                h.element("tr", &[], |h| {
                    for heading in ["From", "Sent", "Failed", "p50", "p95", "Slowest"] {
                        h.leaf("th", &[("scope", "col")], heading);
                    }
                });
            });
            h.element("tbody", &[], |h| {
                for slice in &probe.over_time {
                    h.element("tr", &[], |h| {
                        let from = super::super::text::duration(slice.from_ms);
                        h.leaf("th", &[("scope", "row")], &from);
                        h.leaf("td", &[], &slice.sent.to_string());
                        h.leaf("td", &[], &slice.failed.to_string());
                        let numbers = slice.latency.map(|l| [l.p50_ms, l.p95_ms, l.max_ms]);
                        for index in 0..3 {
                            let text = numbers.map_or_else(|| "–".to_owned(), |n| n[index].to_string());
                            h.leaf("td", &[], &text);
                        }
                    });
                }
            });
        });
    });
}
