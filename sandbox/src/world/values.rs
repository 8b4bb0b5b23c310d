//! What is looked up by name: secrets, parameters, outputs of stacks, quotas.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    ApiError, World,
    json::{text, texts},
};

/// Everything that has a name and a value.
#[derive(Default)]
pub(crate) struct Values {
    /// By ARN.
    secrets: BTreeMap<String, Secret>,
    /// By name: type and value.
    parameters: BTreeMap<String, (String, String)>,
    /// Outputs by stack.
    stacks: BTreeMap<String, BTreeMap<String, String>>,
    /// Fargate's vCPUs on demand.
    vcpu_quota: Option<u32>,
}

struct Secret {
    name: String,
    value: String,
    deleted: bool,
    /// ARN of the customer's key that protects it.
    key: Option<String>,
}

const VCPU_QUOTA: &str = "L-3032A538";
/// What new accounts have (facts 7.3) is less; this one has been there for a while.
const VCPUS: u32 = 4000;

impl World {
    /// Makes a secret, or changes the value of one, and returns its ARN.
    pub fn put_secret(&mut self, name: &str, value: &str) -> String {
        let known = self.values.secrets.iter().find(|(_, secret)| secret.name == name);
        let arn = known.map(|(arn, _)| arn.clone());
        // AWS adds six characters to the name.
        let arn = arn.unwrap_or_else(|| {
            let suffix = self.random.hex(6);
            format!("arn:aws:secretsmanager:{}:{}:secret:{name}-{suffix}", self.region, self.account)
        });
        let key = self.values.secrets.get(&arn).and_then(|secret| secret.key.clone());
        let (name, value) = (name.to_owned(), value.to_owned());
        self.values.secrets.insert(arn.clone(), Secret { name, value, deleted: false, key });
        arn
    }

    /// Protects a secret with a customer's key, by the key's ARN.
    pub fn set_secret_key(&mut self, arn: &str, key: &str) {
        if let Some(secret) = self.values.secrets.get_mut(arn) {
            secret.key = Some(key.to_owned());
        }
    }

    /// Schedules a secret for deletion: it can be described and not be read.
    pub fn schedule_secret_deletion(&mut self, arn: &str) {
        if let Some(secret) = self.values.secrets.get_mut(arn) {
            secret.deleted = true;
        }
    }

    /// Deletes a secret at once, where it is there.
    pub fn delete_secret(&mut self, arn: &str) {
        self.values.secrets.remove(arn);
    }

    /// Makes a parameter, or changes one: `String`, `StringList` or `SecureString`.
    pub fn put_parameter(&mut self, name: &str, kind: &str, value: &str) {
        self.values.parameters.insert(name.to_owned(), (kind.to_owned(), value.to_owned()));
    }

    /// Deletes a parameter, where it is there.
    pub fn delete_parameter(&mut self, name: &str) {
        self.values.parameters.remove(name);
    }

    /// Makes a CloudFormation stack with these outputs, or changes one.
    pub fn put_stack(&mut self, name: &str, outputs: &[(&str, &str)]) {
        let outputs = outputs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        self.values.stacks.insert(name.to_owned(), outputs.collect());
    }

    /// Sets the quota of Fargate's vCPUs on demand.
    pub fn set_vcpu_quota(&mut self, vcpus: u32) {
        self.values.vcpu_quota = Some(vcpus);
    }

    /// Makes the secret or parameter that a task definition's `valueFrom` names, unless it is there.
    pub(crate) fn furnish_value(&mut self, from: &str) {
        if !from.contains(":secretsmanager:") {
            let name = self.parameter_name(from);
            let made = || ("SecureString".to_owned(), "made-up".to_owned());
            self.values.parameters.entry(name).or_insert_with(made);
            return;
        }
        let parts: Vec<&str> = from.split(':').collect();
        let arn = parts.iter().take(7).copied().collect::<Vec<_>>().join(":");
        let name = parts.get(6).copied().unwrap_or_default().to_owned();
        let known = self.find_secret(&arn).map(|(arn, _)| arn.clone());
        let entry = self.values.secrets.entry(known.unwrap_or(arn));
        let secret =
            entry.or_insert_with(|| Secret { name, value: "{}".to_owned(), deleted: false, key: None });
        if let Some(key) = parts.get(7).filter(|key| !key.is_empty())
            && let Ok(Value::Object(mut all)) = serde_json::from_str(&secret.value)
        {
            all.entry(*key).or_insert_with(|| json!("made-up"));
            secret.value = Value::Object(all).to_string();
        }
    }

    pub(crate) fn call_secrets_manager(&mut self, operation: &str, input: &Value) -> Result<Value, ApiError> {
        if !matches!(operation, "DescribeSecret" | "GetSecretValue" | "GetResourcePolicy") {
            return Err(ApiError::not_implemented("secretsmanager", operation));
        }
        let not_found = || {
            let message = "Secrets Manager can't find the specified secret.";
            ApiError::client("ResourceNotFoundException", message)
        };
        let asked = text(input, "SecretId").unwrap_or_default();
        let (arn, secret) = self.find_secret(asked).ok_or_else(not_found)?;
        let name = &secret.name;
        if operation == "GetResourcePolicy" {
            let mut answer = json!({ "ARN": arn, "Name": name });
            if let Some(policy) = self.resource_policy(arn) {
                answer["ResourcePolicy"] = json!(policy.to_string());
            }
            return Ok(answer);
        }
        if operation == "DescribeSecret" {
            let mut answer = json!({
                "ARN": arn,
                "Name": name,
                "RotationEnabled": false,
                "VersionIdsToStages": { "00000000-0000-4000-8000-000000000000": ["AWSCURRENT"] },
            });
            if let Some(key) = &secret.key {
                answer["KmsKeyId"] = json!(key);
            }
            if secret.deleted {
                answer["DeletedDate"] = json!(self.now.epoch_seconds());
            }
            return Ok(answer);
        }
        if secret.deleted {
            let message =
                "You can't perform this operation on the secret because it was marked for deletion.";
            return Err(ApiError::client("InvalidRequestException", message));
        }
        Ok(json!({
            "ARN": arn,
            "Name": name,
            "SecretString": secret.value,
            "VersionId": "00000000-0000-4000-8000-000000000000",
            "VersionStages": ["AWSCURRENT"],
        }))
    }

    /// By name, by ARN, or by an ARN without the characters that AWS adds to the name.
    fn find_secret(&self, asked: &str) -> Option<(&String, &Secret)> {
        self.values.secrets.iter().find(|(arn, secret)| {
            let partial = arn.rsplit_once('-').map(|(partial, _)| partial);
            asked == arn.as_str() || asked == secret.name || partial == Some(asked)
        })
    }

    pub(crate) fn call_ssm(&mut self, operation: &str, input: &Value) -> Result<Value, ApiError> {
        match operation {
            "GetParameters" => {
                let names = texts(input, "Names");
                if names.is_empty() || names.len() > 10 {
                    let message = "1 validation error detected: Value at 'names' failed to satisfy constraint: Member must have length less than or equal to 10";
                    return Err(ApiError::client("ValidationException", message));
                }
                let (found, unknown): (Vec<&str>, Vec<&str>) =
                    names.into_iter().partition(|name| self.parameter(name).is_some());
                let found = found.into_iter().filter_map(|name| self.parameter(name));
                Ok(json!({ "Parameters": found.collect::<Vec<_>>(), "InvalidParameters": unknown }))
            }
            "GetParameter" => {
                let found = self.parameter(text(input, "Name").unwrap_or_default());
                // The message is empty there as well.
                let parameter = found.ok_or_else(|| ApiError::client("ParameterNotFound", ""))?;
                Ok(json!({ "Parameter": parameter }))
            }
            _ => Err(ApiError::not_implemented("ssm", operation)),
        }
    }

    /// Never the value of a `SecureString`: it is only asked for without decryption here.
    fn parameter(&self, asked: &str) -> Option<Value> {
        let name = self.parameter_name(asked);
        let (kind, value) = self.values.parameters.get(&name)?;
        let value = if kind == "SecureString" { "AQICAHciphertext" } else { value };
        let arn = format!("{}{}", self.parameter_arn(), with_slash(&name));
        let time = self.now.epoch_seconds();
        Some(json!({
            "Name": name,
            "Type": kind,
            "Value": value,
            "Version": 1,
            "LastModifiedDate": time,
            "ARN": arn,
            "DataType": "text",
        }))
    }

    /// `arn:aws:ssm:REGION:ACCOUNT:parameter`
    fn parameter_arn(&self) -> String {
        format!("arn:aws:ssm:{}:{}:parameter", self.region, self.account)
    }

    /// The name in an ARN; a parameter whose name is a path has a slash at its start.
    fn parameter_name(&self, asked: &str) -> String {
        match asked.strip_prefix(&self.parameter_arn()) {
            Some(name) if self.values.parameters.contains_key(name) => name.to_owned(),
            Some(name) if name.matches('/').count() == 1 => name.trim_start_matches('/').to_owned(),
            Some(name) => name.to_owned(),
            None => asked.to_owned(),
        }
    }

    pub(crate) fn call_cloudformation(&mut self, operation: &str, input: &Value) -> Result<Value, ApiError> {
        if operation != "DescribeStacks" {
            return Err(ApiError::not_implemented("cloudformation", operation));
        }
        let name = text(input, "StackName").unwrap_or_default();
        let outputs = self.values.stacks.get(name).ok_or_else(|| {
            ApiError::client("ValidationError", format!("Stack with id {name} does not exist"))
        })?;
        let outputs = outputs.iter().map(|(key, value)| json!({ "OutputKey": key, "OutputValue": value }));
        let arn = format!("arn:aws:cloudformation:{}:{}:stack/{name}/0", self.region, self.account);
        Ok(json!({ "Stacks": [{
            "StackId": arn,
            "StackName": name,
            "StackStatus": "CREATE_COMPLETE",
            "CreationTime": "2026-01-01T00:00:00Z",
            "Outputs": outputs.collect::<Vec<_>>(),
        }]}))
    }

    pub(crate) fn call_service_quotas(&mut self, operation: &str, input: &Value) -> Result<Value, ApiError> {
        let code = text(input, "QuotaCode").unwrap_or_default();
        if !matches!(operation, "GetServiceQuota" | "GetAWSDefaultServiceQuota") {
            return Err(ApiError::not_implemented("servicequotas", operation));
        }
        if (text(input, "ServiceCode"), code) != (Some("fargate"), VCPU_QUOTA) {
            let message = "The request failed because the specified service or quota does not exist.";
            return Err(ApiError::client("NoSuchResourceException", message));
        }
        Ok(json!({ "Quota": {
            "ServiceCode": "fargate",
            "ServiceName": "AWS Fargate",
            "QuotaCode": code,
            "QuotaName": "Fargate On-Demand vCPU resource count",
            "Value": f64::from(self.values.vcpu_quota.unwrap_or(VCPUS)),
            "Unit": "None",
            "Adjustable": true,
            "GlobalQuota": false,
        }}))
    }
}

fn with_slash(name: &str) -> String {
    if name.starts_with('/') { name.to_owned() } else { format!("/{name}") }
}
