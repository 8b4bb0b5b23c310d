//! Quotas of the account.

use serde_json::{Value, json};

use super::Known;
use crate::aws::Aws;
use crate::aws::signed::{Failure, SERVICE_QUOTAS};

/// `Fargate On-Demand vCPU resource count`.
const FARGATE_VCPUS: &str = "L-3032A538";

impl Aws {
    /// How many vCPUs of Fargate may run on demand at once in this Region (facts 7.3): the account's own quota or,
    /// where it has none, what every account starts with.
    pub async fn vcpu_quota(&self) -> Known<u32> {
        match self.quota("GetServiceQuota").await {
            Ok(value) => Known::Is(value),
            Err(failure) => match failure.known() {
                Known::Absent => match self.quota("GetAWSDefaultServiceQuota").await {
                    Ok(value) => Known::Is(value),
                    Err(failure) => failure.known(),
                },
                other => other,
            },
        }
    }

    async fn quota(&self, operation: &'static str) -> Result<u32, Failure> {
        let input = json!({ "ServiceCode": "fargate", "QuotaCode": FARGATE_VCPUS });
        let answer = self.signed.json(SERVICE_QUOTAS, operation, &input).await?;
        let value = answer.pointer("/Quota/Value").and_then(Value::as_f64);
        match value {
            // Quotas are whole numbers in a type that has others too.
            Some(value) if (0.0..=f64::from(u32::MAX)).contains(&value) => Ok(value as u32),
            _ => Err(Failure::strange(&format!("servicequotas:{operation}"), "no value")),
        }
    }
}
