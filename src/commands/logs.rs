//! `landfall logs`: what the containers of services write, or wrote last before they failed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::env::{check_cluster, unless_interrupted};
use crate::aws::{Aws, AwsSettings, NoLogs, Watching};
use crate::config::{Config, ServiceConfig};
use crate::emit::Emitter;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, LogLine};
use crate::report::{LogWriter, LoggedLine, stopped_sentence, text::short_task};
use crate::rollout::{self, ContainerLog, LogPlace, Task, logs_of_task, readable};
use crate::task_definition::TaskDefinition;

/// How many lines of each container `--failed` shows.
const LAST: usize = 30;
/// Of how many failed tasks, the newest ones.
const TASKS: usize = 10;
/// Between two rounds of `--follow`, and how many streams are asked a second at most: some Regions answer ten a second
/// for the whole account (facts 7.2).
const PACE: Duration = Duration::from_secs(2);
const STREAMS_A_SECOND: f64 = 4.0;
/// How many are asked at the same time.
const TOGETHER: usize = 4;
/// So many rounds a stream is read on after its task has gone: lines arrive late.
const AFTERWARDS: u32 = 3;

/// What is asked of `landfall logs`.
pub struct LogsJob {
    /// The services whose logs are wanted.
    pub config: Config,
    /// How to reach AWS.
    pub aws: AwsSettings,
    /// Go on until a signal arrives.
    pub follow: bool,
    /// The last lines of tasks that failed, in place of what runs.
    pub failed: bool,
    /// How far back.
    pub since: Duration,
    /// Only the container of this name.
    pub container: Option<String>,
    /// Only the task whose id begins with this.
    pub task: Option<String>,
}

/// Shows logs. A signal ends `--follow`, which is no failure.
///
/// # Errors
/// What kept it from reading any of them; the caller tells it.
pub async fn logs(
    job: LogsJob,
    out: LogWriter,
    events: &Emitter,
    interrupt: &CancellationToken,
) -> Result<()> {
    check_cluster(&job.config)?;
    let settings =
        AwsSettings { region: job.config.region.clone(), told: events.for_calls(), ..job.aws.clone() };
    let aws = Aws::connect(settings).await?;
    let since = i64::try_from(job.since.as_millis()).unwrap_or(i64::MAX);
    let mut reader = Reader {
        watching: Watching::new(&aws, &job.config.cluster),
        since_ms: Timestamp::now().as_millisecond().saturating_sub(since),
        definitions: BTreeMap::new(),
        noted: BTreeSet::new(),
        has_container: false,
        gone: false,
        aws,
        out,
        events,
        job: &job,
    };
    reader.out.name_services(job.config.services.len() > 1);
    let result = if job.follow {
        tokio::select! {
            result = reader.follow() => result,
            () = interrupt.cancelled() => Ok(()),
        }
    } else {
        let work = async { if job.failed { reader.failed().await } else { reader.running().await } };
        unless_interrupted(interrupt, events, "not everything was shown", work).await
    };
    events.emit(Event::ApiCalls { counts: reader.aws.calls.counts() });
    result
}

struct Reader<'a> {
    job: &'a LogsJob,
    aws: Aws,
    watching: Watching,
    since_ms: i64,
    /// Each task is read as its own revision says.
    definitions: BTreeMap<String, Option<TaskDefinition>>,
    out: LogWriter,
    events: &'a Emitter,
    noted: BTreeSet<String>,
    /// A task has the container that is asked for.
    has_container: bool,
    /// Nobody reads the output any more.
    gone: bool,
}

/// The stream of one container.
struct Source {
    service: String,
    task: String,
    container: String,
    place: LogPlace,
    token: Option<String>,
    /// How many more rounds it is read, once its task has gone.
    left: Option<u32>,
}

/// Why logs cannot be read, and whether any could.
#[derive(Default)]
struct Troubles {
    readable: bool,
    /// Sentences, with the error that each would be.
    of: Vec<(String, Error)>,
}

impl Troubles {
    fn elsewhere(&mut self, why: String) {
        let error = Error::new(ErrorKind::Preflight, why.clone())
            .hint("Logs are read from CloudWatch Logs: the container needs the log driver awslogs for that.");
        self.of.push((why, error));
    }

    fn of(&mut self, place: &LogPlace, region: &str, trouble: NoLogs) {
        let sentence = trouble.sentence(place, region);
        let error = match trouble {
            // It has written nothing yet.
            NoLogs::NoStream => {
                self.readable = true;
                return;
            }
            NoLogs::NoGroup => Error::new(ErrorKind::Preflight, sentence.clone()).hint(
                "Check awslogs-group and awslogs-region of the container, and the account; the group has to be created before a task starts, unless awslogs-create-group is \"true\".",
            ),
            NoLogs::Denied(error) | NoLogs::Failed(error) => error,
        };
        self.of.push((sentence, error));
    }

    /// An error where nothing at all could be read.
    fn settle(mut self) -> Result<Vec<String>> {
        if self.readable || self.of.is_empty() {
            return Ok(self.of.into_iter().map(|(sentence, _)| sentence).collect());
        }
        // Of several reasons, what AWS refuses is told before what the task definition lacks.
        self.of.sort_by_key(|(_, error)| error.kind() != ErrorKind::Aws);
        Err(self.of.swap_remove(0).1)
    }
}

impl Reader<'_> {
    /// What the running tasks have written of late.
    async fn running(&mut self) -> Result<()> {
        let mut troubles = Troubles::default();
        let mut sources = Vec::new();
        for service in &self.job.config.services {
            let mut tasks = self.tasks(service, false).await?;
            if self.job.task.is_some() {
                tasks.extend(self.tasks(service, true).await?);
                // One that stops between the two calls is listed twice.
                tasks.sort_by(|a, b| a.arn.cmp(&b.arn));
                tasks.dedup_by(|a, b| a.arn == b.arn);
            }
            if tasks.is_empty() {
                self.note(&self.nothing(service, "runs"));
            }
            for task in tasks {
                sources.extend(self.sources(service, &task, &mut troubles).await?);
            }
        }
        self.check_container()?;
        self.read(&mut sources, &mut troubles).await?;
        self.tell(troubles)
    }

    /// What runs and what starts, until somebody ends it.
    async fn follow(&mut self) -> Result<()> {
        let mut sources: Vec<Source> = Vec::new();
        let mut known: BTreeSet<String> = BTreeSet::new();
        let mut first = true;
        loop {
            let mut troubles = Troubles { readable: !first, ..Troubles::default() };
            for service in &self.job.config.services {
                match self.changes(service, &mut known, &mut sources, first, &mut troubles).await {
                    Ok(()) => {}
                    Err(error) if first || rollout::is_final(&error) => return Err(error),
                    Err(error) => self.note_once(&format!("a look at the tasks failed: {error}")),
                }
            }
            if first {
                self.check_container()?;
            }
            self.read(&mut sources, &mut troubles).await?;
            self.tell(troubles)?;
            if self.gone {
                return Ok(());
            }
            sources.retain_mut(|source| match &mut source.left {
                Some(0) => false,
                Some(left) => {
                    *left -= 1;
                    true
                }
                None => true,
            });
            first = false;
            let gentle = Duration::from_secs_f64(sources.len() as f64 / STREAMS_A_SECOND);
            tokio::time::sleep(PACE.max(gentle)).await;
        }
    }

    /// Takes in tasks that have started, and lets go of those that have gone.
    async fn changes(
        &mut self,
        service: &ServiceConfig,
        known: &mut BTreeSet<String>,
        sources: &mut Vec<Source>,
        first: bool,
        troubles: &mut Troubles,
    ) -> Result<()> {
        if first {
            self.check_service(service).await?;
        }
        let listed = self.watching.list(&service.service, false).await?;
        let new: Vec<String> =
            listed.iter().filter(|arn| self.is_wanted(arn) && !known.contains(*arn)).cloned().collect();
        for task in self.watching.tasks(new).await? {
            sources.extend(self.sources(service, &task, troubles).await?);
            if !first {
                let revision = rollout_name(&task);
                self.note(&format!("task {} of {revision} has come", short_task(task.id())));
            }
            known.insert(task.arn);
        }
        if first && sources.iter().all(|source| source.service != service.name) {
            self.note(&format!("no task of {} runs; the next one is waited for", service.name));
        }
        let of_service: BTreeSet<&str> = sources
            .iter()
            .filter(|source| source.service == service.name && source.left.is_none())
            .map(|source| source.task.as_str())
            .collect();
        let left: Vec<String> = known
            .iter()
            .filter(|arn| of_service.contains(id(arn)) && !listed.contains(arn))
            .cloned()
            .collect();
        for task in self.watching.tasks(left.clone()).await? {
            // Until it has stopped it may write: while its targets drain, for minutes.
            if !task.is_stopped() {
                continue;
            }
            if let Some(stopped) = rollout::stopped(&task) {
                let why = stopped_sentence(&stopped);
                self.note(&format!("task {} has stopped: {why}", short_task(task.id())));
            }
            for source in sources.iter_mut().filter(|source| source.task == task.id()) {
                source.left = Some(AFTERWARDS);
            }
        }
        Ok(())
    }

    /// The last words of tasks that failed, oldest first, and why each of them stopped.
    async fn failed(&mut self) -> Result<()> {
        let mut troubles = Troubles::default();
        for service in &self.job.config.services {
            let tasks = self.tasks(service, true).await?;
            let all = self.job.task.is_some();
            let stopped = tasks.into_iter().filter_map(|task| Some((rollout::stopped(&task)?, task)));
            let failed: Vec<_> = stopped.filter(|(stopped, _)| all || rollout::failed(stopped)).collect();
            if failed.is_empty() {
                self.note(&self.nothing(service, "failed within the last hour"));
            }
            let mut told = Vec::new();
            for (stopped, task) in failed {
                let sources = self.sources(service, &task, &mut troubles).await?;
                let (lines, why) = self.last(&sources, &mut troubles).await;
                told.push((lines.iter().filter_map(|line| line.time).max(), stopped, task, lines, why));
            }
            // What has no line may as well be new.
            told.sort_by_key(|(time, ..)| time.unwrap_or(Timestamp::MAX));
            let left_out = told.len().saturating_sub(TASKS);
            if left_out > 0 {
                self.note(&format!(
                    "{} failed earlier and {} left out; --task ID shows one",
                    crate::report::text::count(left_out, "task"),
                    if left_out == 1 { "is" } else { "are" }
                ));
            }
            for (_, stopped, task, lines, why) in told.into_iter().skip(left_out) {
                let name = rollout_name(&task);
                let reason = stopped_sentence(&stopped);
                self.note(&format!("task {} of {name} stopped: {reason}", short_task(task.id())));
                why.iter().for_each(|why| self.note(&format!("  {why}")));
                self.print(&lines)?;
            }
        }
        self.check_container()?;
        self.tell(troubles)
    }

    async fn last(&self, sources: &[Source], troubles: &mut Troubles) -> (Vec<LoggedLine>, Vec<String>) {
        let (mut lines, mut why) = (Vec::new(), Vec::new());
        for source in sources {
            match self.aws.last_lines(&source.place, LAST).await {
                Ok(found) => {
                    troubles.readable = true;
                    if found.is_empty() {
                        why.push(format!("container {} wrote nothing", source.container));
                    }
                    lines.extend(self.of_source(source, found));
                }
                Err(NoLogs::NoStream) => {
                    troubles.readable = true;
                    why.push(format!("container {} wrote nothing: it has no log stream", source.container));
                }
                Err(error) => troubles.of(&source.place, &self.aws.region, error),
            }
        }
        lines.sort_by_key(|line| line.time);
        (lines, why)
    }

    /// Reads what is new in each stream and prints all of it in the order of time.
    async fn read(&mut self, sources: &mut [Source], troubles: &mut Troubles) -> Result<()> {
        let (aws, since) = (&self.aws, self.since_ms);
        let asked = sources.iter().map(|source| (source.place.clone(), source.token.clone()));
        let answers: Vec<_> = stream::iter(asked)
            .map(|(place, token)| async move { aws.next_lines(&place, since, token).await })
            .buffered(TOGETHER)
            .collect()
            .await;
        let mut lines = Vec::new();
        for (source, answer) in sources.iter_mut().zip(answers) {
            match answer {
                Ok(page) => {
                    troubles.readable = true;
                    source.token = page.token;
                    lines.extend(self.of_source(source, page.lines));
                }
                Err(error) => troubles.of(&source.place, &self.aws.region, error),
            }
        }
        lines.sort_by_key(|line| line.time);
        self.print(&lines)
    }

    fn of_source(&self, source: &Source, lines: Vec<LogLine>) -> Vec<LoggedLine> {
        let line = |found: LogLine| {
            let time = found.at_ms.and_then(|at| Timestamp::from_millisecond(at).ok());
            readable(&found.text, |text| self.events.hide(text)).into_iter().map(move |text| LoggedLine {
                time,
                service: source.service.clone(),
                task: source.task.clone(),
                container: source.container.clone(),
                text,
            })
        };
        lines.into_iter().flat_map(line).collect()
    }

    /// The tasks of a service that are asked for.
    async fn tasks(&self, service: &ServiceConfig, stopped: bool) -> Result<Vec<Task>> {
        self.check_service(service).await?;
        let mut arns = self.watching.list(&service.service, stopped).await?;
        arns.retain(|arn| self.is_wanted(arn));
        self.watching.tasks(arns).await
    }

    async fn check_service(&self, service: &ServiceConfig) -> Result<()> {
        let (name, cluster) = (&service.service, &self.job.config.cluster);
        if self.watching.service(name).await?.is_some() {
            return Ok(());
        }
        Err(self.aws.no_service(cluster, name))
    }

    fn is_wanted(&self, arn: &str) -> bool {
        self.job.task.as_deref().is_none_or(|wanted| id(arn).starts_with(id(wanted)))
    }

    /// The streams of a task's containers that are asked for.
    async fn sources(
        &mut self,
        service: &ServiceConfig,
        task: &Task,
        troubles: &mut Troubles,
    ) -> Result<Vec<Source>> {
        let arn = &task.task_definition;
        if !self.definitions.contains_key(arn) {
            let found = self.aws.describe_task_definition(arn).await?;
            self.definitions.insert(arn.clone(), found.map(|(_, definition)| definition));
        }
        let Some(Some(definition)) = self.definitions.get(arn) else {
            troubles.elsewhere(format!("the task definition {} is gone", rollout_name(task)));
            return Ok(Vec::new());
        };
        let mut sources = Vec::new();
        for (container, log) in logs_of_task(definition, task.id()) {
            if self.job.container.as_ref().is_some_and(|wanted| *wanted != container) {
                continue;
            }
            self.has_container = true;
            match log {
                ContainerLog::Elsewhere(why) => troubles.elsewhere(why),
                ContainerLog::CloudWatch(place) => sources.push(Source {
                    service: service.name.clone(),
                    task: task.id().to_owned(),
                    container,
                    place,
                    token: None,
                    left: None,
                }),
            }
        }
        Ok(sources)
    }

    /// A container that no task has is a slip of the pen.
    fn check_container(&self) -> Result<()> {
        let Some(wanted) = self.job.container.as_ref().filter(|_| !self.has_container) else { return Ok(()) };
        let definitions = self.definitions.values().flatten();
        let names: BTreeSet<&str> = definitions.flat_map(TaskDefinition::container_names).collect();
        if names.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = names.into_iter().collect();
        Err(Error::usage(format!("no task has a container {wanted}"))
            .hint(format!("There is {}.", names.join(", "))))
    }

    fn nothing(&self, service: &ServiceConfig, what: &str) -> String {
        let name = &service.name;
        match (&self.job.task, self.job.failed) {
            (Some(task), _) => format!("no task of {name} whose id begins with {task} is known to ECS"),
            (None, true) => format!("no task of {name} {what}"),
            (None, false) => {
                format!("no task of {name} {what}; `landfall logs --failed` shows those that failed")
            }
        }
    }

    /// Troubles as remarks, or as an error where nothing could be read.
    fn tell(&mut self, troubles: Troubles) -> Result<()> {
        for sentence in troubles.settle()? {
            self.note_once(&sentence);
        }
        Ok(())
    }

    fn note_once(&mut self, text: &str) {
        if self.noted.insert(text.to_owned()) {
            self.note(text);
        }
    }

    fn note(&mut self, text: &str) {
        // Where standard error is gone, nobody is left to tell.
        let _ = self.out.note(&self.events.hide(text));
    }

    fn print(&mut self, lines: &[LoggedLine]) -> Result<()> {
        match self.out.lines(lines) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(())
            }
            Err(error) => Err(Error::internal("cannot write to standard output").source(error)),
        }
    }
}

/// The last part of an ARN; an id as it is.
fn id(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// `web:4`
fn rollout_name(task: &Task) -> &str {
    crate::plan::short(&task.task_definition)
}
