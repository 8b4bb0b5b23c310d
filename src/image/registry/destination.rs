//! Where an image goes: a repository and its tags.

use std::collections::{HashMap, HashSet};

use futures_util::{FutureExt as _, TryFutureExt as _};

use super::client::{Inner, Registry};
use super::push::side_by_side;
use super::scope::Scope;
use crate::error::{Error, ErrorKind, Result};
use crate::image::open::Content;
use crate::image::reference::Reference;

/// Blobs that are looked for at a time.
const LOOKUPS: usize = 16;

/// A repository that gets an image, and the tags that it gets there.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Its registry.
    pub registry: Registry,
    /// Host, repository and, where one is demanded, digest; the tag is among `tags`.
    pub repository: Reference,
    /// Without any, the image can only be found by its digest.
    pub tags: Vec<String>,
    /// The repository does not exist yet, or was created a moment ago: there is nothing to ask it for.
    pub is_new: bool,
    /// Those of the tags that the repository does not let move to another image.
    pub immovable: HashSet<String>,
}

impl Destination {
    /// One repository with the tag of the reference, if it has one.
    pub fn new(registry: Registry, target: &Reference) -> Self {
        let tags = target.tag.iter().cloned().collect();
        let repository = Reference { tag: None, ..target.clone() };
        Self { registry, repository, tags, is_new: false, immovable: HashSet::new() }
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.registry.inner
    }

    pub(super) fn scope(&self) -> Scope {
        Scope::push(&self.repository.repository)
    }

    pub(super) fn text(&self) -> String {
        let Reference { host, repository, .. } = &self.repository;
        let tags = if self.tags.is_empty() { String::new() } else { format!(":{}", self.tags.join(",")) };
        format!("{host}/{repository}{tags}")
    }

    /// Whether this digest is there under every tag; without tags, whether it is there at all.
    ///
    /// # Errors
    ///
    /// Registry when the registry refuses, or cannot be reached.
    pub async fn has(&self, digest: &str) -> Result<bool> {
        if !self.tags.is_empty() {
            return Ok(self.tags_now().await?.values().all(|found| found.as_deref() == Some(digest)));
        }
        Ok(!self.is_new && self.inner().resolve(&self.scope(), digest).await?.is_some())
    }

    /// What each tag stands for.
    pub(super) async fn tags_now(&self) -> Result<HashMap<&str, Option<String>>> {
        if self.is_new {
            return Ok(self.tags.iter().map(|tag| (tag.as_str(), None)).collect());
        }
        let lookups = self.tags.iter().map(|tag| {
            async move {
                let found = self.inner().resolve(&self.scope(), tag).await?;
                Ok((tag.as_str(), found))
            }
            .boxed()
        });
        Ok(side_by_side(lookups, LOOKUPS).await?.into_iter().collect())
    }

    /// Which of these digests the repository has.
    pub(super) async fn which_exist<'a>(
        &self,
        digests: impl Iterator<Item = &'a str>,
    ) -> Result<HashSet<String>> {
        let digests = digests.filter(|_| !self.is_new);
        let lookups = digests.map(|digest| {
            let found = self.inner().has_blob(&self.repository, digest);
            found.map_ok(move |exists| exists.then(|| digest.to_owned())).boxed()
        });
        Ok(side_by_side(lookups, LOOKUPS).await?.into_iter().flatten().collect())
    }

    /// The blobs of this repository, as content that others may take from it.
    pub(super) fn content(&self) -> Content {
        Content::Remote(self.registry.clone(), self.repository.repository.clone())
    }

    /// # Errors
    ///
    /// Preflight, when a tag that cannot move is another image.
    pub(super) fn check_tags(&self, now: &HashMap<&str, Option<String>>, digest: &str) -> Result<()> {
        let taken = now.iter().find_map(|(tag, found)| {
            let found = found.as_deref().filter(|found| *found != digest)?;
            self.immovable.contains(*tag).then_some((tag, found))
        });
        match taken {
            Some((tag, found)) => Err(Error::new(
                ErrorKind::Preflight,
                format!(
                    "the tag `{tag}` of {}/{} is taken by {found}, and the repository does not let tags move",
                    self.repository.host, self.repository.repository
                ),
            )
            .hint("push under a new tag, for example the commit; nothing was sent")),
            None => Ok(()),
        }
    }
}
