//! ministack by its own API: raw requests.

use serde_json::{Value, json};

use super::raw::Raw;
use super::{docker, until};

/// A client of ministack.
#[derive(Clone)]
pub struct Ministack(Raw);

impl std::ops::Deref for Ministack {
    type Target = Raw;

    fn deref(&self) -> &Raw {
        &self.0
    }
}

/// A service with two tasks behind a load balancer. Every name is the test's own, so that tests can
/// run side by side. It is deleted when the test is done with it: ministack looks at every container of every service
/// all the time, which would take a processor from the tests that come later.
#[must_use]
pub struct WebService {
    pub name: String,
    pub repository: String,
    pub url: String,
}

impl Drop for WebService {
    fn drop(&mut self) {
        let name = self.name.clone();
        // A runtime and a client of its own, as those of the test stand still meanwhile.
        let deleting = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let delete = json!({"cluster": name, "service": name, "force": true});
            let asking = async { Ministack::connect().try_ecs("DeleteService", delete).await };
            runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(asking))
        });
        // One that stays takes a share of the machine from every later test. A test that fails has said so already.
        let deleted = deleting.join().expect("no panic");
        assert!(std::thread::panicking() || deleted.is_ok(), "{} is still there: {deleted:?}", self.name);
    }
}

/// What a service consists of.
pub struct Shape<'a> {
    pub tasks: u32,
    /// `minimumHealthyPercent` and `maximumPercent`.
    pub percents: (u32, u32),
    /// Containers of each task besides the one that answers.
    pub beside: &'a [Value],
}

impl Ministack {
    pub fn connect() -> Self {
        Self(Raw::of("LANDFALL_E2E_MINISTACK"))
    }

    /// `localhost:PORT`, whose `/v2/` is ministack's ECR.
    pub fn registry(&self) -> String {
        let port = self.endpoint.rsplit(':').next().expect("a port");
        format!("localhost:{port}")
    }

    /// The variables that lead AWS tools here.
    pub fn environment(&self) -> Vec<(String, String)> {
        // AWS's default VPC has an internet gateway, and its tasks need a role to read a file of S3; here nothing leads
        // out of the subnets, and tasks need neither.
        self.leading_here(
            "no-route-to-ecr no-route-to-s3 no-route-to-logs no-route-to-registry execution-role-required",
        )
    }

    /// Creates a service of two tasks that run `image`, a local image of the engine, as tag `v1`,
    /// and waits until both answer through the load balancer.
    pub async fn web_service(&self, name: &str, image: &str) -> WebService {
        self.web_service_of(name, image, &Shape { tasks: 2, percents: (100, 200), beside: &[] }).await
    }

    /// The same in another shape.
    pub async fn web_service_of(&self, name: &str, image: &str, shape: &Shape<'_>) -> WebService {
        let Shape { tasks, percents: (minimum, maximum), beside } = *shape;
        self.create_repository(name).await;
        let reference = format!("{}/{name}:v1", self.registry());
        docker(&["tag", image, &reference]);
        docker(&["push", &reference]);

        self.ecs("CreateCluster", json!({"clusterName": name})).await;
        let subnets = ["subnet-00000001".to_owned(), "subnet-00000002".to_owned()];
        let target_group = self.load_balancer(name, "vpc-00000001", &subnets).await;
        let mut containers = vec![json!({
            "name": "web", "image": reference, "essential": true,
            "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
            "environment": [{"name": "GREETING", "value": "hello"}]
        })];
        containers.extend_from_slice(beside);
        let registered = self
            .ecs(
                "RegisterTaskDefinition",
                json!({
                    "family": name, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
                    "cpu": "256", "memory": "512",
                    "containerDefinitions": containers
                }),
            )
            .await;
        self.ecs(
            "CreateService",
            json!({
                "cluster": name, "serviceName": name,
                "taskDefinition": registered["taskDefinition"]["taskDefinitionArn"],
                "desiredCount": tasks, "launchType": "FARGATE",
                "networkConfiguration": {"awsvpcConfiguration": {
                    "subnets": subnets,
                    "securityGroups": ["sg-00000001"], "assignPublicIp": "ENABLED"}},
                "loadBalancers": [{"targetGroupArn": target_group, "containerName": "web", "containerPort": 8080}],
                "deploymentConfiguration": {"minimumHealthyPercent": minimum, "maximumPercent": maximum}
            }),
        )
        .await;
        // By path: ministack takes `/health` for itself whatever the Host says.
        let url = format!("{}/_alb/{name}/", self.endpoint);
        // ministack calls a first deployment COMPLETED at once, with no task running yet; what
        // counts is that its tasks run and the balancer answers.
        self.wait(name, |service| service["runningCount"] == tasks).await;
        until(|| async {
            let answer = self.http.get(&url).send().await.expect("ministack answers");
            answer.status().is_success().then_some(())
        })
        .await;
        WebService { name: name.to_owned(), repository: format!("{}/{name}", self.registry()), url }
    }

    pub async fn service(&self, name: &str) -> Value {
        let answer = self.ecs("DescribeServices", json!({"cluster": name, "services": [name]})).await;
        answer["services"][0].clone()
    }

    /// Looks until the service is as wanted.
    pub async fn wait(&self, name: &str, wanted: impl Fn(&Value) -> bool + Sync) -> Value {
        let wanted = &wanted;
        until(|| async move {
            let service = self.service(name).await;
            wanted(&service).then_some(service)
        })
        .await
    }
}
