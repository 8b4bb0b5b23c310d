//! CloudWatch Logs: what containers wrote.

use aws_sdk_cloudwatchlogs::config::Region;
use aws_sdk_cloudwatchlogs::operation::get_log_events::GetLogEventsOutput;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::clients::Aws;
use super::error::aws_error;
use crate::error::Error;
use crate::event::LogLine;
use crate::rollout::LogPlace;

/// A page may be empty although there is more (CloudWatch Logs says so itself); this many are asked for in search of
/// the end.
const PAGES: usize = 4;

/// Why a stream cannot be read.
#[derive(Debug)]
pub enum NoLogs {
    /// There is no such group in the Region.
    NoGroup,
    /// The group has no such stream (yet): the container has not started, or has written nothing.
    NoStream,
    /// The caller may not read it, as AWS says it.
    Denied(Error),
    /// Anything else: throttled beyond the retries, no connection.
    Failed(Error),
}

impl NoLogs {
    /// In one sentence, for a person.
    pub fn sentence(&self, place: &LogPlace, region: &str) -> String {
        let region = place.region.as_deref().unwrap_or(region);
        match self {
            Self::NoGroup => format!("the log group {} does not exist in {region}", place.group),
            Self::NoStream => {
                format!("the log group {} has no stream {} yet", place.group, place.stream)
            }
            Self::Denied(error) => {
                format!("allow the caller `logs:GetLogEvents` on {}: {error}", place.group)
            }
            Self::Failed(error) => error.to_string(),
        }
    }
}

/// Lines of a stream from some place on, and where the next ones will be.
#[derive(Debug)]
pub struct LogPage {
    /// Oldest first, as they were written.
    pub lines: Vec<LogLine>,
    /// What to ask with for what comes later.
    pub token: Option<String>,
}

impl Aws {
    /// The newest `count` lines of a stream, oldest first; none of a stream that has none.
    ///
    /// # Errors
    /// [`NoLogs`], which never has to end a run.
    pub async fn last_lines(&self, place: &LogPlace, count: usize) -> Result<Vec<LogLine>, NoLogs> {
        let mut newest: Vec<LogLine> = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..PAGES {
            let limit = count.saturating_sub(newest.len()).clamp(1, 10_000);
            let request = self.logs_in(place).get_log_events().start_from_head(false);
            let request = request.limit(i32::try_from(limit).unwrap_or(i32::MAX));
            let answer = of_stream(request.set_next_token(token.clone()), place).await?;
            let back = answer.next_backward_token.clone();
            let mut page = lines(answer);
            page.append(&mut newest);
            newest = page;
            // The end is when the same token comes back (facts 7.2).
            if newest.len() >= count || back.is_none() || back == token {
                break;
            }
            token = back;
        }
        Ok(newest.split_off(newest.len().saturating_sub(count)))
    }

    /// All that a stream has since `since_ms` (milliseconds since the Unix epoch); with a `token` that was given
    /// before, the next page after it, in one call.
    ///
    /// # Errors
    /// [`NoLogs`].
    pub async fn next_lines(
        &self,
        place: &LogPlace,
        since_ms: i64,
        token: Option<String>,
    ) -> Result<LogPage, NoLogs> {
        let is_next = token.is_some();
        let mut page = LogPage { lines: Vec::new(), token };
        loop {
            let request = self.logs_in(place).get_log_events().start_from_head(true).start_time(since_ms);
            let answer = of_stream(request.set_next_token(page.token.clone()), place).await?;
            let forward = answer.next_forward_token.clone();
            page.lines.extend(lines(answer));
            // The end is when the same token comes back (facts 7.2).
            if forward.is_none() || forward == page.token {
                return Ok(page);
            }
            page.token = forward;
            if is_next {
                return Ok(page);
            }
        }
    }

    /// The client of the stream's own Region.
    fn logs_in(&self, place: &LogPlace) -> aws_sdk_cloudwatchlogs::Client {
        match &place.region {
            Some(region) if *region != self.region => {
                let config = self.logs.config().to_builder().region(Region::new(region.clone()));
                aws_sdk_cloudwatchlogs::Client::from_conf(config.build())
            }
            _ => self.logs.clone(),
        }
    }
}

type Request = aws_sdk_cloudwatchlogs::operation::get_log_events::builders::GetLogEventsFluentBuilder;

async fn of_stream(request: Request, place: &LogPlace) -> Result<GetLogEventsOutput, NoLogs> {
    let request = request.log_group_name(&place.group).log_stream_name(&place.stream);
    request.send().await.map_err(|error| {
        let code = error.code().unwrap_or_default().to_owned();
        let about_stream = error.message().is_some_and(|text| text.contains("stream"));
        match code.as_str() {
            "ResourceNotFoundException" if about_stream => NoLogs::NoStream,
            "ResourceNotFoundException" => NoLogs::NoGroup,
            _ => {
                let error = aws_error("logs:GetLogEvents", &place.group, error);
                if code.starts_with("AccessDenied") { NoLogs::Denied(error) } else { NoLogs::Failed(error) }
            }
        }
    })
}

fn lines(answer: GetLogEventsOutput) -> Vec<LogLine> {
    let events = answer.events.unwrap_or_default();
    let line = |event: aws_sdk_cloudwatchlogs::types::OutputLogEvent| {
        Some(LogLine { at_ms: event.timestamp, text: event.message? })
    };
    events.into_iter().filter_map(line).collect()
}
