//! `valueFrom`: where a container's secret comes from (facts 2.6).

/// A secret of Secrets Manager as `valueFrom` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SecretReference<'a> {
    /// The ARN without what follows the name.
    pub arn: &'a str,
    /// The key of a JSON object.
    pub json_key: Option<&'a str>,
    /// `AWSCURRENT`, ...
    pub stage: Option<&'a str>,
    /// The id of one version.
    pub version: Option<&'a str>,
    /// Whether it has all fields after the name or none.
    pub is_well_formed: bool,
}

/// Parts of an ARN of a secret: `arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME`.
const PARTS: usize = 7;

impl<'a> SecretReference<'a> {
    /// `None` where it is not one of Secrets Manager.
    pub fn parse(value_from: &'a str) -> Option<Self> {
        let parts: Vec<&str> = value_from.split(':').collect();
        if parts.len() < PARTS || parts[0] != "arn" || parts[2] != "secretsmanager" {
            return None;
        }
        let length = parts[..PARTS].iter().map(|part| part.len()).sum::<usize>() + PARTS - 1;
        let field = |index: usize| parts.get(PARTS + index).copied().filter(|text| !text.is_empty());
        Some(Self {
            arn: &value_from[..length],
            json_key: field(0),
            stage: field(1),
            version: field(2),
            is_well_formed: matches!(parts.len(), 7 | 10),
        })
    }
}

/// The name or ARN of a parameter of Parameter Store; `None` where `valueFrom` is something else.
pub(crate) fn parameter(value_from: &str) -> Option<&str> {
    let is_arn = value_from.starts_with("arn:");
    (!value_from.is_empty() && (!is_arn || value_from.split(':').nth(2) == Some("ssm"))).then_some(value_from)
}

/// The Region in an ARN, where it has one.
pub(crate) fn region_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(3).filter(|region| arn.starts_with("arn:") && !region.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:1:secret:db-AbCdEf";

    #[test]
    fn the_fields_after_the_name_are_told_apart() {
        let text = format!("{ARN}:password::v1");
        let found = SecretReference::parse(&text).unwrap();
        assert_eq!(
            (found.arn, found.json_key, found.stage, found.version),
            (ARN, Some("password"), None, Some("v1"))
        );
        assert!(found.is_well_formed && SecretReference::parse(ARN).unwrap().is_well_formed);
        assert!(!SecretReference::parse(&format!("{ARN}:password")).unwrap().is_well_formed);
        assert_eq!(SecretReference::parse("/web/token"), None);
    }

    #[test]
    fn parameters_are_names_and_arns() {
        assert_eq!(parameter("/web/token"), Some("/web/token"));
        assert_eq!(
            parameter("arn:aws:ssm:eu-west-1:1:parameter/a"),
            Some("arn:aws:ssm:eu-west-1:1:parameter/a")
        );
        assert_eq!((parameter(ARN), parameter("")), (None, None));
        assert_eq!((region_of(ARN), region_of("/web/token")), (Some("eu-west-1"), None));
    }
}
