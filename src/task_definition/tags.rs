//! The tags by which a revision says where it comes from. They never make a difference between two revisions.

use serde_json::{Value, json};

use super::document::TaskDefinition;
use crate::event::Origin;

/// The commit that a revision was made from.
pub const COMMIT_TAG: &str = "landfall:commit";
/// The CI run that registered a revision.
pub const RUN_TAG: &str = "landfall:run";

/// Tags of one resource (facts 7.3).
const MOST_TAGS: usize = 50;
/// Characters in a tag's value (ECS API reference, `Tag`).
const LONGEST_VALUE: usize = 256;

/// Whether it is one of the tags that Landfall writes.
pub(super) fn is_own(tag: &Value) -> bool {
    let key = tag.get("key").and_then(Value::as_str);
    key.is_some_and(|key| key == COMMIT_TAG || key == RUN_TAG)
}

impl TaskDefinition {
    /// With tags that say where it comes from: as many as there is room for beside its own.
    #[must_use]
    pub fn tagged(mut self, origin: &Origin) -> Self {
        // A page may have characters that no tag takes; then what the CI system calls the run says more than half a URL.
        let run = match (&origin.run_url, &origin.run_id) {
            (Some(url), Some(id)) if tag_value(url) != *url => Some(id),
            (url, id) => url.as_ref().or(id.as_ref()),
        };
        let wanted = [(COMMIT_TAG, origin.commit.as_ref()), (RUN_TAG, run)];
        let wanted = wanted.into_iter().filter_map(|(key, value)| {
            let value = tag_value(value?);
            (!value.is_empty()).then(|| json!({ "key": key, "value": value }))
        });
        let mut tags = match self.document.get("tags") {
            Some(Value::Array(tags)) => tags.clone(),
            None | Some(Value::Null) => Vec::new(),
            // Not ours to mend.
            Some(_) => return self,
        };
        let room = MOST_TAGS.saturating_sub(tags.len());
        tags.extend(wanted.take(room));
        if !tags.is_empty() {
            self.document.insert("tags".to_owned(), Value::Array(tags));
        }
        self
    }
}

/// A text as the value of a tag: letters, digits, spaces and `+ - = . _ : / @`, at most 256 characters (ECS API
/// reference, `Tag`). What may not stand there becomes `_`.
fn tag_value(text: &str) -> String {
    let legal = |c: char| c.is_alphanumeric() || c == ' ' || "+-=._:/@".contains(c);
    let cleaned = text.trim().chars().map(|c| if legal(c) { c } else { '_' });
    cleaned.take(LONGEST_VALUE).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task_definition::differences;

    fn definition(tags: Value) -> TaskDefinition {
        let value = json!({ "family": "web", "containerDefinitions": [{ "name": "app" }], "tags": tags });
        TaskDefinition::from_value(value).unwrap()
    }

    fn origin() -> Origin {
        Origin {
            commit: Some("0a1b2c3d4e5f60718293a4b5c6d7e8f901234567".into()),
            run_url: Some("https://github.com/ada/web/actions/runs/7/attempts/1".into()),
            run_id: None,
            version: Some("v1.2.0".into()),
        }
    }

    fn tags(definition: &TaskDefinition) -> Vec<(String, String)> {
        let text = |tag: &Value, name: &str| tag[name].as_str().unwrap().to_owned();
        let tags = definition.as_map().get("tags").and_then(Value::as_array);
        tags.into_iter().flatten().map(|tag| (text(tag, "key"), text(tag, "value"))).collect()
    }

    #[test]
    fn a_revision_says_where_it_comes_from_beside_what_it_says_already() {
        let tagged = definition(json!([{ "key": "team", "value": "blue" }])).tagged(&origin());
        let expected = [
            ("team", "blue"),
            (COMMIT_TAG, "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"),
            (RUN_TAG, "https://github.com/ada/web/actions/runs/7/attempts/1"),
        ];
        assert_eq!(tags(&tagged), expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn tags_of_an_earlier_run_are_not_kept_and_make_no_difference() {
        let first = definition(json!([])).tagged(&origin());
        let described = TaskDefinition::from_value(first.to_value()).unwrap();
        assert_eq!(tags(&described), []);
        assert_eq!(differences(&first, &described), []);
        let unknown = described.tagged(&Origin::default());
        assert!(!unknown.as_map().contains_key("tags"), "ECS refuses an empty list");
    }

    #[test]
    fn values_are_such_as_a_tag_takes() {
        assert_eq!(tag_value(" main\n"), "main");
        assert_eq!(tag_value("a?b=1&c#d%20\u{7}é"), "a_b=1_c_d_20_é");
        assert_eq!(tag_value(&"é".repeat(300)).chars().count(), 256);
    }

    #[test]
    fn the_page_of_a_build_that_no_tag_takes_gives_way_to_its_name() {
        let url =
            "https://eu-west-1.console.aws.amazon.com/codebuild/home?region=eu-west-1#/builds/web:1/view";
        let arn = "arn:aws:codebuild:eu-west-1:123456789012:build/web:0a1b";
        let of = |id: Option<&str>| {
            let origin =
                Origin { run_url: Some(url.into()), run_id: id.map(str::to_owned), ..Origin::default() };
            tags(&definition(json!([])).tagged(&origin)).remove(0).1
        };
        assert_eq!(of(Some(arn)), arn);
        assert!(of(None).starts_with("https://eu-west-1.console.aws.amazon.com/codebuild/home_region="));
    }

    #[test]
    fn fifty_tags_of_the_definition_leave_no_room() {
        let full: Vec<Value> = (0..49).map(|n| json!({ "key": format!("k{n}"), "value": "v" })).collect();
        let tagged = definition(Value::Array(full)).tagged(&origin());
        assert_eq!(tags(&tagged).len(), 50);
        assert_eq!(tags(&tagged)[49].0, COMMIT_TAG);
    }
}
