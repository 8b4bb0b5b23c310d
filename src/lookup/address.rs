//! Addresses in a Terraform state, as `terraform state list` and the language itself write them.

use std::fmt;

/// One step of a path: a name, or what stands in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// `.name`
    Name(String),
    /// `[0]`
    Index(u64),
    /// `["key"]`
    Key(String),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, ".{name}"),
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Key(key) => write!(f, "[\"{key}\"]"),
        }
    }
}

/// What an address names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// `output.NAME...`
    Output {
        /// The output.
        name: String,
        /// Into its value.
        path: Vec<Step>,
    },
    /// `[module.M...][data.]TYPE.NAME[INSTANCE].ATTRIBUTE...`
    Resource {
        /// `module.vpc`, `module.vpc["a"].module.inner`; empty for the root module.
        module: String,
        /// `data.` in front.
        is_data: bool,
        /// `aws_lb`
        kind: String,
        /// `main`
        name: String,
        /// The rest: an instance's index where it has one, then attributes.
        path: Vec<Step>,
    },
}

/// Reads an address.
///
/// # Errors
/// What is wrong, as half a sentence.
pub(super) fn parse(text: &str) -> Result<Address, String> {
    let steps = steps(text)?;
    let mut rest = steps.as_slice();
    if let [Step::Name(first), Step::Name(name), path @ ..] = rest
        && first == "output"
    {
        return Ok(Address::Output { name: name.clone(), path: path.to_vec() });
    }
    let mut module = String::new();
    while let [Step::Name(word), Step::Name(name), after @ ..] = rest {
        if word != "module" {
            break;
        }
        if !module.is_empty() {
            module.push('.');
        }
        module.push_str(&format!("module.{name}"));
        rest = after;
        if let [step @ (Step::Index(_) | Step::Key(_)), after @ ..] = rest {
            module.push_str(&step.to_string());
            rest = after;
        }
    }
    let is_data = matches!(rest, [Step::Name(word), Step::Name(_), Step::Name(_), ..] if word == "data");
    if is_data {
        rest = &rest[1..];
    }
    match rest {
        [Step::Name(kind), Step::Name(name), path @ ..] => {
            let (kind, name) = (kind.clone(), name.clone());
            Ok(Address::Resource { module, is_data, kind, name, path: path.to_vec() })
        }
        _ if module.is_empty() => Err("it names no attribute of a resource".to_owned()),
        _ => Err("the state has no outputs of modules, only their resources".to_owned()),
    }
}

fn steps(text: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut rest = text.trim();
    loop {
        if let Some(inner) = rest.strip_prefix('[') {
            let inner = inner.trim_start();
            let (step, after) = match inner.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    let (key, after) = quoted(&inner[1..], quote).ok_or("a quote is not closed")?;
                    (Step::Key(key), after)
                }
                _ => {
                    let end = inner.find(|c: char| !c.is_ascii_digit()).unwrap_or(inner.len());
                    let index = inner[..end]
                        .parse()
                        .map_err(|_| "an index in brackets is a number, or a key in quotes".to_owned())?;
                    (Step::Index(index), &inner[end..])
                }
            };
            steps.push(step);
            rest = after.trim_start().strip_prefix(']').ok_or("a bracket is not closed")?;
        } else {
            let name = match rest.strip_prefix('.') {
                Some(name) if !steps.is_empty() => name,
                None if steps.is_empty() => rest,
                _ => return Err("a name or a bracket is missing".to_owned()),
            };
            let end = name.find(['.', '[']).unwrap_or(name.len());
            if end == 0 {
                return Err("a name is missing".to_owned());
            }
            let word = &name[..end];
            // `subnets.0` is an old way to write `subnets[0]`.
            steps.push(match word.parse() {
                Ok(index) if !steps.is_empty() => Step::Index(index),
                _ => Step::Name(word.to_owned()),
            });
            rest = &name[end..];
        }
        if rest.is_empty() {
            return Ok(steps);
        }
    }
}

/// What stands before the closing quote, and what comes after it.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut key = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => key.push(characters.next()?.1),
            c if c == quote => return Some((key, &text[at + c.len_utf8()..])),
            c => key.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_terraform_writes_them() {
        let resource = |text: &str| match parse(text).unwrap() {
            Address::Resource { module, is_data, kind, name, path } => {
                let path: String = path.iter().map(ToString::to_string).collect();
                format!("{module}|{}|{kind}|{name}|{path}", if is_data { "data" } else { "" })
            }
            other => panic!("{other:?}"),
        };
        for (text, expected) in [
            ("aws_iam_role.exec.arn", "||aws_iam_role|exec|.arn"),
            ("module.vpc.aws_subnet.private[0].id", "module.vpc||aws_subnet|private|[0].id"),
            ("aws_subnet.private[\"a.b]\"].id", "||aws_subnet|private|[\"a.b]\"].id"),
            ("aws_subnet.private['a'].id", "||aws_subnet|private|[\"a\"].id"),
            ("data.aws_caller_identity.current.account_id", "|data|aws_caller_identity|current|.account_id"),
            ("module.a[\"x\"].module.b[1].data.t.n.v", "module.a[\"x\"].module.b[1]|data|t|n|.v"),
            ("aws_lb.main.subnets.0", "||aws_lb|main|.subnets[0]"),
        ] {
            assert_eq!(resource(text), expected, "{text}");
        }
        let path = vec![Step::Name("b".into()), Step::Index(0), Step::Key("c".into())];
        assert_eq!(parse("output.a.b[0][\"c\"]"), Ok(Address::Output { name: "a".into(), path }));
    }

    #[test]
    fn what_is_no_address_says_why() {
        for (text, expected) in [
            ("aws_lb", "no attribute"),
            ("module.vpc.vpc_id", "outputs of modules"),
            ("a.b[x]", "an index in brackets"),
            ("a.b[\"x]", "quote"),
            ("a.b[0", "bracket"),
            ("a..b", "name is missing"),
            ("a.b[0]c", "missing"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
