//! Where an expression stands in the text of a file.

use std::path::Path;

use crate::written::{Lines, Node};

/// The values of a file that are texts, in their order, each with the byte at which it begins.
#[derive(Debug)]
pub struct Places<'a> {
    path: &'a Path,
    text: &'a str,
    values: Vec<(String, usize)>,
}

impl<'a> Places<'a> {
    /// Those of a YAML file, which was read without an error before.
    pub fn of_yaml(path: &'a Path, text: &'a str) -> Self {
        Self::of_tree(path, text, Node::of_yaml(text))
    }

    /// Those of a JSON file, which was read without an error before.
    pub fn of_json(path: &'a Path, text: &'a str) -> Self {
        Self::of_tree(path, text, Node::of_json(text))
    }

    fn of_tree(path: &'a Path, text: &'a str, tree: Option<Node>) -> Self {
        let lines = Lines::of(text);
        let texts = tree.iter().flat_map(Node::texts);
        let values = texts.map(|(value, place)| (value.to_owned(), lines.byte(place))).collect();
        Self { path, text, values }
    }

    /// `path:line:column` of an expression in the first value that has it.
    pub fn of(&self, expression: &str) -> String {
        let has = |value: &str| {
            value.match_indices(expression).any(|(at, _)| {
                // An odd number of dollar signs in front makes it no expression.
                value[..at].bytes().rev().take_while(|byte| *byte == b'$').count() % 2 == 0
            })
        };
        match self.values.iter().find(|(value, _)| has(value)) {
            Some(value) => self.within(Some(value), expression),
            None => self.in_a_key(expression),
        }
    }

    /// The same for an expression that no value has, outside comments.
    fn in_a_key(&self, expression: &str) -> String {
        let path = self.path.display();
        let lines = self.text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#'));
        let mut found = lines.filter_map(|(line, text)| Some((line, text, unescaped(text, expression)?)));
        match found.next() {
            Some((line, text, at)) => format!("{path}:{}:{}", line + 1, text[..at].chars().count() + 1),
            None => path.to_string(),
        }
    }

    /// The same in the value of this number, as [`Self::of`] where the numbers do not agree.
    pub fn of_value(&self, index: usize, expression: &str) -> String {
        match self.values.get(index).filter(|(value, _)| value.contains(expression)) {
            Some(value) => self.within(Some(value), expression),
            None => self.of(expression),
        }
    }

    fn within(&self, value: Option<&(String, usize)>, expression: &str) -> String {
        let path = self.path.display();
        let Some((_, start)) = value else { return path.to_string() };
        let rest = self.text.get(*start..).unwrap_or_default();
        // Within quotes, a quote of an address is escaped.
        let escaped = expression.replace('\\', "\\\\").replace('"', "\\\"");
        let escaped_at = || unescaped(rest, &escaped);
        let at = unescaped(rest, expression).or_else(escaped_at).map_or(*start, |found| start + found);
        format!("{path}:{}", Lines::of(self.text).place(at))
    }
}

/// Where a text first stands that no dollar sign makes to mean itself.
fn unescaped(text: &str, expression: &str) -> Option<usize> {
    let found = text.match_indices(expression);
    let dollars = |at: usize| text[..at].bytes().rev().take_while(|byte| *byte == b'$').count();
    found.map(|(at, _)| at).find(|at| dollars(*at) % 2 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_in_json_is_found_in_its_value() {
        let text = "{\n  \"${A}\": \"x\",\n  \"b\": \"$${A} é ${A}\",\n  \"c\": [\"\\\"${t:x[\\\"y\\\"]}\", \"${A}\"]\n}";
        let path = Path::new("t.json");
        let places = Places::of_json(path, text);
        assert_eq!(places.of("${A}"), "t.json:3:17");
        assert_eq!(places.of("${t:x[\"y\"]}"), "t.json:4:12");
        assert_eq!(places.of_value(3, "${A}"), "t.json:4:29");
        assert_eq!(places.of("${NONE}"), "t.json");
    }

    #[test]
    fn an_expression_in_yaml_is_found_outside_comments_and_keys() {
        let text = "# ${A}\n${A}: 1\nb: [é, \"${A}\"]\nc: &c |\n  first\n  ${B}\nd: *c\ne: '${t:x[\"y\"]}' # ${C}\nf: 1.5\ng: null\nh: x${C}\n";
        let path = Path::new("t.yml");
        let places = Places::of_yaml(path, text);
        assert_eq!(places.of("${A}"), "t.yml:3:9");
        assert_eq!(places.of("${B}"), "t.yml:6:3");
        assert_eq!(places.of("${t:x[\"y\"]}"), "t.yml:8:5");
        assert_eq!(places.of("${C}"), "t.yml:11:5");
    }
}
