//! AWS's protocols by hand, so that nothing of the product's code is between a test and an emulator.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::part;

pub const REGION: &str = "us-east-1";

/// A client of an emulator.
#[derive(Clone)]
pub struct Raw {
    pub endpoint: String,
    pub http: reqwest::Client,
}

impl Raw {
    /// Of the emulator that this variable of `scripts/parts env` leads to.
    pub fn of(variable: &str) -> Self {
        Self { endpoint: part(variable), http: reqwest::Client::new() }
    }

    /// The variables that lead AWS tools there, which need not answer these checks.
    pub fn leading_here(&self, skipped: &str) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("LANDFALL_SKIP_CHECK", skipped),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    pub async fn ecs(&self, operation: &str, input: Value) -> Value {
        self.try_ecs(operation, input).await.unwrap_or_else(|refusal| panic!("{refusal}"))
    }

    /// The same where a refusal is an answer too.
    pub async fn try_ecs(&self, operation: &str, input: Value) -> Result<Value, String> {
        self.json("ecs", "AmazonEC2ContainerServiceV20141113", operation, input).await
    }

    pub async fn create_repository(&self, name: &str) {
        self.json(
            "ecr",
            "AmazonEC2ContainerRegistry_V20150921",
            "CreateRepository",
            json!({"repositoryName": name}),
        )
        .await
        .unwrap_or_else(|refusal| panic!("{refusal}"));
    }

    async fn json(
        &self,
        service: &str,
        target: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, String> {
        let request = self
            .http
            .post(&self.endpoint)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("{target}.{operation}"))
            .body(input.to_string());
        let text = answer(request, service).await.map_err(|refusal| format!("{operation}: {refusal}"))?;
        Ok(serde_json::from_str(&text).expect("JSON"))
    }

    /// A call of a service that speaks AWS Query: what it answers is XML.
    pub async fn query(&self, service: Query, operation: &str, parameters: &[(&str, &str)]) -> String {
        let (name, version) = match service {
            Query::LoadBalancing => ("elasticloadbalancing", "2015-12-01"),
            Query::Ec2 => ("ec2", "2016-11-15"),
            Query::Iam => ("iam", "2010-05-08"),
        };
        let mut form = vec![("Action", operation), ("Version", version)];
        form.extend(parameters);
        let body: Vec<String> = form
            .iter()
            .map(|(name, value)| {
                let set = percent_encoding::NON_ALPHANUMERIC;
                format!("{name}={}", percent_encoding::utf8_percent_encode(value, set))
            })
            .collect();
        let request = self
            .http
            .post(&self.endpoint)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.join("&"));
        answer(request, name).await.unwrap_or_else(|refusal| panic!("{operation}: {refusal}"))
    }

    /// A load balancer that leads to port 8080 of the tasks of a service: the ARN of its target group.
    pub async fn load_balancer(&self, name: &str, vpc: &str, subnets: &[String; 2]) -> String {
        let service = Query::LoadBalancing;
        let balancer = self
            .query(
                service,
                "CreateLoadBalancer",
                &[
                    ("Name", name),
                    ("Type", "application"),
                    ("Subnets.member.1", &subnets[0]),
                    ("Subnets.member.2", &subnets[1]),
                ],
            )
            .await;
        let group = self
            .query(
                service,
                "CreateTargetGroup",
                &[
                    ("Name", name),
                    ("Protocol", "HTTP"),
                    ("Port", "8080"),
                    ("VpcId", vpc),
                    ("TargetType", "ip"),
                    ("HealthCheckPath", "/health"),
                ],
            )
            .await;
        let target_group = element(&group, "TargetGroupArn");
        self.query(
            service,
            "CreateListener",
            &[
                ("LoadBalancerArn", &element(&balancer, "LoadBalancerArn")),
                ("Protocol", "HTTP"),
                ("Port", "80"),
                ("DefaultActions.member.1.Type", "forward"),
                ("DefaultActions.member.1.TargetGroupArn", &target_group),
            ],
        )
        .await;
        target_group
    }

    pub async fn put_bucket(&self, name: &str) {
        let request = self.http.put(format!("{}/{name}", self.endpoint));
        answer(request, "s3").await.unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
    }

    pub async fn get_object(&self, bucket: &str, key: &str) -> String {
        let request = self.http.get(format!("{}/{bucket}/{key}", self.endpoint));
        answer(request, "s3").await.unwrap_or_else(|refusal| panic!("{key}: {refusal}"))
    }
}

/// The services that speak AWS Query.
#[derive(Clone, Copy)]
pub enum Query {
    LoadBalancing,
    Ec2,
    Iam,
}

/// Sends a request; what it is refused with is the error. An emulator wants to see a signature and checks none.
async fn answer(request: RequestBuilder, service: &str) -> Result<String, String> {
    let signature = format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    );
    let answer = request.header("authorization", signature).send().await.expect("the emulator answers");
    let status = answer.status();
    let text = answer.text().await.expect("a body");
    if status.is_success() { Ok(text) } else { Err(format!("{status} {text}")) }
}

/// The text of the first element of this name.
pub fn element(xml: &str, name: &str) -> String {
    elements(xml, name).next().unwrap_or_else(|| panic!("no {name} in {xml}"))
}

/// The text of each element of this name.
pub fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = String> + use<'a> {
    let tag = format!("<{name}>");
    let starts: Vec<usize> = xml.match_indices(&tag).map(|(at, _)| at + tag.len()).collect();
    starts.into_iter().map(|start| xml[start..].split('<').next().unwrap_or_default().to_owned())
}
