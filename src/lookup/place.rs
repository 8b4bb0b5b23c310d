//! Where an expression stands in the text of a file.

use std::fmt;
use std::path::Path;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

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
        let mut values = Vec::new();
        if let Ok(node) = serde_saphyr::from_str::<Spanned<Node>>(text) {
            let starts: Vec<usize> =
                std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
            collect(&node, text, &starts, &mut values);
        }
        Self { path, text, values }
    }

    /// Those of a JSON file, which was read without an error before.
    pub fn of_json(path: &'a Path, text: &'a str) -> Self {
        Self { path, text, values: json_values(text) }
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
        let before = &self.text[..at];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{path}:{line}:{column}")
    }
}

/// Where a text first stands that no dollar sign makes to mean itself.
fn unescaped(text: &str, expression: &str) -> Option<usize> {
    let found = text.match_indices(expression);
    let dollars = |at: usize| text[..at].bytes().rev().take_while(|byte| *byte == b'$').count();
    found.map(|(at, _)| at).find(|at| dollars(*at) % 2 == 0)
}

/// A YAML document of which only the texts count.
enum Node {
    Text(String),
    List(Vec<Spanned<Node>>),
    Other,
}

fn collect(node: &Spanned<Node>, text: &str, starts: &[usize], values: &mut Vec<(String, usize)>) {
    match &node.value {
        Node::Text(value) => {
            let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
            // What an alias stands for is written where it is defined.
            let (line, column) = (number(node.defined.line()), number(node.defined.column()));
            let start = starts.get(line).copied().unwrap_or_default();
            let offset = text[start..].char_indices().nth(column).map_or(0, |(at, _)| at);
            values.push((value.clone(), start + offset));
        }
        Node::List(list) => list.iter().for_each(|node| collect(node, text, starts, values)),
        Node::Other => {}
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_str<E>(self, text: &str) -> Result<Node, E> {
                Ok(Node::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
                let mut values = Vec::new();
                while let Some((_, value)) = map.next_entry::<String, Spanned<Node>>()? {
                    values.push(value);
                }
                Ok(Node::List(values))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(Node::List(values))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
                Ok(Node::Other)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
                Ok(Node::Other)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
                Ok(Node::Other)
            }

            fn visit_i128<E>(self, _: i128) -> Result<Node, E> {
                Ok(Node::Other)
            }

            fn visit_u128<E>(self, _: u128) -> Result<Node, E> {
                Ok(Node::Other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
                Ok(Node::Other)
            }

            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Other)
            }

            fn visit_none<E>(self) -> Result<Node, E> {
                Ok(Node::Other)
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
                Node::deserialize(deserializer)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// The texts of a JSON document that are not keys, and where they begin.
fn json_values(text: &str) -> Vec<(String, usize)> {
    let mut values = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'"' {
            at += 1;
            continue;
        }
        let start = at;
        at += 1;
        while at < bytes.len() && bytes[at] != b'"' {
            at += if bytes[at] == b'\\' { 2 } else { 1 };
        }
        at = (at + 1).min(bytes.len());
        let is_key = bytes[at..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':');
        let value = text.get(start..at).and_then(|token| serde_json::from_str(token).ok());
        if let Some(value) = value.filter(|_| !is_key) {
            values.push((value, start));
        }
    }
    values
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
