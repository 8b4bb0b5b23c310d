//! XML answers.

use quick_xml::escape::escape;
use serde_json::Value;

/// `<name>text</name>`
pub(super) fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escape(text))
}

/// The fields of a JSON object as elements; entries of an array are elements named `entry`: `member` in the Query
/// protocol, `item` in EC2's flavour of it.
pub(super) fn fields(value: &Value, entry: &str) -> String {
    match value {
        Value::Null => String::new(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| format!("<{name}>{}</{name}>", self::fields(value, entry)))
            .collect(),
        Value::Array(items) => {
            items.iter().map(|item| format!("<{entry}>{}</{entry}>", fields(item, entry))).collect()
        }
        Value::String(text) => escape(text.as_str()).into_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nests_and_escapes() {
        let value = json!({ "A": [{ "B": "<&>" }, { "B": 2 }], "C": true, "D": null });
        assert_eq!(
            fields(&value, "member"),
            "<A><member><B>&lt;&amp;&gt;</B></member><member><B>2</B></member></A><C>true</C>"
        );
    }
}
