//! Reading secrets, parameters and outputs of stacks. Values of secrets are neither kept nor told.

use std::collections::BTreeMap;

use futures_util::future::{join, join_all};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Known, ParameterFacts, ParameterKind, SecretFacts};
use crate::aws::Aws;
use crate::aws::signed::{CLOUDFORMATION, Failure, SECRETS_MANAGER, SSM, Signed, known};

/// GetParameters takes at most this many names.
const PARAMETERS_PER_CALL: usize = 10;

/// What is kept of a parameter: not its value.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    #[serde(default)]
    name: String,
    #[serde(default, rename = "ARN")]
    arn: String,
    #[serde(default, rename = "Type")]
    kind: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameters {
    #[serde(default)]
    parameters: Vec<Parameter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecretValue {
    secret_string: Option<String>,
}

impl Aws {
    /// A secret by ARN, without what may follow the name there. Its value is read only where the names in it are
    /// wanted.
    pub async fn secret(&self, arn: &str, want_keys: bool) -> Known<SecretFacts> {
        let client = self.signed_for(arn);
        let (described, json_keys) = join(describe_secret(&client, arn), async {
            if want_keys {
                known(json_keys(&client, arn).await).and_then(|keys| keys)
            } else {
                Known::NotAsked
            }
        })
        .await;
        known(described.map(|facts| SecretFacts { json_keys, ..facts }))
    }

    /// Parameters by name or ARN, by what they were asked for. Their values are not read.
    pub async fn parameters(&self, names: &[String]) -> BTreeMap<String, Known<ParameterFacts>> {
        let mut by_region: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for name in names {
            let all = by_region.entry(self.region_of(name)).or_default();
            if !all.contains(&name.as_str()) {
                all.push(name);
            }
        }
        let asked = by_region.into_iter().flat_map(|(region, names)| {
            let pages: Vec<Vec<&str>> = names.chunks(PARAMETERS_PER_CALL).map(<[_]>::to_vec).collect();
            pages.into_iter().map(move |page| {
                let client = self.signed.in_region(region);
                async move { parameter_page(&client, &page).await }
            })
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// The type of a parameter and its value; of a `SecureString` an empty one.
    pub async fn parameter_value(&self, name: &str) -> Known<(ParameterKind, String)> {
        known(parameter_value(&self.signed_for(name), name).await)
    }

    /// The outputs of a CloudFormation stack by key.
    pub async fn stack_outputs(&self, stack: &str) -> Known<BTreeMap<String, String>> {
        let parameters = [("StackName".to_owned(), stack.to_owned())];
        let answer = match self.signed.query(CLOUDFORMATION, "DescribeStacks", &parameters).await {
            Ok(answer) => answer,
            Err(failure) => return failure.known(),
        };
        let result = answer.child("DescribeStacksResult");
        let Some(stack) = result.and_then(|result| result.items("Stacks").next()) else {
            return Known::Absent;
        };
        let outputs = stack.items("Outputs");
        Known::Is(outputs.map(|output| (output.string("OutputKey"), output.string("OutputValue"))).collect())
    }

    /// The client of the Region that an ARN names.
    pub(super) fn signed_for(&self, arn: &str) -> Signed {
        self.signed.in_region(self.region_of(arn))
    }

    fn region_of<'a>(&'a self, arn: &'a str) -> &'a str {
        let named = if arn.starts_with("arn:") { arn.split(':').nth(3) } else { None };
        named.filter(|region| !region.is_empty()).unwrap_or(&self.region)
    }
}

async fn describe_secret(client: &Signed, arn: &str) -> Result<SecretFacts, Failure> {
    let answer = client.json(SECRETS_MANAGER, "DescribeSecret", &json!({ "SecretId": arn })).await?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
    Ok(SecretFacts {
        arn: text("ARN").unwrap_or_default(),
        kms_key: text("KmsKeyId"),
        is_deleted: answer.get("DeletedDate").is_some_and(|date| !date.is_null()),
        json_keys: Known::NotAsked,
    })
}

/// The names in a secret; [`Known::Absent`] where it is no JSON object.
async fn json_keys(client: &Signed, arn: &str) -> Result<Known<Vec<String>>, Failure> {
    let operation = "GetSecretValue";
    let body = client.json_bytes(SECRETS_MANAGER, operation, &json!({ "SecretId": arn })).await?;
    // Not the parser's own words: they could quote the value.
    let strange = |_| Failure::strange("secretsmanager:GetSecretValue", "it is not JSON");
    let value: SecretValue = serde_json::from_slice(&body).map_err(strange)?;
    let Some(text) = value.secret_string.map(Zeroizing::new) else { return Ok(Known::Absent) };
    let keys: Result<BTreeMap<String, IgnoredAny>, _> = serde_json::from_str(&text);
    Ok(keys.map_or(Known::Absent, |keys| Known::Is(keys.into_keys().collect())))
}

async fn parameter_page(client: &Signed, names: &[&str]) -> Vec<(String, Known<ParameterFacts>)> {
    let input = json!({ "Names": names, "WithDecryption": false });
    let answer = client.json_bytes(SSM, "GetParameters", &input).await;
    let found = answer.and_then(|body| {
        let strange = |_| Failure::strange("ssm:GetParameters", "it is not JSON");
        serde_json::from_slice::<Parameters>(&body).map(|all| all.parameters).map_err(strange)
    });
    let fact = |name: &str| match &found {
        Ok(found) => match found.iter().find(|parameter| is_named(parameter, name)) {
            None => Known::Absent,
            Some(parameter) => match kind(&parameter.kind) {
                Ok(kind) => Known::Is(ParameterFacts { arn: parameter.arn.clone(), kind }),
                Err(failure) => failure.known(),
            },
        },
        Err(failure) => failure.known(),
    };
    names.iter().map(|name| ((*name).to_owned(), fact(name))).collect()
}

/// Whether `asked`, a name or an ARN with or without `:VERSION` or `:LABEL`, is this parameter.
fn is_named(parameter: &Parameter, asked: &str) -> bool {
    [&parameter.name, &parameter.arn].into_iter().any(|known| {
        asked == known.as_str()
            || asked.strip_prefix(known.as_str()).is_some_and(|rest| rest.starts_with(':'))
    })
}

async fn parameter_value(client: &Signed, name: &str) -> Result<(ParameterKind, String), Failure> {
    let input = json!({ "Name": name, "WithDecryption": false });
    let answer = client.json(SSM, "GetParameter", &input).await?;
    let text = |name: &str| answer.pointer(&format!("/Parameter/{name}")).and_then(Value::as_str);
    let kind = kind(text("Type").unwrap_or_default())?;
    // Of a secure one SSM answers with its ciphertext here.
    let value = if kind == ParameterKind::Secure { None } else { text("Value") };
    Ok((kind, value.unwrap_or_default().to_owned()))
}

fn kind(name: &str) -> Result<ParameterKind, Failure> {
    match name {
        "String" => Ok(ParameterKind::Text),
        "StringList" => Ok(ParameterKind::List),
        "SecureString" => Ok(ParameterKind::Secure),
        other => Err(Failure::strange("ssm:GetParameters", format!("a parameter of type {other:?}"))),
    }
}
