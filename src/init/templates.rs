//! Template functions of ecspresso as expressions of ours.

use crate::lookup::{Reading, escape};

/// A text with its templates replaced, and what could not be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Converted {
    /// The text; what is not converted stays as it is.
    pub text: String,
    /// What stayed, with the line that it stands on.
    pub left: Vec<(usize, String)>,
    /// The states, by prefix, that `tfstate` functions read; the first one's is empty.
    pub reads_state: Vec<String>,
}

/// Replaces `{{ env }}`, `{{ must_env }}`, `{{ tfstate }}`, `{{ tfstatef }}`, `{{ ssm }}` and `{{ cfn_output }}`. What
/// stands in front of and behind a template in the file is left alone: ecspresso replaces text, before the file is read.
pub(super) fn convert(text: &str) -> Converted {
    let mut converted = Converted::default();
    let mut rest = text;
    let mut line = 1;
    while let Some(at) = rest.find("{{") {
        let before = &rest[..at];
        converted.text.push_str(before);
        line += before.matches('\n').count();
        let Some(end) = rest[at..].find("}}") else {
            rest = &rest[at..];
            converted.left.push((line, "{{ without }}".to_owned()));
            converted.text.push_str(rest);
            return converted;
        };
        let written = &rest[at..at + end + 2];
        let inner = written[2..written.len() - 2].trim_matches(['-', ' ', '\n', '\t']);
        match expression(inner) {
            Some((expression, state)) => {
                // Within a text in double quotes, quotes of an address are escaped.
                converted.text.push_str(&expression.replace('"', "'"));
                if let Some(state) = state.filter(|state| !converted.reads_state.contains(state)) {
                    converted.reads_state.push(state);
                }
            }
            None => {
                converted.left.push((line, written.to_owned()));
                converted.text.push_str(written);
            }
        }
        line += written.matches('\n').count();
        rest = &rest[at + end + 2..];
    }
    converted.text.push_str(rest);
    converted
}

/// The dollar sign of an expression that reads the environment, until it is known where it stands.
const VARIABLE: &str = "\u{e000}";
/// The dollar sign of a lookup.
const LOOKUP: &str = "\u{e001}";

/// A converted text as a value: what was no expression there does not become one, and what a shell in the container
/// reads stays the shell's.
pub(super) fn finish(text: &str, reading: Reading) -> String {
    match reading {
        Reading::Value => escape(text).replace(VARIABLE, "$").replace(LOOKUP, "$"),
        Reading::Shell => text.replace(&format!("{VARIABLE}{{"), "${env:").replace(LOOKUP, "$"),
    }
}

/// Whether an expression of ours begins here.
pub(super) fn begins(text: &str) -> bool {
    text.starts_with(VARIABLE) || text.starts_with(LOOKUP)
}

/// Our expression for a call, and the prefix of the plugin for one that reads a state.
fn expression(call: &str) -> Option<(String, Option<String>)> {
    let words = words(call)?;
    let (function, arguments) = words.split_first()?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // A state's prefix is in front of the function's name: net_tfstate.
    let (prefix, function) = match function.rfind("tfstate") {
        Some(at) => function.split_at(at),
        None => ("", function.as_str()),
    };
    let safe = |text: &str| !text.contains(['}', '{']);
    let of_state = |address: &str| {
        let name = prefix.trim_end_matches('_');
        let source = if name.is_empty() { "tfstate".to_owned() } else { format!("tfstate.{name}") };
        (format!("{LOOKUP}{{{source}:{address}}}"), Some(prefix.to_owned()))
    };
    match (function, arguments.as_slice()) {
        ("must_env", [name]) => Some((format!("{VARIABLE}{{{name}}}"), None)),
        // Without a default, ecspresso takes nothing for a variable that is not set.
        ("env", [name]) => Some((format!("{VARIABLE}{{{name}:-}}"), None)),
        ("env", [name, default]) if safe(default) => Some((format!("{VARIABLE}{{{name}:-{default}}}"), None)),
        ("tfstate", [address]) => Some(of_state(address)),
        ("tfstatef", [format, values @ ..]) => {
            let mut address = (*format).to_owned();
            for value in values {
                let at = ["%s", "%d", "%v", "%q"].iter().filter_map(|verb| address.find(verb)).min()?;
                let quoted = &address[at..at + 2] == "%q";
                let value = if quoted { format!("\"{value}\"") } else { (*value).to_owned() };
                address.replace_range(at..at + 2, &value);
            }
            (!address.contains('%')).then(|| of_state(&address))
        }
        ("ssm", [name]) => Some((format!("{LOOKUP}{{ssm:{name}}}"), None)),
        ("cfn_output", [stack, output]) => Some((format!("{LOOKUP}{{cfn:{stack}.{output}}}"), None)),
        _ => None,
    }
}

/// The words of a call: names, and texts in backticks or quotes. `None` for what is more than that.
fn words(call: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = call.trim();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            // In a JSON file a quote of a template is often escaped.
            '`' | '"' | '\'' => {
                let end = rest[1..].find(first)?;
                (&rest[1..=end], &rest[end + 2..])
            }
            '\\' => {
                let inner = rest.strip_prefix("\\\"")?;
                let end = inner.find("\\\"")?;
                (&inner[..end], &inner[end + 2..])
            }
            _ => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                let word = &rest[..end];
                if word.contains(['(', ')', '|', '$', '.', '`', '"']) {
                    return None;
                }
                (word, &rest[end..])
            }
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_templates_become_expressions() {
        for (text, expected) in [
            ("{{ must_env `TAG` }}", "${TAG}"),
            ("{{env \"STAGE\" \"dev\"}}", "${STAGE:-dev}"),
            ("x-{{ env `A` `` }}-y", "x-${A:-}-y"),
            ("{{ env \\\"A\\\" \\\"b\\\" }}", "${A:-b}"),
            ("{{ tfstate `aws_iam_role.x.arn` }}", "${tfstate:aws_iam_role.x.arn}"),
            ("{{ net_tfstate `aws_subnet.a['az-a'].id` }}", "${tfstate.net:aws_subnet.a['az-a'].id}"),
            ("{{ tfstatef `aws_subnet.a['%s'].id` `x` }}", "${tfstate:aws_subnet.a['x'].id}"),
            ("{{ ssm `/a/b` }}", "${ssm:/a/b}"),
            ("{{ cfn_output `net` `Vpc` }}", "${cfn:net.Vpc}"),
            ("${HOME} $$ {{ must_env `A` }}", "$${HOME} $$$ ${A}"),
        ] {
            assert_eq!(finish(&convert(text).text, Reading::Value), expected, "{text}");
        }
        let text = "echo ${HOME} $$ {{ env `A` `b` }} {{ ssm `/x` }}";
        assert_eq!(finish(&convert(text).text, Reading::Shell), "echo ${HOME} $$ ${env:A:-b} ${ssm:/x}");
    }

    #[test]
    fn what_is_not_known_stays_with_its_line() {
        let converted = convert(
            "a\n{{ if eq (env `A`) `b` }}\n{{ must_env `B` }} {{ json_escape (must_env `C`) }} {{ cfn_export `X` }}\n{{ ",
        );
        let lines: Vec<usize> = converted.left.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3, 3, 4]);
        assert!(converted.text.contains("{{ cfn_export `X` }}"));
        assert_eq!(convert("{{ tfstate `a.b.c` }}{{ net_tfstate `a.b.c` }}").reads_state, ["", "net_"]);
    }
}
