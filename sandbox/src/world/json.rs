//! Reading the JSON of requests.

use serde_json::{Map, Value};

use super::ApiError;

/// An object of values that are made already: `json!` would copy each of them.
pub(crate) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(Map::from_iter(fields.map(|(name, value)| (name.to_owned(), value))))
}

/// A text field; absent, null and other types are `None`.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// A text field that has to be there and not empty.
pub(crate) fn required<'a>(value: &'a Value, key: &str) -> Result<&'a str, ApiError> {
    text(value, key)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| ApiError::invalid_parameter(format!("{key} can not be blank.")))
}

/// A whole-number field.
pub(crate) fn number(value: &Value, key: &str) -> Option<i64> {
    let field = value.get(key)?;
    // The Query protocol has only text.
    field.as_i64().or_else(|| field.as_str()?.parse().ok())
}

/// A yes-or-no field; absent is no.
pub(crate) fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// An array field; absent is empty.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The texts of an array field.
pub(crate) fn texts<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    list(value, key).iter().filter_map(Value::as_str).collect()
}

/// Whether an `include` list names `what`.
pub(crate) fn includes(value: &Value, what: &str) -> bool {
    texts(value, "include").contains(&what)
}

/// One page of `items`: `nextToken` is the place where the next page starts.
///
/// Errors: `InvalidParameterException` for a page size outside 1..=100 or a token that was never given out.
pub(crate) fn page(input: &Value, items: Vec<String>) -> Result<(Vec<String>, Option<String>), ApiError> {
    let size = match number(input, "maxResults") {
        None => 100,
        Some(size @ 1..=100) => usize::try_from(size).unwrap_or(100),
        Some(_) => return Err(ApiError::invalid_parameter("maxResults must be between 1 and 100.")),
    };
    let start = match text(input, "nextToken") {
        None => 0,
        Some(token) => token
            .strip_prefix("page-")
            .and_then(|start| start.parse::<usize>().ok())
            .ok_or_else(|| ApiError::invalid_parameter("Invalid token."))?,
    };
    let end = start.saturating_add(size);
    let next = (end < items.len()).then(|| format!("page-{end}"));
    Ok((items.into_iter().skip(start).take(size).collect(), next))
}
