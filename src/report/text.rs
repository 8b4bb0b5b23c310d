//! Small pure functions over text: making foreign text harmless, and short forms of long things.

/// Makes text that came from outside safe to print on one line.
///
/// Terminal escape sequences are removed, line breaks and tabs become spaces, and every other
/// character that steers a terminal or reorders the line becomes `U+FFFD`.
pub fn neutralise(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        at += 1;
        match c {
            '\u{1b}' => at = after_escape(&chars, at),
            '\u{9b}' => at = after_control_sequence(&chars, at),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => at = after_string(&chars, at),
            '\r' if chars.get(at) == Some(&'\n') => {}
            '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push(' '),
            c if c.is_control() || steers_direction(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn steers_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The index after the escape sequence whose ESC stands before `at`.
fn after_escape(chars: &[char], mut at: usize) -> usize {
    match chars.get(at) {
        Some('[') => after_control_sequence(chars, at + 1),
        Some(']' | 'P' | 'X' | '^' | '_') => after_string(chars, at + 1),
        _ => {
            while chars.get(at).is_some_and(|c| (' '..='/').contains(c)) {
                at += 1;
            }
            if chars.get(at).is_some_and(|c| ('0'..='~').contains(c)) { at + 1 } else { at }
        }
    }
}

fn after_control_sequence(chars: &[char], mut at: usize) -> usize {
    while chars.get(at).is_some_and(|c| (' '..='?').contains(c)) {
        at += 1;
    }
    if chars.get(at).is_some_and(|c| ('@'..='~').contains(c)) { at + 1 } else { at }
}

/// A string without an end would swallow the rest of the text, so then only its start goes.
fn after_string(chars: &[char], start: usize) -> usize {
    let mut at = start;
    while let Some(&c) = chars.get(at) {
        match c {
            '\u{7}' | '\u{9c}' => return at + 1,
            '\u{1b}' if chars.get(at + 1) == Some(&'\\') => return at + 2,
            '\n' => return start,
            _ => at += 1,
        }
    }
    start
}

/// Keeps a printed line from being a workflow command of GitHub Actions.
///
/// The runner takes a line for a command when it starts with `::` after white space, or contains
/// `##[`. In any other line `%` and `:` mean nothing, so they stay: `arn:aws:s3:::bucket` is whole.
pub fn neutralise_github(line: &str) -> String {
    let line = line.replace("##[", "## [");
    let start = line.len() - line.trim_start().len();
    match line.get(start..) {
        Some(rest) if rest.starts_with("::") => {
            format!("{}: :{}", line.get(..start).unwrap_or(""), rest.trim_start_matches("::"))
        }
        _ => line,
    }
}

/// `31.6 MB`: decimal units, as AWS and Docker count.
pub fn bytes(count: u64) -> String {
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1000.0;
    for unit in ["kB", "MB", "GB"] {
        // 999.95 would be printed as 1000.0.
        if value < 999.95 {
            return format!("{value:.1} {unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

/// `0.4 s`, `12.3 s`, `4 min 07 s`, `1 h 02 min`
pub fn duration(ms: u64) -> String {
    // Tenths are cut off, not rounded, so that a time that is still counted never falls back.
    let seconds = ms / 1000;
    match seconds {
        0..60 => format!("{seconds}.{} s", ms % 1000 / 100),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

pub use crate::wording::count;

/// `hello:9` of `arn:aws:ecs:...:task-definition/hello:9`; anything else stays as it is.
pub fn revision(arn: &str) -> &str {
    arn.rsplit_once('/').map_or(arn, |(_, name)| name)
}

/// The first eight characters of a task's id.
pub fn short_task(id: &str) -> &str {
    let id = revision(id);
    id.char_indices().nth(8).map_or(id, |(end, _)| &id[..end])
}

/// AWS's text as a person at a terminal reads it: target groups, revisions and objects by name, tasks by
/// the first eight characters of their ids, digests as Docker shows them. An ARN is longer than a line, and a
/// terminal breaks it anywhere.
pub fn shorten_arns(message: &str) -> String {
    let short = |word: &str| {
        let start = word.find("arn:").unwrap_or(0);
        let (before, word) = word.split_at(start);
        let core = word.trim_end_matches(['.', ')', ',', ';', ':']);
        let end = word.get(core.len()..).unwrap_or_default();
        let name = match core.splitn(6, ':').collect::<Vec<_>>().as_slice() {
            ["arn", _, "s3", .., object] => format!("s3://{object}"),
            ["arn", .., resource] => match resource.split_once('/') {
                Some(("targetgroup", name)) => name.split('/').next().unwrap_or(name).to_owned(),
                Some(("task", id)) => short_task(id).to_owned(),
                Some(("task-definition", name)) => name.to_owned(),
                Some(("service" | "cluster", _)) => revision(resource).to_owned(),
                _ => core.to_owned(),
            },
            _ if core.len() == 32 && core.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                short_task(core).to_owned()
            }
            _ => core.to_owned(),
        };
        format!("{before}{name}{end}")
    };
    shorten_digests(&message.split(' ').map(short).collect::<Vec<_>>().join(" "))
}

/// A service event without the service that it is of, which is known, and with names in place of ARNs.
pub fn shorten_event(message: &str) -> String {
    let of_service = message.strip_prefix("(service ").and_then(|rest| rest.split_once(") "));
    match of_service {
        Some((_, rest)) if rest.starts_with("has ") => shorten_arns(&format!("service {rest}")),
        Some((_, rest)) => shorten_arns(rest),
        None => shorten_arns(message),
    }
}

/// Whether the rows of tasks show what a service event tells: what a target group takes in and lets go.
pub fn is_routine_event(message: &str) -> bool {
    [" registered ", " deregistered ", " has begun draining connections on "]
        .iter()
        .any(|part| message.contains(part) && message.starts_with("(service "))
}

/// Shortens every SHA-256 digest in a text to twelve digits, as Docker shows them; a digest is 64
/// hexadecimal digits in a row.
pub fn shorten_digests(text: &str) -> String {
    const SHORT: usize = 12;
    const FULL: usize = 64;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        // Hexadecimal digits are ASCII, so these are character boundaries.
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        let kept = if digits == FULL { SHORT } else { digits };
        out.push_str(&rest[..kept]);
        rest = &rest[digits..];
        let others = rest.find(|c: char| c.is_ascii_hexdigit()).unwrap_or(rest.len());
        out.push_str(&rest[..others]);
        rest = &rest[others..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_event_is_shortened_to_names() {
        let message = "(service hello) registered 1 targets in (target-group arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/910a2dec89025cc1)";
        assert_eq!(shorten_event(message), "registered 1 targets in (target-group web)");
        assert!(is_routine_event(message));
        let message = "(service hello) has stopped 1 running tasks: (task cb435c8e746167966775dc7701564f61).";
        assert_eq!(shorten_event(message), "service has stopped 1 running tasks: (task cb435c8e).");
        assert!(!is_routine_event(message));
        let message = "(service hello, taskSet ecs-svc/1) has begun draining connections on 1 tasks.";
        assert_eq!(shorten_event(message), "service has begun draining connections on 1 tasks.");
        assert!(is_routine_event(message));
    }

    #[test]
    fn an_arn_is_shortened_where_its_name_tells_enough() {
        for (long, short) in [
            (
                "of (target-group arn:aws:elasticloadbalancing:r:1:targetgroup/web/91cc1) failed",
                "of (target-group web) failed",
            ),
            ("arn:aws:ecs:r:1:task/c/0123456789abcdef0123456789abcdef.", "01234567."),
            ("arn:aws:ecs:r:1:task-definition/web:3: gone", "web:3: gone"),
            ("from arn:aws:s3:::bucket/a/b.env", "from s3://bucket/a/b.env"),
            ("arn:aws:iam::1:role/deploy stays", "arn:aws:iam::1:role/deploy stays"),
            ("nothing to do", "nothing to do"),
        ] {
            assert_eq!(shorten_arns(long), short);
        }
    }
    use proptest::prelude::*;

    #[test]
    fn escape_sequences_are_removed_and_their_text_stays() {
        assert_eq!(neutralise("\u{1b}[31mred\u{1b}[0m text"), "red text");
        assert_eq!(neutralise("a\u{1b}]0;title\u{7}b"), "ab");
        assert_eq!(neutralise("a\u{1b}]8;;http://x\u{1b}\\link"), "alink");
        assert_eq!(neutralise("a\u{9b}2Jb"), "ab");
        assert_eq!(neutralise("a\u{1b}(Bb\u{1b}7c"), "abc");
        assert_eq!(neutralise("a\u{1b}]0;no end"), "a0;no end");
    }

    #[test]
    fn what_steers_a_terminal_is_replaced() {
        assert_eq!(neutralise("one\r\ntwo\nthree\tfour\rfive"), "one two three four five");
        assert_eq!(neutralise("bell\u{7} back\u{8} rtl\u{202e}"), "bell\u{fffd} back\u{fffd} rtl\u{fffd}");
        assert_eq!(neutralise("작업이 시작되었습니다"), "작업이 시작되었습니다");
    }

    #[test]
    fn workflow_commands_are_defused() {
        assert_eq!(neutralise_github("::set-output name=a::b"), ": :set-output name=a::b");
        assert_eq!(neutralise_github("\u{2003} ::error::x"), "\u{2003} : :error::x");
        assert_eq!(neutralise_github("::::error::x"), ": :error::x");
        assert_eq!(neutralise_github("log ##[add-mask]x"), "log ## [add-mask]x");
        assert_eq!(neutralise_github("arn:aws:s3:::bucket 100%"), "arn:aws:s3:::bucket 100%");
    }

    #[test]
    fn long_things_have_short_forms() {
        assert_eq!(
            [0, 999, 1000, 999_950, 31_600_000].map(bytes),
            ["0 B", "999 B", "1.0 kB", "1.0 MB", "31.6 MB"]
        );
        assert_eq!(
            [0, 449, 12_399, 59_999, 60_000, 247_000, 3_725_000].map(duration),
            ["0.0 s", "0.4 s", "12.3 s", "59.9 s", "1 min 00 s", "4 min 07 s", "1 h 02 min"]
        );
        assert_eq!(revision("arn:aws:ecs:r:1:task-definition/hello:9"), "hello:9");
        assert_eq!(short_task("arn:aws:ecs:r:1:task/c/0123456789abcdef"), "01234567");
        let digest = format!("x@sha256:{} y sha256:abc", "ab".repeat(32));
        assert_eq!(shorten_digests(&digest), "x@sha256:abababababab y sha256:abc");
    }

    proptest! {
        #[test]
        fn nothing_that_steers_a_terminal_survives(text in "(\\PC|[\u{0}-\u{a0}]|\u{1b}\\[|\u{1b}\\])*") {
            let out = neutralise(&text);
            prop_assert!(!out.chars().any(char::is_control), "{out:?}");
            prop_assert_eq!(neutralise(&out), out);
        }

        #[test]
        fn no_line_is_a_command(text in "[ :#\\[a%]*") {
            let out = neutralise_github(&text);
            prop_assert!(!out.trim_start().starts_with("::"), "{out:?}");
            prop_assert!(!out.contains("##["), "{out:?}");
        }
    }
}
