//! The outputs of a step: what later steps read of a run.

use serde_json::{Value, json};

use super::is_told;
use crate::event::ServiceReport;
use crate::state::RunState;

/// Names and values for `GITHUB_OUTPUT`. With several services, the plain names are of the first one of the
/// configuration, and `services` has all of them. `report` is the path of the page of `--report`.
pub fn outputs(state: &RunState, report: Option<&str>) -> Vec<(&'static str, String)> {
    if !is_told(state) {
        return Vec::new();
    }
    let run = state.report();
    let mut outputs = vec![("verdict", name_of(&run.verdict))];
    let mut add = |name, value: Option<&String>| {
        if let Some(value) = value {
            outputs.push((name, value.clone()));
        }
    };
    if let Some(first) = run.services.first() {
        add("task-definition-arn", first.task_definition.as_ref());
        add("image-digest", first.image_digest.as_ref());
        add("deployment-id", first.deployment_id.as_ref());
        add("zero-downtime", first.zero_downtime.as_ref().map(|zero| name_of(&zero.verdict)).as_ref());
    }
    add("report", report.map(str::to_owned).as_ref());
    if run.services.len() > 1 {
        let services: Vec<Value> = run.services.iter().map(short).collect();
        add("services", Some(&Value::from(services).to_string()));
    }
    outputs
}

fn name_of(value: &impl serde::Serialize) -> String {
    // Verdicts are names in JSON.
    serde_json::to_value(value).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The report of a service without what is long: outputs of a job may have 1 MB in all.
fn short(service: &ServiceReport) -> Value {
    let mut value = json!(service);
    if let Some(fields) = value.as_object_mut() {
        for long in ["logs", "pushes", "checks", "preflight"] {
            fields.remove(long);
        }
    }
    value
}

/// The lines that set outputs: `name<<DELIMITER`, the value, `DELIMITER`. No value can end its own, because none has
/// the delimiter in it.
pub fn lines(outputs: &[(&'static str, String)]) -> String {
    let mut delimiter = fresh();
    while outputs.iter().any(|(_, value)| value.contains(&delimiter)) {
        delimiter = fresh();
    }
    outputs.iter().map(|(name, value)| format!("{name}<<{delimiter}\n{value}\n{delimiter}\n")).collect()
}

/// GitHub wants it random, so that whoever can write into a value cannot know it.
fn fresh() -> String {
    format!("landfall_{:032x}", fastrand::u128(..))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::testing::{deployed, planned};

    #[test]
    fn a_deployment_tells_what_later_steps_need() {
        let state = deployed(&["hello"]);
        let found = outputs(&state, Some("out/report.html"));
        let names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
        let expected =
            ["verdict", "task-definition-arn", "image-digest", "deployment-id", "zero-downtime", "report"];
        assert_eq!(names, expected);
        assert_eq!((found[0].1.as_str(), found[4].1.as_str()), ("succeeded", "observed"));
        assert!(found[1].1.starts_with("arn:aws:ecs:") && found[2].1.starts_with("sha256:"), "{found:?}");
        assert_eq!(outputs(&planned(), None)[0].1, "planned");
        assert!(outputs(&RunState::default(), None).is_empty(), "nothing has ended");
    }

    #[test]
    fn several_services_are_in_one_value_without_what_is_long() {
        let found = outputs(&deployed(&["hello", "worker"]), None);
        let (_, services) = found.last().unwrap();
        let services: Value = serde_json::from_str(services).unwrap();
        assert_eq!(services[0]["name"], "hello");
        assert_eq!(services[1]["name"], "worker");
        assert!(services[0].get("logs").is_none() && services[0]["deployment_id"].is_string());
    }

    #[test]
    fn no_value_ends_its_own() {
        let values = ["", "a\nb", "x\nEOF\nverdict<<EOF\nhacked", "landfall_\n", "::set-output name=a::b"];
        let outputs: Vec<(&'static str, String)> = values.map(|value| ("name", value.to_owned())).to_vec();
        let text = lines(&outputs);
        let delimiter = text.lines().next().unwrap().strip_prefix("name<<").unwrap();
        assert_eq!(delimiter.len(), "landfall_".len() + 32);
        let parts: Vec<&str> = text.split(&format!("name<<{delimiter}\n")).skip(1).collect();
        let read: Vec<&str> =
            parts.iter().map(|part| part.strip_suffix(&format!("\n{delimiter}\n")).unwrap()).collect();
        assert_eq!(read, values);
        assert_ne!(lines(&outputs), text, "another delimiter each time");
    }
}
