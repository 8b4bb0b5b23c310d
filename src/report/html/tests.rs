//! The page of scripted runs: well-formed, with a text for each picture, and with no markup from outside.

use std::collections::BTreeSet;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event as Xml};

use super::super::testing::*;
use super::*;
use crate::event::*;

mod rich;

/// The elements and attributes of a page, and what is needed to see whether it can be read in every way.
#[derive(Debug, Default)]
struct Parsed {
    names: BTreeSet<String>,
    attributes: BTreeSet<String>,
    ids: Vec<String>,
    /// Ids that something refers to, with who does.
    refers: Vec<(String, String)>,
    /// `h2 hello`, `caption Changes...`, in order.
    outline: Vec<String>,
    tables: usize,
    captions: usize,
    unscoped: usize,
    pictures: usize,
    text: String,
}

fn parsed(page: &str) -> Parsed {
    let mut reader = Reader::from_str(page);
    let mut parsed = Parsed::default();
    let mut inside: Vec<String> = Vec::new();
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("not well-formed: {error}\n{page}")) {
            Xml::Start(start) => {
                let name = parsed.element(&start, &inside);
                inside.push(name);
            }
            Xml::Empty(start) => {
                parsed.element(&start, &inside);
            }
            Xml::End(_) => {
                inside.pop();
            }
            Xml::Text(text) => parsed.text(&text.decode().expect("UTF-8"), &inside),
            Xml::GeneralRef(reference) => {
                let text = match reference.resolve_char_ref().expect("a character") {
                    Some(c) => c.to_string(),
                    None => match &*reference.decode().expect("UTF-8") {
                        "amp" => "&",
                        "lt" => "<",
                        "gt" => ">",
                        "quot" => "\"",
                        other => panic!("&{other}; is no reference of ours"),
                    }
                    .to_owned(),
                };
                parsed.text(&text, &inside);
            }
            Xml::Eof => return parsed,
            _ => {}
        }
    }
}

impl Parsed {
    fn element(&mut self, start: &BytesStart<'_>, inside: &[String]) -> String {
        let name = String::from_utf8(start.name().as_ref().to_vec()).expect("UTF-8");
        let attributes: Vec<(String, String)> = start
            .attributes()
            .map(|attribute| {
                let attribute = attribute.expect("an attribute");
                let key = String::from_utf8(attribute.key.as_ref().to_vec()).expect("UTF-8");
                (key, String::from_utf8(attribute.value.to_vec()).expect("UTF-8"))
            })
            .collect();
        let value =
            |name: &str| attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        self.ids.extend(value("id").map(str::to_owned));
        for reference in ["aria-labelledby", "href"] {
            let ids = value(reference).into_iter().flat_map(str::split_whitespace);
            self.refers.extend(ids.map(|id| (id.trim_start_matches('#').to_owned(), name.clone())));
            assert!(
                reference != "href" || value("href").is_none_or(|to| to.starts_with('#')),
                "{attributes:?}"
            );
        }
        for (_, value) in &attributes {
            if let Some(id) = value.strip_prefix("url(#").and_then(|id| id.strip_suffix(')')) {
                self.refers.push((id.to_owned(), name.clone()));
            }
        }
        match name.as_str() {
            // An inner SVG is a part of the one around it.
            "svg" if !inside.iter().any(|outer| outer == "svg") => {
                self.pictures += 1;
                let described = value("aria-labelledby").is_some_and(|ids| ids.split(' ').count() == 2);
                let drawn = value("role") == Some("img") && described;
                assert!(
                    drawn || value("aria-hidden") == Some("true"),
                    "a picture without words: {attributes:?}"
                );
            }
            "table" => self.tables += 1,
            "caption" => self.captions += 1,
            "th" if value("scope").is_none() => self.unscoped += 1,
            _ => {}
        }
        if matches!(name.as_str(), "h1" | "h2" | "h3" | "h4" | "caption" | "summary") {
            self.outline.push(name.clone());
        }
        self.attributes.extend(attributes.into_iter().map(|(key, _)| key));
        self.names.insert(name.clone());
        name
    }

    fn text(&mut self, text: &str, inside: &[String]) {
        if inside.iter().any(|name| name == "style") {
            return;
        }
        self.text.push_str(text);
        let told = inside
            .iter()
            .any(|name| matches!(name.as_str(), "h1" | "h2" | "h3" | "h4" | "caption" | "summary"));
        if let Some(last) = self.outline.last_mut().filter(|_| told) {
            if !last.contains(' ') {
                last.push(' ');
            }
            last.push_str(text);
        }
    }

    #[track_caller]
    fn assert_good(&self, what: &str) {
        const ELEMENTS: [&str; 59] = [
            "a",
            "article",
            "b",
            "body",
            "caption",
            "circle",
            "code",
            "dd",
            "defs",
            "desc",
            "details",
            "div",
            "dl",
            "dt",
            "figcaption",
            "figure",
            "footer",
            "g",
            "h1",
            "h2",
            "h3",
            "h4",
            "head",
            "header",
            "html",
            "li",
            "line",
            "main",
            "meta",
            "ol",
            "p",
            "path",
            "pattern",
            "pre",
            "rect",
            "section",
            "span",
            "style",
            "summary",
            "svg",
            "table",
            "tbody",
            "td",
            "text",
            "th",
            "thead",
            "time",
            "title",
            "tr",
            "tspan",
            "ul",
            "b",
            "a",
            "p",
            "li",
            "dl",
            "dt",
            "dd",
            "g",
        ];
        const ATTRIBUTES: [&str; 40] = [
            "aria-hidden",
            "aria-labelledby",
            "charset",
            "class",
            "colspan",
            "content",
            "cx",
            "cy",
            "d",
            "datetime",
            "fill",
            "height",
            "href",
            "http-equiv",
            "id",
            "lang",
            "name",
            "overflow",
            "patternUnits",
            "preserveAspectRatio",
            "r",
            "role",
            "rx",
            "scope",
            "text-anchor",
            "vector-effect",
            "viewBox",
            "width",
            "x",
            "x1",
            "x2",
            "xmlns",
            "y",
            "y1",
            "y2",
            "id",
            "x",
            "y",
            "d",
            "r",
        ];
        let strange: Vec<_> = self.names.iter().filter(|name| !ELEMENTS.contains(&name.as_str())).collect();
        assert!(strange.is_empty(), "{what}: {strange:?}");
        let strange: Vec<_> =
            self.attributes.iter().filter(|name| !ATTRIBUTES.contains(&name.as_str())).collect();
        assert!(strange.is_empty(), "{what}: {strange:?}");
        let ids: BTreeSet<&String> = self.ids.iter().collect();
        assert_eq!(ids.len(), self.ids.len(), "{what}: an id occurs twice: {:?}", self.ids);
        for (id, by) in &self.refers {
            assert!(ids.contains(id), "{what}: {by} refers to {id}, which is not there");
        }
        assert_eq!(self.tables, self.captions, "{what}: a table without a caption");
        assert_eq!(self.unscoped, 0, "{what}: a heading of a table without a scope");
    }
}

fn page_of(records: &[Record]) -> String {
    page(&state_of(records))
}

/// With a probe that lost a request, or none.
fn probed(failed: u64) -> Vec<Record> {
    let latency = |ms| Some(ProbeLatency { p50_ms: ms, p95_ms: ms + 4, p99_ms: ms + 5, max_ms: ms + 9 });
    let slice = |from_ms, failed, ms| ProbeSlice { from_ms, sent: 5, failed, latency: ms };
    let probe = ProbeReport {
        url: "https://hello.example/health".to_owned(),
        interval_ms: 200,
        duration_ms: 5_000,
        sent: 25,
        failed,
        latency: latency(12),
        slice_ms: 1_000,
        over_time: vec![
            slice(0, 0, latency(10)),
            slice(1_000, 0, latency(31)),
            slice(2_000, failed, latency(12).filter(|_| failed < 5)),
            slice(4_000, 0, latency(11)),
        ],
        longest_gap_ms: 220,
        checks: 1,
        ..ProbeReport::default()
    };
    let mut records = success();
    for record in &mut records {
        if let Event::RolloutFinished { zero_downtime: Some(measured), .. } = &mut record.event {
            *measured = measured.clone().with_probe(probe.clone());
        }
    }
    records
}

#[test]
fn every_page_is_well_formed_and_has_words_for_each_picture() {
    for (name, records) in all_scripts().into_iter().chain([
        ("a push", pushed()),
        ("a probe", probed(5)),
        ("all of it", rich::rich()),
    ]) {
        let text = page_of(&records);
        assert!(text.starts_with("<!DOCTYPE html>\n<html lang=\"en\" "), "{name}");
        let parsed = parsed(&text);
        parsed.assert_good(name);
        let drawn = text.contains("role=\"img\"");
        assert_eq!(drawn, text.contains("as a table</summary>"), "{name}: a picture without a table");
    }
    parsed(&page(&crate::state::RunState::default())).assert_good("nothing");
}

#[test]
fn a_page_begins_with_the_verdict_and_ends_with_the_calls() {
    insta::assert_snapshot!(parsed(&page_of(&rolled_back())).outline.join("\n"), @r"
    h1 deploy hello ✗ failed and rolled back
    h2 hello ✗ failed and rolled back
    h3 Findings
    h4 The container web exits with code 1 soon after it starts
    h3 What now
    h3 Timeline
    summary The timeline as a table
    caption Tasks of hello over time, counted from the update
    h3 Zero downtime
    h3 Plan
    caption Changes, in the order in which they are made
    h3 Images
    caption Images of the containers
    h2 Steps
    caption Steps of the run, counted from its start
    h2 Calls of AWS
    summary 31 calls, retries included
    caption Calls by operation
    ");
}

#[test]
fn nothing_is_loaded_and_nothing_runs() {
    let text = page_of(&probed(5));
    assert!(
        text.contains("default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;; img-src data:;"),
        "{text}"
    );
    for never in ["<script", "http://", "https://", "@import", "url(", "javascript:", " onload"] {
        let allowed = [
            "http://www.w3.org/2000/svg",
            "http://www.w3.org/1999/xhtml",
            "https://hello.example/health",
            "url(#",
        ];
        let rest = allowed.iter().fold(text.clone(), |text, allowed| text.replace(allowed, ""));
        assert!(!rest.contains(never), "{never}");
    }
}

const HOSTILE: &str = "</title></style></svg>\"'><script>alert(1)</script><svg onload=alert(1)><!--]]>&lt;&#60;\u{0}\u{1b}[31m\u{202e}\u{fffe}";

/// Puts the text into every string that may be any text: where the record cannot be read any more, it is none.
fn made_hostile(record: &Record) -> Record {
    fn strings(value: &mut serde_json::Value, at: &mut usize, target: usize) {
        match value {
            serde_json::Value::String(text) => {
                if *at == target {
                    text.push_str(HOSTILE);
                }
                *at += 1;
            }
            serde_json::Value::Array(all) => all.iter_mut().for_each(|one| strings(one, at, target)),
            serde_json::Value::Object(all) => all.values_mut().for_each(|one| strings(one, at, target)),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(record).expect("JSON");
    let mut number = 0;
    strings(&mut value.clone(), &mut number, usize::MAX);
    for target in 0..number {
        let mut changed = value.clone();
        strings(&mut changed, &mut 0, target);
        if serde_json::from_value::<Record>(changed.clone()).is_ok() {
            value = changed;
        }
    }
    serde_json::from_value(value).expect("a record")
}

#[test]
fn no_text_from_outside_becomes_markup() {
    for (name, records) in all_scripts().into_iter().chain([
        ("a push", pushed()),
        ("a probe", probed(5)),
        ("all of it", rich::rich()),
    ]) {
        let hostile: Vec<Record> = records.iter().map(made_hostile).collect();
        let text = page_of(&hostile);
        assert!(
            !text.contains("<script") && !text.contains("<!--") && !text.contains("<svg onload"),
            "{name}"
        );
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{name}");
        assert!(!text.contains(['\u{202e}', '\u{fffe}']), "{name}");
        let parsed = parsed(&text);
        parsed.assert_good(name);
        assert!(parsed.text.contains("<script>alert(1)</script>"), "{name}: it is shown as text");
    }
}

#[test]
fn a_task_that_failed_is_told_in_the_picture_and_in_the_table() {
    let text = page_of(&rolled_back());
    assert!(text.contains("failed +5.5 s, exit code 1"), "{text}");
    assert!(text.contains(
        "<td>EssentialContainerExited: Essential container in task exited (web: exit code 1)</td>"
    ));
    assert!(text.contains("rollback to hello:8 by Landfall began"));
    assert!(text.contains("2 new tasks, 2 of them failed"), "{text}");
}

#[test]
fn the_plan_checks_variables_and_logs_are_told_and_what_is_hidden_is_not() {
    let text = parsed(&page_of(&rich::rich())).text;
    for told in [
        "web.command",
        "added",
        "not shown",
        "changed, starts no deployment",
        "36.04 USD a month",
        "targets drain for 300 s",
        "DB_PASSWORD",
        "/db (hides environment)",
        "Not read, so that its variables are not listed",
        "error: no-route-to-ecr",
        "add an endpoint",
        "ec2:DescribeRouteTables",
        "  at main",
        "Not to be had: not allowed",
        "PRODUCTION_TRAFFIC_SHIFT",
        "10 % of the traffic",
        "the branch feature/<b> is old",
        "feature/new",
        "never looked at",
        "! interrupted",
    ] {
        assert!(text.contains(told), "{told:?} is not in {text}");
    }
}

#[test]
fn of_hundreds_of_tasks_some_are_drawn_and_the_rest_is_counted() {
    let mut script = Script::new(&["hello"], false);
    for number in 0..300 {
        let mut task = task(&format!("{number:08x}"), Role::Followed, "RUNNING", "healthy");
        if number >= 290 {
            task.last_status = "STOPPED".to_owned();
            task.stopped = Some(Stopped {
                code: Some("TaskFailedToStart".to_owned()),
                reason: None,
                containers: Vec::new(),
            });
        }
        script.on(1_000 + i64::from(number), Event::TaskChanged { task });
    }
    let text = page_of(&script.records());
    assert!(text.contains("25 of 300 new tasks are drawn, 275 left out."));
    assert!(text.contains("200 more new tasks are left out."));
    assert_eq!(text.matches("<tspan class=\"id\">").count(), 25);
    assert!(text.contains("<tspan class=\"id\">00000129</tspan>"), "those that failed are drawn");
    assert!(text.len() < 200_000, "{}", text.len());
    parsed(&text).assert_good("300 tasks");
}

#[test]
fn the_probe_is_a_chart_with_a_table_and_its_failures_are_marked() {
    let (good, bad) = (page_of(&probed(0)), page_of(&probed(5)));
    assert!(good.contains("No request failed."));
    assert!(!good.contains("class=\"lost\""));
    assert!(bad.contains("<title>5 of 5 requests failed from +2.0 s</title>"), "{bad}");
    assert!(
        bad.contains("<th scope=\"row\">2.0 s</th><td>5</td><td>5</td><td>–</td><td>–</td><td>–</td></tr>")
    );
}

#[test]
fn an_old_recording_without_latencies_over_time_has_a_page() {
    let mut records = probed(0);
    for record in &mut records {
        if let Event::RolloutFinished { zero_downtime: Some(measured), .. } = &mut record.event {
            let probe = measured.probe.as_mut().expect("a probe");
            (probe.over_time, probe.slice_ms) = (Vec::new(), 0);
        }
    }
    let text = page_of(&records);
    assert!(text.contains("answers took 12 ms (p50)") && !text.contains("The requests as a table"));
}
