//! Looking at a service for as long as somebody wants to see it (`landfall status --watch`), as thinly as a rollout is
//! watched, and more thinly while nothing is under way.

use std::time::Duration;

use tokio::time::Instant;

use super::cadence::Cadence;
use super::eyes::{Eyes, Part};
use super::machine::Rollout;
use super::native::{merge, with_alternates};
use super::watch::Troubles;
use crate::aws::{Watcher, Watching};
use crate::emit::Emitter;
use crate::error::Result;

/// Between two looks at a service that is steady.
const RESTING: Duration = Duration::from_secs(2);

/// What a look of an [`Onlooker`] came to.
#[derive(Debug)]
pub struct Looked {
    /// The id of the PRIMARY deployment, where the service has been described.
    pub primary: Option<String>,
    /// When to look again.
    pub again: Instant,
}

/// Looks at one service again and again.
pub struct Onlooker<'a> {
    watching: &'a Watching,
    alternates: Vec<(String, String)>,
    eyes: Eyes<'a>,
    cadence: Cadence,
    troubles: Troubles,
    started: Instant,
    _counted: Watcher<'a>,
}

impl<'a> Onlooker<'a> {
    /// For the service whose deployment `rollout` is about. `alternates` are as in [`watch`](super::watch()).
    pub fn new(
        watching: &'a Watching,
        service: &'a str,
        rollout: &Rollout,
        alternates: &[(String, String)],
    ) -> Self {
        Self {
            watching,
            alternates: alternates.to_vec(),
            eyes: Eyes::new(watching, service, &with_alternates(rollout.target_groups(), alternates)),
            cadence: Cadence::new(),
            troubles: Troubles::of_onlooker(),
            started: Instant::now(),
            _counted: watching.join(),
        }
    }

    /// One look, at first at everything, later at what is waited for and now and then at the rest; `rollout` takes it
    /// in, and what is new is told. `beside`: so many calls were made for
    /// its service deployment, or what kept them from an answer.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws) where AWS refuses for good, or a part of the service cannot be
    /// seen for two minutes.
    pub async fn look(
        &mut self,
        rollout: &mut Rollout,
        events: &Emitter,
        beside: Result<f64>,
    ) -> Result<Looked> {
        let question = self.cadence.question(self.started.elapsed(), rollout.awaited());
        let look = self.eyes.look(question.with_alternates(&self.alternates), self.started).await;
        let mut seen = look.seen;
        let mut errors = look.errors;
        match beside {
            Ok(calls) => seen.calls += calls,
            Err(error) => errors.push((Part::ServiceDeployment, error)),
        }
        let mut primary = None;
        if let Some(observation) = look.observation {
            primary = observation.service.primary().map(|deployment| deployment.id.clone());
            let news = rollout.observe(merge(observation, &self.alternates));
            seen.changed |= !news.is_empty();
            events.emit_all(news);
        }
        let mut pause = self.cadence.pause(self.started.elapsed(), seen, self.watching.allowance());
        if rollout.rests() {
            pause = pause.max(RESTING);
        }
        self.troubles.take_in(errors, pause, events)?;
        Ok(Looked { primary, again: self.watching.next_tick(pause) })
    }
}
