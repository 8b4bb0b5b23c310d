//! Clusters, and a service's document.

use aws_sdk_ecs::types as sdk;
use serde_json::{Map, Value};

use super::{ClusterFacts, Known};
use crate::aws::Aws;
use crate::aws::raw::RawResponse;
use crate::aws::signed::known_of_sdk;

impl Aws {
    /// A cluster by name or ARN. One that was deleted is `INACTIVE` for a while.
    pub async fn cluster(&self, cluster: &str) -> Known<ClusterFacts> {
        let answer = self.ecs.describe_clusters().clusters(cluster).send().await;
        let answer = match known_of_sdk("ecs:DescribeClusters", answer) {
            Known::Is(answer) => answer,
            other => return other.without_fact(),
        };
        // A cluster that is not there is among the failures, with HTTP 200 (facts 5.7).
        match answer.clusters.unwrap_or_default().into_iter().next() {
            None => Known::Absent,
            Some(found) => Known::Is(ClusterFacts {
                arn: found.cluster_arn.unwrap_or_default(),
                status: found.status.unwrap_or_default(),
                capacity_providers: found.capacity_providers.unwrap_or_default(),
            }),
        }
    }

    /// A service as DescribeServices shows it, with its tags and with fields that the SDK does not know.
    pub async fn service_document(&self, cluster: &str, service: &str) -> Known<Map<String, Value>> {
        let raw = RawResponse::default();
        let call = self
            .ecs
            .describe_services()
            .cluster(cluster)
            .services(service)
            .include(sdk::ServiceField::Tags)
            .customize()
            .interceptor(raw.clone())
            .send()
            .await;
        if let failed @ (Known::Absent | Known::Denied { .. } | Known::Unknown { .. } | Known::NotAsked) =
            known_of_sdk("ecs:DescribeServices", call)
        {
            return failed.without_fact();
        }
        match raw.json() {
            Ok(mut document) => match document.pointer_mut("/services/0").map(Value::take) {
                Some(Value::Object(service)) => Known::Is(service),
                _ => Known::Absent,
            },
            Err(error) => Known::Unknown { why: error.to_string() },
        }
    }
}
