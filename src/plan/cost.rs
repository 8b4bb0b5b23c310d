//! What the tasks of a service cost in a month: an estimate by list prices (facts 1.6). Pure.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::event::CostEstimate;
use crate::task_definition::TaskDefinition;

/// As AWS's own calculator counts.
const HOURS_A_MONTH: f64 = 730.0;
/// What a task has without paying for it (facts 1.2).
const FREE_STORAGE_GIB: u64 = 20;

/// A dated table of prices, in USD per hour.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// Of which day: `2026-10-05`.
    pub date: String,
    /// Must be `USD` where it is given.
    #[serde(default)]
    currency: Option<String>,
    /// For readers of the file.
    #[serde(default, rename = "note")]
    _note: Option<String>,
    regions: BTreeMap<String, RegionPrices>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegionPrices {
    x86: Option<Price>,
    arm: Option<Price>,
    windows: Option<Price>,
    /// Per GB and hour above what is free.
    storage_gb: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    vcpu: f64,
    gb: f64,
}

impl Prices {
    /// The table that comes with the program.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::error::ErrorKind::Internal), which a test rules out.
    pub fn built_in() -> Result<Self> {
        serde_json::from_str(include_str!("prices.json"))
            .map_err(|error| Error::internal("the price table is broken").source(error))
    }

    /// A table of one's own, in the form of `src/plan/prices.json`.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) with file, line and column.
    pub fn from_file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::usage(format!("cannot read the price table {}", path.display())).source(error)
        })?;
        let place = |what: String| {
            Error::usage(format!("{}: {what}", path.display()))
                .hint("docs/plan.md has the form of a price table: a date, and prices per hour by Region.")
        };
        let prices: Self = serde_json::from_str(&text).map_err(|error| place(error.to_string()))?;
        match &prices.currency {
            Some(currency) if currency != "USD" => {
                Err(place(format!("prices are in USD, not in {currency}")))
            }
            _ => Ok(prices),
        }
    }
}

/// Where tasks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// On Fargate.
    pub fargate: bool,
    /// Some of it is Spot.
    pub spot: bool,
}

/// What `tasks` of the old and of the new revision cost in a month.
pub fn estimate(
    prices: &Prices,
    region: &str,
    tasks: u32,
    before: (&TaskDefinition, Capacity),
    after: (&TaskDefinition, Capacity),
) -> CostEstimate {
    let mut notes = Vec::new();
    let mut add = |note: String| {
        if !notes.contains(&note) {
            notes.push(note);
        }
    };
    let mut month = |(definition, capacity): (&TaskDefinition, Capacity)| {
        let hour = of_task(prices, region, definition, capacity, &mut add)?;
        let month = hour * f64::from(tasks) * HOURS_A_MONTH;
        Some((month * 100.0).round() / 100.0)
    };
    let (before_usd, after_usd) = (month(before), month(after));
    let prices_of = (before_usd.is_some() || after_usd.is_some()).then(|| prices.date.clone());
    CostEstimate { before_usd, after_usd, tasks, prices_of, notes }
}

/// USD for one task and hour.
fn of_task(
    prices: &Prices,
    region: &str,
    definition: &TaskDefinition,
    capacity: Capacity,
    note: &mut impl FnMut(String),
) -> Option<f64> {
    if !capacity.fargate {
        note("the tasks run on instances of your own: not applicable".to_owned());
        return None;
    }
    let Some(table) = prices.regions.get(region) else {
        note(format!("the price table has no Region {region} (--prices FILE)"));
        return None;
    };
    let (Some(cpu), Some(memory)) = (definition.cpu_units(), definition.memory_mib()) else {
        note("the task definition has no size of the task".to_owned());
        return None;
    };
    let platform = |name: &str| {
        let platform = definition.as_map().get("runtimePlatform");
        platform.and_then(|platform| platform.get(name)).and_then(Value::as_str).unwrap_or_default()
    };
    let (kind, price) = match (platform("operatingSystemFamily"), platform("cpuArchitecture")) {
        (family, _) if family.starts_with("WINDOWS") => ("Windows", table.windows),
        (_, "ARM64") => ("ARM", table.arm),
        _ => ("x86", table.x86),
    };
    let Some(price) = price else {
        note(format!("the price table has no {kind} in {region} (--prices FILE)"));
        return None;
    };
    let mut hour = cpu as f64 / 1024.0 * price.vcpu + memory as f64 / 1024.0 * price.gb;
    let more = definition.ephemeral_storage_gib().unwrap_or(0).saturating_sub(FREE_STORAGE_GIB);
    if more > 0 {
        match table.storage_gb {
            Some(price) => hour += more as f64 * price,
            None => {
                note(format!("without {more} GB of storage, whose price in {region} is not in the table"))
            }
        }
    }
    if capacity.spot {
        note("at on-demand prices; Spot is up to 70 % less and is not estimated".to_owned());
    }
    Some(hour)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FARGATE: Capacity = Capacity { fargate: true, spot: false };

    fn definition(cpu: &str, memory: &str, more: Value) -> TaskDefinition {
        let mut value = json!({"family": "web", "cpu": cpu, "memory": memory,
            "requiresCompatibilities": ["FARGATE"], "containerDefinitions": [{"name": "a"}]});
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        TaskDefinition::from_value(value).unwrap()
    }

    fn cost(region: &str, tasks: u32, after: Value, capacity: Capacity) -> CostEstimate {
        let prices = Prices::built_in().unwrap();
        let before = definition("256", "512", json!({}));
        let after = definition("1 vCPU", "2 GB", after);
        estimate(&prices, region, tasks, (&before, FARGATE), (&after, capacity))
    }

    #[test]
    fn a_month_has_730_hours_of_each_task() {
        let x86 = cost("us-east-1", 2, json!({}), FARGATE);
        // (0.25 * 0.04048 + 0.5 * 0.004445) * 2 * 730, and (0.04048 + 2 * 0.004445) * 2 * 730
        assert_eq!((x86.before_usd, x86.after_usd), (Some(18.02), Some(72.08)));
        assert_eq!(x86.prices_of.as_deref(), Some("2026-10-05"));
        let arm = cost("us-east-1", 2, json!({"runtimePlatform": {"cpuArchitecture": "ARM64"}}), FARGATE);
        assert_eq!(arm.after_usd, Some(57.67));
        let windows = json!({"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}});
        assert_eq!(cost("us-east-1", 1, windows, FARGATE).after_usd, Some(81.45));
        let storage = cost("us-east-1", 1, json!({"ephemeralStorage": {"sizeInGiB": 120}}), FARGATE);
        assert_eq!(storage.after_usd, Some(44.14));
    }

    #[test]
    fn what_is_not_known_has_no_number() {
        let nowhere = cost("mars-north-1", 1, json!({}), FARGATE);
        assert_eq!((nowhere.before_usd, nowhere.after_usd, nowhere.prices_of), (None, None, None));
        assert_eq!(nowhere.notes, ["the price table has no Region mars-north-1 (--prices FILE)"]);
        let arm = cost("eu-west-1", 1, json!({"runtimePlatform": {"cpuArchitecture": "ARM64"}}), FARGATE);
        assert_eq!((arm.before_usd.is_some(), arm.after_usd), (true, None));
        let own = cost("us-east-1", 1, json!({}), Capacity { fargate: false, spot: false });
        assert_eq!(own.after_usd, None);
        let spot = cost("us-east-1", 1, json!({}), Capacity { fargate: true, spot: true });
        assert!(spot.after_usd.is_some() && spot.notes[0].contains("Spot is up to 70 % less"), "{spot:?}");
    }
}
