//! Values that belong in `secrets`: Parameter Store or Secrets Manager keep them out of files and task definitions.

/// Beginnings that providers give to their keys and tokens.
const PREFIXES: [&str; 17] = [
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "sk_live_",
    "rk_live_",
    "sk-ant-",
    "sk-proj-",
    "AIza",
    "SG.",
    "npm_",
    "-----BEGIN",
];

/// Words in names of variables that hold credentials.
const WORDS: [&str; 14] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "APIKEY",
    "API_KEY",
    "PRIVATE_KEY",
    "ACCESS_KEY",
    "CREDENTIAL",
    "CREDENTIALS",
    "AUTH_KEY",
    "ENCRYPTION_KEY",
    "SIGNING_KEY",
];

/// Last words of names that say something about a credential and do not hold one.
const ABOUT: [&str; 20] = [
    "FILE",
    "PATH",
    "NAME",
    "ID",
    "URL",
    "URI",
    "TTL",
    "LENGTH",
    "LIFETIME",
    "EXPIRY",
    "EXPIRES",
    "EXPIRATION",
    "ALGORITHM",
    "TYPE",
    "ENABLED",
    "HEADER",
    "ROUNDS",
    "TIMEOUT",
    "ARN",
    "ISSUER",
];

/// What stands where a person should write something else.
const PLACEHOLDERS: [&str; 12] = [
    "change",
    "your",
    "example",
    "xxx",
    "placeholder",
    "dummy",
    "todo",
    "replace",
    "secret",
    "password",
    "insert",
    "here",
];

/// Whether a value looks like a credential: by itself, or by the name of its variable.
pub fn looks_like_credential(name: &str, value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    by_value(value) || (by_name(name) && is_more_than_a_placeholder(value))
}

fn by_value(value: &str) -> bool {
    let long = |prefix: &str| value.starts_with(prefix) && value.len() >= prefix.len() + 12;
    PREFIXES.iter().any(|prefix| long(prefix)) || is_jwt(value) || has_password(value) || has_bearer(value)
}

/// `eyJ...` three times, with dots between.
fn is_jwt(value: &str) -> bool {
    let url_safe = |part: &str| {
        part.len() >= 8 && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    let parts: Vec<&str> = value.split('.').collect();
    matches!(parts.as_slice(), [head, body, sign]
        if head.starts_with("eyJ") && url_safe(head) && url_safe(body) && url_safe(sign))
}

/// `scheme://user:password@host`
fn has_password(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let Some((login, host)) = authority.rsplit_once('@') else { return false };
    let password = login.split_once(':').map_or("", |(_, password)| password);
    !host.is_empty() && is_more_than_a_placeholder(password)
}

/// `Bearer TOKEN`, as in a header.
fn has_bearer(value: &str) -> bool {
    let token = value.split_once("Bearer ").map_or("", |(_, token)| token);
    is_more_than_a_placeholder(token.split_whitespace().next().unwrap_or_default())
}

fn by_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let last = name.rsplit(['_', '.', '-']).next().unwrap_or_default();
    let has = |word: &str| {
        name.match_indices(word).any(|(at, found)| {
            let edge = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric());
            edge(name[..at].chars().next_back()) && edge(name[at + found.len()..].chars().next())
        })
    };
    !ABOUT.contains(&last) && WORDS.iter().any(|word| has(word))
}

fn is_more_than_a_placeholder(value: &str) -> bool {
    const SHORTEST: usize = 8;
    let lower = value.to_ascii_lowercase();
    value.len() >= SHORTEST
        && !value.starts_with(['$', '<', '{', '['])
        && !value.contains(' ')
        && !value.chars().all(|c| c == value.chars().next().unwrap_or_default())
        && !PLACEHOLDERS.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_told_from_placeholders_and_settings() {
        for (name, value) in [
            ("X", "AKIAIOSFODNN7ABCDEFG"),
            ("X", "ghp_0123456789abcdef0123"),
            ("DATABASE_URL", "postgres://app:h4rd-t0-gu3ss@db:5432/app"),
            ("DB_PASSWORD", "h4rd-t0-gu3ss"),
            ("JWT_SECRET", "0f8fad5b-d9cb-469f-a165"),
            ("X", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLXNpZw"),
            ("PGP", "-----BEGIN PGP PRIVATE KEY"),
            ("HEADERS", "Authorization=Bearer h4rd-t0-gu3ss"),
        ] {
            assert!(looks_like_credential(name, value), "{name}");
        }
        for (name, value) in [
            ("DB_PASSWORD", ""),
            ("DB_PASSWORD", "changeme-please"),
            ("DB_PASSWORD", "<your password>"),
            ("DB_PASSWORD", "${OTHER_PASSWORD}"),
            ("DB_PASSWORD", "********"),
            ("PASSWORD_FILE", "/run/secrets/password-of-db"),
            ("TOKEN_TTL", "123456789"),
            ("SECRETARY_OF_STATE", "somebody-important"),
            ("DATABASE_URL", "postgres://db:5432/application"),
            ("DATABASE_URL", "postgres://app:password@db:5432/app"),
            ("HEADERS", "Authorization=Bearer $TOKEN_OF_MINE"),
            ("MONKEY", "abcdefghijklmnop"),
        ] {
            assert!(!looks_like_credential(name, value), "{name} {value}");
        }
    }
}
