//! What of a difference may be shown: everything but values in which a credential may hide.

use landfall_envfile::{looks_like_credential, shown};
use serde_json::Value;

/// Parts of names whose values are never shown, in lower case.
const SECRET_WORDS: [&str; 16] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "private_key",
    "credential",
    "authorization",
    "auth",
    "license",
    "cookie",
    "header",
];
/// Words of a command whose next word is a value that is not shown: `-p`, `--password`.
const SHORT_FLAGS: [&str; 2] = ["-p", "-u"];

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A field of an object.
    Field(String),
    /// A named item of a list.
    Item(String),
}

/// `containerDefinitions[web].image`
pub(super) fn text_of(path: &[Step]) -> String {
    let mut text = String::new();
    for (index, step) in path.iter().enumerate() {
        match step {
            Step::Field(name) if index == 0 => text.push_str(name),
            Step::Field(name) => {
                text.push('.');
                text.push_str(name);
            }
            Step::Item(name) => {
                // A name that is none may be a value whose name was forgotten.
                let is_variable =
                    index > 0 && matches!(&path[index - 1], Step::Field(list) if list == "environment");
                let name = if is_variable { shown(name).unwrap_or("(not shown)") } else { name };
                text.push('[');
                text.push_str(name);
                text.push(']');
            }
        }
    }
    text
}

/// A value as it is shown; `None` where it is not.
pub(super) fn value_at(path: &[Step], value: &Value) -> Option<String> {
    let field = |name: &str| path.iter().any(|step| matches!(step, Step::Field(field) if field == name));
    // Names and values of `environment` in every form, labels, and whatever a repeated name has left as a list.
    if field("environment") || field("dockerLabels") {
        return None;
    }
    if matches!(path.last(), Some(Step::Field(list)) if list == "secrets" || list == "secretOptions") {
        return None;
    }
    let last = match path.last() {
        Some(Step::Field(name) | Step::Item(name)) => name.as_str(),
        None => "",
    };
    let is_command = matches!(last, "command" | "entryPoint");
    match value {
        Value::Array(words) if is_command => Some(command(words)),
        // References to where a credential is kept: an ARN, or the name of a parameter.
        Value::String(text) if last == "valueFrom" => {
            (!looks_like_credential("", text)).then(|| text.clone())
        }
        Value::String(text) if last == "credentialsParameter" => {
            text.starts_with("arn:").then(|| text.clone())
        }
        _ if is_secret_name(last) => None,
        Value::String(text) => harmless(text).then(|| text.clone()),
        Value::Array(_) | Value::Object(_) => {
            let mut all_harmless = true;
            visit(last, value, &mut |name, text| all_harmless &= !is_secret_name(name) && harmless(text));
            all_harmless.then(|| value.to_string())
        }
        other => Some(other.to_string()),
    }
}

fn visit(name: &str, value: &Value, see: &mut impl FnMut(&str, &str)) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| visit(name, value, see)),
        Value::Array(items) => items.iter().for_each(|item| visit(name, item, see)),
        Value::String(text) => see(name, text),
        other => see(name, &other.to_string()),
    }
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
        || looks_like_credential(&name, "Zx8-not-a-placeholder-41")
}

/// Whether no word of a text is a credential.
fn harmless(text: &str) -> bool {
    !looks_like_credential("", text)
        && text
            .split(|c: char| c.is_whitespace() || ",;'\"".contains(c))
            .all(|word| is_word_harmless(word, None))
}

/// `["CMD", "--token", "***"]`: a command with what looks like a credential in it masked.
fn command(words: &[Value]) -> String {
    let mut before: Option<String> = None;
    let masked: Vec<Value> = words
        .iter()
        .map(|word| {
            let Value::String(text) = word else { return word.clone() };
            let masked = mask_words(text, before.as_deref());
            before = Some(text.clone());
            Value::String(masked)
        })
        .collect();
    Value::Array(masked).to_string()
}

/// A shell command with what looks like a credential in it masked. A word may follow one of the list before it.
fn mask_words<'a>(text: &'a str, mut before: Option<&'a str>) -> String {
    if looks_like_credential("", text) && !text.contains(char::is_whitespace) {
        return "***".to_owned();
    }
    let mut masked = String::with_capacity(text.len());
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        let rest = &piece[word.len()..];
        let bare = word.trim_matches(['"', '\'', ';']);
        masked.push_str(if is_word_harmless(bare, before) { word } else { "***" });
        masked.push_str(rest);
        if !bare.is_empty() {
            before = Some(bare);
        }
    }
    masked
}

fn is_word_harmless(word: &str, before: Option<&str>) -> bool {
    if looks_like_credential("", word) {
        return false;
    }
    // `--password=x`, `PGPASSWORD=x`, `Authorization:x`
    if let Some((name, value)) = word.split_once(['=', ':'])
        && !value.is_empty()
        && !value.starts_with('$')
        && is_secret_name(name)
        && !name.contains('/')
    {
        return false;
    }
    // `-psecret` of database clients.
    if word.strip_prefix("-p").is_some_and(|rest| {
        rest.len() > 5
            && !rest.starts_with('-')
            && rest.chars().any(|c| c.is_ascii_digit())
            && rest.parse::<u32>().is_err()
    }) {
        return false;
    }
    let Some(before) = before else { return true };
    let is_flag = before.starts_with('-') && !before.contains('=');
    let takes_secret = (is_flag && is_secret_name(before))
        || SHORT_FLAGS.contains(&before)
        || before.eq_ignore_ascii_case("bearer")
        || before.eq_ignore_ascii_case("basic")
        || before.to_lowercase().ends_with("authorization:");
    !takes_secret || word.is_empty() || word.starts_with('$') || word.parse::<u32>().is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(text: &str) -> Vec<Step> {
        let steps = text.split('.').flat_map(|part| {
            let (field, item) = part.split_once('[').unwrap_or((part, ""));
            let item = item.strip_suffix(']').map(|item| Step::Item(item.to_owned()));
            [Some(Step::Field(field.to_owned())), item].into_iter().flatten()
        });
        steps.collect()
    }

    #[test]
    fn what_may_hold_a_credential_is_not_shown() {
        for (place, value) in [
            ("containerDefinitions[a].environment[LEVEL].value", json!("canary")),
            ("containerDefinitions[a].environment", json!([{"name": "A", "value": "canary"}])),
            ("containerDefinitions[a].secrets", json!([{"name": "A", "valueFrom": "canary"}])),
            ("containerDefinitions[a].dockerLabels.owner", json!("canary")),
            ("containerDefinitions[a].logConfiguration.options.splunk-token", json!("canary")),
            ("containerDefinitions[a].logConfiguration.options.apikey", json!("canary")),
            ("containerDefinitions[a].logConfiguration.options.Header", json!("X canary")),
            ("containerDefinitions[a].logConfiguration.options.url", json!("https://u:canary9x@h/")),
            ("containerDefinitions[a].repositoryCredentials.credentialsParameter", json!("canary")),
            ("containerDefinitions[a].inventedPassword", json!("canary")),
            ("invented", json!({"deep": [{"token": "canary"}]})),
            ("containerDefinitions[a].secrets[A].valueFrom", json!("ghp_canaryCANARYcanary0123")),
        ] {
            assert_eq!(value_at(&path(place), &value), None, "{place}");
        }
    }

    #[test]
    fn everything_else_is_shown() {
        for (place, value, told) in [
            ("cpu", json!("1024"), "1024"),
            ("containerDefinitions[a].secrets[DB_PASSWORD].valueFrom", json!("/prod/db"), "/prod/db"),
            ("containerDefinitions[a].logConfiguration.options.awslogs-group", json!("/ecs/a"), "/ecs/a"),
            ("containerDefinitions[a].portMappings[80/tcp].name", json!("http"), "http"),
            ("containerDefinitions[a].essential", json!(false), "false"),
            (
                "containerDefinitions[a].repositoryCredentials.credentialsParameter",
                json!("arn:aws:secretsmanager:r:1:secret:x"),
                "arn:aws:secretsmanager:r:1:secret:x",
            ),
            ("containerDefinitions[a].image", json!("h.io/a/b:v1"), "h.io/a/b:v1"),
            ("executionRoleArn", json!("arn:aws:iam::1:role/x"), "arn:aws:iam::1:role/x"),
        ] {
            assert_eq!(value_at(&path(place), &value).as_deref(), Some(told), "{place}");
        }
    }

    #[test]
    fn of_a_command_only_the_words_that_look_like_credentials_are_masked() {
        let told = |words: Value| value_at(&path("containerDefinitions[a].command"), &words).unwrap();
        for (words, masked) in [
            (json!(["serve", "--port", "80"]), json!(["serve", "--port", "80"])),
            (json!(["serve", "--password", "canary"]), json!(["serve", "--password", "***"])),
            (json!(["serve", "--api-token=canary9"]), json!(["serve", "***"])),
            (json!(["sh", "-c", "PGPASSWORD=canary psql -h db"]), json!(["sh", "-c", "*** psql -h db"])),
            (
                json!(["CMD-SHELL", "curl -H 'Authorization: Bearer canary' http://x/health || exit 1"]),
                json!(["CMD-SHELL", "curl -H 'Authorization: *** *** http://x/health || exit 1"]),
            ),
            (json!(["psql", "postgres://u:canary7x@db/x"]), json!(["psql", "***"])),
            (json!(["curl", "-u", "admin:canary"]), json!(["curl", "-u", "***"])),
            (json!(["CMD", "--token", "$TOKEN"]), json!(["CMD", "--token", "$TOKEN"])),
        ] {
            assert_eq!(told(words), masked.to_string());
        }
    }
}
