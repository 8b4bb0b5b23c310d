//! What RegisterTaskDefinition refuses (facts 1.1, 1.5, 2.1, 5.7).

use serde_json::{Map, Value};

use crate::world::{
    ApiError,
    json::{flag, list, text},
};

/// Checks a document whose sizes are already plain numbers.
///
/// Errors: `ClientException` with AWS's texts.
pub(crate) fn check(document: &Map<String, Value>, is_ecr: impl Fn(&str) -> bool) -> Result<(), ApiError> {
    let containers = document.get("containerDefinitions").and_then(Value::as_array);
    let containers = containers.map_or(&[][..], Vec::as_slice);
    if containers.is_empty() {
        return refuse("Container list cannot be empty.");
    }
    for container in containers {
        check_container(container)?;
    }
    if containers.iter().all(|container| container.get("essential") == Some(&Value::Bool(false))) {
        return refuse("At least one container must be marked as essential in the task definition.");
    }
    let fargate = document
        .get("requiresCompatibilities")
        .and_then(Value::as_array)
        .is_some_and(|list| list.iter().any(|entry| entry == "FARGATE"));
    if fargate {
        check_fargate(document, containers, is_ecr)?;
    }
    Ok(())
}

fn refuse(message: impl Into<String>) -> Result<(), ApiError> {
    Err(ApiError::client_exception(message))
}

fn check_container(container: &Value) -> Result<(), ApiError> {
    if text(container, "name").is_none_or(str::is_empty) {
        return refuse("Container.name should not be null or empty.");
    }
    if text(container, "image").is_none_or(str::is_empty) {
        return refuse("Container.image should not be null or empty.");
    }
    let files = list(container, "environmentFiles");
    if files.len() > 10 {
        return refuse("A container definition can have at most 10 environment files.");
    }
    for file in files {
        check_environment_file(file)?;
    }
    Ok(())
}

fn check_environment_file(file: &Value) -> Result<(), ApiError> {
    if text(file, "type") != Some("s3") {
        return refuse("Invalid environment file type. The only supported type is s3.");
    }
    let value = text(file, "value").unwrap_or_default();
    let Some((bucket, key)) = parse_object_arn(value) else {
        return refuse(format!("Invalid arn syntax in environment file: {value}"));
    };
    if bucket.is_empty() || !key.ends_with(".env") {
        return refuse(format!("Environment file must have a .env extension: {value}"));
    }
    Ok(())
}

/// Bucket and key of `arn:PARTITION:s3:::BUCKET/KEY` (facts 2.1).
pub(crate) fn parse_object_arn(arn: &str) -> Option<(&str, &str)> {
    let (partition, rest) = arn.strip_prefix("arn:")?.split_once(":s3:::")?;
    (!partition.contains(':')).then_some(())?;
    rest.split_once('/')
}

fn check_fargate(
    document: &Map<String, Value>,
    containers: &[Value],
    is_ecr: impl Fn(&str) -> bool,
) -> Result<(), ApiError> {
    let field = |name: &str| document.get(name).and_then(Value::as_str);
    if field("networkMode") != Some("awsvpc") {
        return refuse("Fargate only supports network mode ‘awsvpc’.");
    }
    let Some(cpu) = field("cpu") else {
        return refuse("Fargate requires that 'cpu' be defined at the task level.");
    };
    let Some(memory) = field("memory") else {
        return refuse("Fargate requires that 'memory' be defined at the task level.");
    };
    let known = match (cpu.parse(), memory.parse()) {
        (Ok(cpu), Ok(memory)) => fargate_offers(cpu, memory),
        _ => false,
    };
    if !known {
        return refuse(format!(
            "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS documentation for the valid values."
        ));
    }
    let has_execution_role = field("executionRoleArn").is_some_and(|arn| !arn.is_empty());
    for container in containers {
        let log_driver = container["logConfiguration"]["logDriver"].as_str();
        if !has_execution_role && is_ecr(text(container, "image").unwrap_or_default()) {
            return refuse(
                "Fargate requires task definition to have execution role ARN to support ECR images.",
            );
        }
        if !has_execution_role && log_driver == Some("awslogs") {
            return refuse(
                "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
            );
        }
        if let Some(driver) = log_driver
            && !["awslogs", "splunk", "awsfirelens"].contains(&driver)
        {
            return refuse(format!("Log driver {driver} is not supported on Fargate."));
        }
        if flag(container, "privileged") {
            return refuse("Fargate does not support the privileged setting.");
        }
        for port in list(container, "portMappings") {
            if port.get("hostPort").is_some_and(|host| Some(host) != port.get("containerPort")) {
                return refuse(
                    "When networkMode=awsvpc, the host ports and container ports in port mappings must match.",
                );
            }
        }
    }
    Ok(())
}

/// The table of facts 1.1: CPU units and MiB.
fn fargate_offers(cpu: u64, memory: u64) -> bool {
    let steps =
        |low: u64, high: u64, step: u64| (low..=high).contains(&memory) && memory.is_multiple_of(step);
    match cpu {
        256 => [512, 1024, 2048].contains(&memory),
        512 => steps(1024, 4096, 1024),
        1024 => steps(2048, 8192, 1024),
        2048 => steps(4096, 16384, 1024),
        4096 => steps(8192, 30720, 1024),
        8192 => steps(16384, 61440, 4096),
        16384 => steps(32768, 122_880, 8192),
        32768 => [61_440, 122_880, 249_856].contains(&memory),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_what_fargate_offers() {
        for (cpu, memory, offered) in [
            (256, 512, true),
            (256, 1536, false),
            (512, 512, false),
            (1024, 3072, true),
            (8192, 20480, true),
            (300, 512, false),
        ] {
            assert_eq!(fargate_offers(cpu, memory), offered, "{cpu}/{memory}");
        }
    }

    #[test]
    fn reads_object_arns_of_any_partition() {
        assert_eq!(parse_object_arn("arn:aws-cn:s3:::b/k/x.env"), Some(("b", "k/x.env")));
        assert_eq!(parse_object_arn("s3://b/k.env"), None);
    }
}
