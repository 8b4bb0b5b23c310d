//! [`Scope`]: what a request does, and in which repository.

/// What a request needs to be allowed, in the terms of a registry's token service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    repository: String,
    push: bool,
    /// Other repositories that blobs are mounted from.
    sources: Vec<String>,
}

impl Scope {
    /// Reading a repository.
    pub(super) fn pull(repository: &str) -> Self {
        Self { repository: repository.to_owned(), push: false, sources: Vec::new() }
    }

    /// Writing to a repository, and reading it.
    pub(super) fn push(repository: &str) -> Self {
        Self { push: true, ..Self::pull(repository) }
    }

    /// In addition, reading another repository: what a mount from there takes.
    pub(super) fn mounting_from(mut self, repository: &str) -> Self {
        if repository != self.repository && !self.sources.iter().any(|source| source == repository) {
            self.sources.push(repository.to_owned());
        }
        self
    }

    pub(super) fn repository(&self) -> &str {
        &self.repository
    }

    pub(super) fn is_push(&self) -> bool {
        self.push
    }

    /// Whether who may do this may do `other` too.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.repository == other.repository
            && (self.push || !other.push)
            && other.sources.iter().all(|source| self.sources.contains(source))
    }

    /// As a token service reads them: `repository:team/app:pull,push`.
    pub(super) fn texts(&self) -> Vec<String> {
        let actions = if self.push { "pull,push" } else { "pull" };
        let own = format!("repository:{}:{actions}", self.repository);
        let sources = self.sources.iter().map(|source| format!("repository:{source}:pull"));
        std::iter::once(own).chain(sources).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_covers_a_pull_of_the_same_repository_and_no_more() {
        let (pull, push) = (Scope::pull("team/app"), Scope::push("team/app"));
        let mount =
            push.clone().mounting_from("team/base").mounting_from("team/base").mounting_from("team/app");
        assert!(push.covers(&pull) && push.covers(&push) && mount.covers(&push) && mount.covers(&pull));
        assert!(!pull.covers(&push) && !push.covers(&mount) && !push.covers(&Scope::pull("team/base")));
        assert_eq!(pull.texts(), ["repository:team/app:pull"]);
        assert_eq!(mount.texts(), ["repository:team/app:pull,push", "repository:team/base:pull"]);
    }
}
