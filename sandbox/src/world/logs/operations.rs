//! GetLogEvents, FilterLogEvents, DescribeLogStreams, DescribeLogGroups.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::store::Line;
use crate::world::{
    ApiError, World,
    json::{flag, number, required, text, texts},
};

/// The most lines of one answer (facts 7.2).
const PAGE: i64 = 10_000;

impl World {
    pub(crate) fn call_logs(&mut self, operation: &str, input: &Value) -> Result<Value, ApiError> {
        match operation {
            "GetLogEvents" => self.get_log_events(input),
            "FilterLogEvents" => self.filter_log_events(input),
            "DescribeLogStreams" => self.describe_log_streams(input),
            "DescribeLogGroups" => self.describe_log_groups(input),
            _ => Err(ApiError::not_implemented("logs", operation)),
        }
    }

    fn get_log_events(&self, input: &Value) -> Result<Value, ApiError> {
        let streams = self.streams(input)?;
        let stream = streams.get(required(input, "logStreamName")?).ok_or_else(no_stream)?;
        let chosen: Vec<&Line> = stream.iter().filter(|line| in_time(line, input)).collect();
        let limit = limit(input)?;
        let all = chosen.len();
        // A token is a place among the lines: the page goes forward from it, or back.
        let (start, end) = match text(input, "nextToken") {
            None if flag(input, "startFromHead") => (0, limit.min(all)),
            None => (all.saturating_sub(limit), all),
            Some(token) => {
                let (way, at) = token.split_once('/').ok_or_else(bad_token)?;
                let at: usize = at.parse().map_err(|_| bad_token())?;
                let at = at.min(all);
                match way {
                    "f" => (at, at.saturating_add(limit).min(all)),
                    "b" => (at.saturating_sub(limit), at),
                    _ => return Err(bad_token()),
                }
            }
        };
        let events: Vec<Value> =
            chosen.iter().skip(start).take(end - start).map(|line| event(line)).collect();
        Ok(json!({
            "events": events,
            "nextForwardToken": format!("f/{end}"),
            "nextBackwardToken": format!("b/{start}"),
        }))
    }

    fn filter_log_events(&self, input: &Value) -> Result<Value, ApiError> {
        if text(input, "filterPattern").is_some_and(|pattern| !pattern.is_empty()) {
            return Err(ApiError::not_implemented("logs", "FilterLogEvents with a filterPattern"));
        }
        let streams = self.streams(input)?;
        let names = texts(input, "logStreamNames");
        if names.iter().any(|name| !streams.contains_key(*name)) {
            return Err(no_stream());
        }
        let prefix = text(input, "logStreamNamePrefix").unwrap_or_default();
        let mut found: Vec<(&String, usize, &Line)> = streams
            .iter()
            .filter(|(name, _)| names.is_empty() || names.contains(&name.as_str()))
            .filter(|(name, _)| name.starts_with(prefix))
            .flat_map(|(name, lines)| lines.iter().enumerate().map(move |(at, line)| (name, at, line)))
            .filter(|(_, _, line)| in_time(line, input))
            .collect();
        found.sort_by_key(|(_, _, line)| line.at);
        let start: usize = match text(input, "nextToken") {
            None => 0,
            Some(token) => token.parse().map_err(|_| bad_token())?,
        };
        let end = start.saturating_add(limit(input)?);
        let events = found.iter().enumerate().skip(start).take(end - start).map(|(_, (name, at, line))| {
            let mut event = event(line);
            event["logStreamName"] = json!(name);
            event["eventId"] = json!(format!("{:020}-{name}-{at}", line.at.as_micros()));
            event
        });
        let mut answer = json!({ "events": events.collect::<Vec<_>>(), "searchedLogStreams": [] });
        if end < found.len() {
            answer["nextToken"] = json!(end.to_string());
        }
        Ok(answer)
    }

    fn describe_log_streams(&self, input: &Value) -> Result<Value, ApiError> {
        let name = required(input, "logGroupName")?;
        let prefix = text(input, "logStreamNamePrefix").unwrap_or_default();
        let streams = self.streams(input)?.iter().filter(|(stream, _)| stream.starts_with(prefix));
        let streams: Vec<Value> = streams
            .map(|(stream, lines)| {
                let mut shown = json!({
                    "logStreamName": stream,
                    "arn": format!("arn:aws:logs:{}:{}:log-group:{name}:log-stream:{stream}", self.region, self.account),
                    "storedBytes": 0,
                });
                if let (Some(first), Some(last)) = (lines.first(), lines.last()) {
                    shown["firstEventTimestamp"] = json!(millis(first));
                    shown["lastEventTimestamp"] = json!(millis(last));
                    shown["lastIngestionTime"] = json!(millis(last));
                }
                shown
            })
            .collect();
        Ok(json!({ "logStreams": streams }))
    }

    fn describe_log_groups(&self, input: &Value) -> Result<Value, ApiError> {
        let prefix = text(input, "logGroupNamePrefix").unwrap_or_default();
        let limit = usize::try_from(number(input, "limit").unwrap_or(50)).unwrap_or(50);
        let start: usize = match text(input, "nextToken") {
            None => 0,
            Some(token) => token.parse().map_err(|_| bad_token())?,
        };
        let names: Vec<&String> = self.logs.groups.keys().filter(|name| name.starts_with(prefix)).collect();
        let groups = names.iter().skip(start).take(limit).map(|name| {
            json!({
                "logGroupName": name,
                "arn": format!("arn:aws:logs:{}:{}:log-group:{name}:*", self.region, self.account),
                "metricFilterCount": 0,
                "storedBytes": 0,
            })
        });
        let mut answer = json!({ "logGroups": groups.collect::<Vec<_>>() });
        if start.saturating_add(limit) < names.len() {
            answer["nextToken"] = json!((start + limit).to_string());
        }
        Ok(answer)
    }

    fn streams(&self, input: &Value) -> Result<&BTreeMap<String, Vec<Line>>, ApiError> {
        let group = required(input, "logGroupName")?;
        self.logs.groups.get(group).ok_or_else(|| {
            ApiError::client("ResourceNotFoundException", "The specified log group does not exist.")
        })
    }
}

fn no_stream() -> ApiError {
    ApiError::client("ResourceNotFoundException", "The specified log stream does not exist.")
}

fn bad_token() -> ApiError {
    ApiError::invalid_parameter("The specified nextToken is invalid.")
}

fn limit(input: &Value) -> Result<usize, ApiError> {
    match number(input, "limit").unwrap_or(PAGE) {
        limit @ 1..=PAGE => Ok(usize::try_from(limit).unwrap_or(1)),
        _ => Err(ApiError::invalid_parameter("limit must be between 1 and 10000.")),
    }
}

/// From `startTime`, up to and without `endTime`.
fn in_time(line: &Line, input: &Value) -> bool {
    let at = millis(line);
    number(input, "startTime").is_none_or(|start| at >= start)
        && number(input, "endTime").is_none_or(|end| at < end)
}

fn millis(line: &Line) -> i64 {
    i64::try_from(line.at.as_micros() / 1000).unwrap_or(i64::MAX)
}

fn event(line: &Line) -> Value {
    json!({ "timestamp": millis(line), "ingestionTime": millis(line), "message": line.message })
}
