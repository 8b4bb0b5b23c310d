//! Writing `landfall.yml` as a person would.

/// The name of the configuration file.
pub(super) const CONFIG: &str = "landfall.yml";
/// The name of the file for the task definition.
pub(super) const TASK_DEFINITION: &str = "task-definition.json";
/// The name of the file for the service definition.
pub(super) const SERVICE_DEFINITION: &str = "service-definition.json";

/// A file that is written line by line.
#[derive(Debug, Default)]
pub(super) struct Lines {
    text: String,
}

impl Lines {
    /// `key: value` at a depth of two spaces each.
    pub(super) fn value(&mut self, depth: usize, key: &str, value: &str) {
        self.line(depth, &format!("{}: {}", scalar(key), scalar(value)));
    }

    /// `key:`, below which others follow.
    pub(super) fn key(&mut self, depth: usize, key: &str) {
        self.line(depth, &format!("{}:", scalar(key)));
    }

    /// A line as it is.
    pub(super) fn line(&mut self, depth: usize, text: &str) {
        self.text.push_str(&"  ".repeat(depth));
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// An empty line.
    pub(super) fn gap(&mut self) {
        self.text.push('\n');
    }

    /// The key of a service definition.
    pub(super) fn service_definition(&mut self, depth: usize) {
        self.line(depth, &format!("service_definition: {SERVICE_DEFINITION}"));
    }

    /// The whole file.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// A text as a YAML scalar in block style: plain where that is a text to every reader.
pub(super) fn scalar(text: &str) -> String {
    let first = text.chars().next();
    let is_duration = text.ends_with(['s', 'm', 'h']) && text.chars().all(|c| c.is_ascii_alphanumeric());
    let starts_well =
        is_duration || first.is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '_' | '/' | '$' | '.'));
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./@-$:{}?=+".contains(c);
    let word = text.to_ascii_lowercase();
    let is_word = matches!(
        word.as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n" | "." | ".nan" | ".inf"
    );
    if starts_well && text.chars().all(plain) && !text.ends_with(':') && !is_word && !is_number(text) {
        return text.to_owned();
    }
    if text.chars().all(|c| !c.is_control()) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    // JSON's escapes are those of a text in double quotes.
    serde_json::Value::from(text).to_string()
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}

/// A JSON document as a file.
pub(super) fn json_file(document: &serde_json::Value) -> String {
    // `{:#}` writes the document indented by two spaces, in its own order.
    format!("{document:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalar_is_read_as_the_text_that_it_was() {
        for text in [
            "10m0s",
            "web",
            "eu-west-1",
            "123456789012",
            "true",
            "No",
            "a: b",
            "x #y",
            "",
            " x",
            "it's",
            "a\nb",
            "${A}:${B:-x}",
            "1.10",
            "arn:aws:ecs:eu-west-1:1:cluster/x",
            "- x",
            "*a",
            "&a",
            "a:",
            "null",
            "~",
            "é",
            "{a}",
            "[a]",
            "%x",
            "@x",
            "!x",
            ".5",
            ".inf",
        ] {
            let yaml = format!("{}: {}\n", scalar("k"), scalar(text));
            let read: std::collections::BTreeMap<String, serde_json::Value> =
                serde_saphyr::from_str(&yaml).unwrap();
            assert_eq!(read["k"], text, "{yaml}");
        }
    }
}
