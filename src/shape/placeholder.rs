//! Texts that somebody was to replace, and nobody did.

/// The placeholder in a text, as it is written; `None` where there is none that can be told from a value.
pub(super) fn placeholder(text: &str) -> Option<&str> {
    braces(text)
        .or_else(|| angles(text))
        .or_else(|| variable(text))
        .or_else(|| percent(text))
        .or_else(|| account(text))
        .or_else(|| words(text))
}

/// `{{ must_env "TAG" }}`, `[[ tag ]]`
fn braces(text: &str) -> Option<&str> {
    [("{{", "}}"), ("[[", "]]")].into_iter().find_map(|(open, close)| between(text, open, close))
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let start = text.find(open)?;
    let end = text[start..].find(close)? + start + close.len();
    Some(&text[start..end])
}

/// `<IMAGE1_NAME>`, `<your account id>`: letters, digits, blanks, `_`, `-` and `.` alone.
fn angles(text: &str) -> Option<&str> {
    let found = between(text, "<", ">")?;
    let inner = &found[1..found.len() - 1];
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ' | '.');
    (!inner.is_empty() && inner.trim() == inner && inner.chars().all(is_name)).then_some(found)
}

/// `$NAME`. `${NAME}` is an expression, which is replaced or refused as such.
fn variable(text: &str) -> Option<&str> {
    let start = text.find('$')?;
    let rest = &text[start + 1..];
    let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let is_name = rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    is_name.then(|| &text[start..=start + length])
}

/// `%IMAGE_TAG%`
fn percent(text: &str) -> Option<&str> {
    let start = text.find('%')?;
    let end = text[start + 1..].find('%')? + start + 1;
    let inner = &text[start + 1..end];
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    (inner.len() > 1 && inner.chars().all(is_name)).then(|| &text[start..=end])
}

/// The account of an ARN or of an ECR host is twelve digits, or nothing at all.
fn account(text: &str) -> Option<&str> {
    if text.starts_with("arn:") {
        let account = text.split(':').nth(4)?;
        // AWS's own policies have `aws` there.
        let is_account = account.is_empty() || account == "aws" || is_account(account);
        return (!is_account).then_some(account);
    }
    let (account, rest) = text.split_once(".dkr.ecr.")?;
    (rest.contains(".amazonaws.com") && !is_account(account)).then_some(account)
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `CHANGE_ME`, `REPLACE_WITH_ARN`, `YOUR_ACCOUNT_ID`, `your-account-id`, `TODO`
fn words(text: &str) -> Option<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.split(|c: char| !is_part(c)).find(|word| {
        let plain = word.to_ascii_lowercase().replace('-', "_");
        let written = *word == word.to_ascii_uppercase();
        matches!(plain.as_str(), "changeme" | "change_me" | "replaceme" | "replace_me")
            || plain.starts_with("your_") && (written || plain.contains("account"))
            || written && (plain.starts_with("replace_") || plain == "todo")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_from_values() {
        for (text, found) in [
            ("<IMAGE1_NAME>", "<IMAGE1_NAME>"),
            ("arn:aws:iam::<account id>:role/x", "<account id>"),
            ("{{ must_env `TAG` }}", "{{ must_env `TAG` }}"),
            ("web:$TAG", "$TAG"),
            ("web:%IMAGE_TAG%", "%IMAGE_TAG%"),
            ("arn:aws:iam::ACCOUNT:role/x", "ACCOUNT"),
            ("12345.dkr.ecr.us-east-1.amazonaws.com/web", "12345"),
            ("REPLACE_WITH_ROLE", "REPLACE_WITH_ROLE"),
            ("image-YOUR_TAG", "image-YOUR_TAG"),
        ] {
            let expected = if text.starts_with("image-") { None } else { Some(found) };
            assert_eq!(placeholder(text), expected, "{text}");
        }
        for text in [
            "nginx:latest",
            "arn:aws:iam::123456789012:role/x",
            "arn:aws:s3:::bucket/key",
            "arn:aws:iam::aws:policy/service-role/x",
            "100%",
            "$",
            "a < b > c!",
            "your_table",
            "Todo list",
            "a$1",
            "web:${TAG}-x",
        ] {
            assert_eq!(placeholder(text), None, "{text}");
        }
    }
}
