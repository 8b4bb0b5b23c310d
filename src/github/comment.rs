//! The comment on a pull request: one for each configuration and choice of services, found again by a marker that
//! nobody sees.

use sha2::{Digest, Sha256};

use super::api::Comment;
use super::blocks::assemble;
use super::context::Context;
use crate::report::{html_code, parts};
use crate::state::RunState;

/// GitHub takes no more characters.
pub const LIMIT: usize = 65_536;

/// What a comment is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    config: String,
    /// `None` where a run could not even tell its services.
    services: Option<String>,
}

impl Marker {
    /// For a configuration file (empty where there is none) and what a run has made of it.
    pub fn new(config: &str, state: &RunState) -> Self {
        let services = state.run.as_ref().map(|run| {
            hash(std::iter::once(&run.region).chain([&run.cluster]).chain(&run.services).map(String::as_str))
        });
        Self { config: hash([config]), services }
    }

    /// The first line of the comment.
    fn line(&self) -> String {
        format!("{}{} -->", self.begin(), self.services.as_deref().unwrap_or("none"))
    }

    fn begin(&self) -> String {
        format!("<!-- landfall plan {} ", self.config)
    }

    /// Whether a comment is the one. Anybody can write a marker into a comment: only what a bot has written counts, or
    /// somebody who may write to the repository, as a token of their own does.
    pub fn is_of(&self, comment: &Comment) -> bool {
        let body = comment.body.as_deref().unwrap_or_default();
        let marked = match self.services {
            Some(_) => body.starts_with(&self.line()),
            // Without services, any plan of this configuration is out of date.
            None => body.starts_with(&self.begin()),
        };
        let trusted = comment.user.as_ref().is_some_and(|user| user.kind == "Bot")
            || matches!(comment.author_association.as_str(), "OWNER" | "MEMBER" | "COLLABORATOR");
        marked && trusted
    }
}

/// Short, and nothing that could end a comment of HTML.
fn hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hex::encode(&hasher.finalize()[..6])
}

/// Whether there is a comment to make of a run: a dry run, or one that could not even begin.
pub fn is_wanted(state: &RunState) -> bool {
    match &state.run {
        Some(run) => run.dry_run && !state.interrupted,
        None => state.error.is_some(),
    }
}

/// The comment, at most [`LIMIT`] characters.
pub fn body(state: &RunState, marker: &Marker, context: &Context) -> String {
    let (line, footer) = (format!("{}\n", marker.line()), footer(context));
    let size = |text: &str| text.chars().count();
    let room = LIMIT.saturating_sub(size(&line) + size(&footer));
    format!("{line}{}{footer}", assemble(&parts(state), room, size))
}

/// `For commit 0123abc, by this run.`
fn footer(context: &Context) -> String {
    let commit = context.commit().map(|sha| {
        let short: String = sha.chars().take(7).collect();
        format!("For commit {}", html_code(&short))
    });
    let url = context.run_url().filter(|url| is_plain(url)).map(|url| format!("[the log]({url})"));
    let parts: Vec<String> = commit.into_iter().chain(url).collect();
    if parts.is_empty() { String::new() } else { format!("{}.\n", parts.join(" · ")) }
}

/// An address that cannot end its own link.
fn is_plain(url: &str) -> bool {
    url.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '/' | '.' | '-' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::api::Author;
    use crate::github::testing::{context, fold, hostile, planned, prose};
    use crate::report::testing::{dry_run, errored, interrupted, success};

    fn comment(body: &str, kind: &str, association: &str) -> Comment {
        Comment {
            id: 1,
            body: Some(body.to_owned()),
            author_association: association.to_owned(),
            user: Some(Author { kind: kind.to_owned() }),
        }
    }

    #[test]
    fn a_comment_is_found_again_and_no_other_is() {
        let state = planned();
        let marker = Marker::new("deploy/landfall.yml", &state);
        let text = body(&state, &marker, &context());
        assert!(marker.is_of(&comment(&text, "Bot", "NONE")), "{text}");
        assert!(marker.is_of(&comment(&text, "User", "MEMBER")), "a token of somebody's own");
        assert!(!marker.is_of(&comment(&text, "User", "CONTRIBUTOR")), "anybody can copy a marker");
        assert!(!marker.is_of(&comment(&format!("> {text}"), "Bot", "NONE")), "a quote");
        let mut others = planned();
        others.run.as_mut().unwrap().services.push("worker".to_owned());
        for other in [Marker::new("other.yml", &state), Marker::new("deploy/landfall.yml", &others)] {
            assert!(!other.is_of(&comment(&text, "Bot", "NONE")), "{other:?}");
        }
        let broken = Marker::new("deploy/landfall.yml", &RunState::default());
        assert!(broken.is_of(&comment(&text, "Bot", "NONE")), "a plan that is out of date");
        assert!(!marker.is_of(&Comment { user: None, ..comment(&text, "", "NONE") }));
    }

    #[test]
    fn plans_are_commented_on_and_nothing_else() {
        let wanted = |records: &[crate::event::Record]| is_wanted(&fold(records));
        assert!(wanted(&dry_run()) && !wanted(&success()) && !wanted(&interrupted()) && !wanted(&errored()));
        assert!(wanted(&errored()[2..]), "a configuration that cannot be read");
    }

    #[test]
    fn a_comment_is_never_too_long_and_says_what_is_missing() {
        let mut state = planned();
        let mut service = state.services[0].clone();
        let change = service.changes.as_ref().unwrap()[0].clone();
        service.changes = Some(vec![change; 900]);
        state.services = vec![service; 4];
        let marker = Marker::new("", &state);
        let text = body(&state, &marker, &context());
        assert!(text.chars().count() <= LIMIT, "{}", text.chars().count());
        assert!(text.contains("Too long for GitHub") && text.contains("For commit <code>0123456</code>"));
        assert!(text.starts_with(&marker.line()));
    }

    #[test]
    fn no_text_from_outside_is_a_marker_or_a_mention() {
        for (of, state, context) in hostile() {
            let marker = Marker::new(&of, &state);
            let text = body(&state, &marker, &context);
            let prose = prose(&text).replace("&#123;", "");
            assert_eq!(prose.matches("<!--").count(), 1, "{text}");
            for broken in ["@octocat", "#123", "<img", "<script", "::set-output"] {
                assert!(!prose.contains(broken), "{broken} of {of:?}:\n{text}");
            }
        }
    }
}
