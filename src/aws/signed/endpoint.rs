//! Where a service is reached, and for which Region requests to it are signed.

use aws_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

use super::api::Api;

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// `https://ec2.eu-west-1.amazonaws.com`
    pub(super) url: String,
    /// The Region in the signature's scope.
    pub(super) region: String,
}

impl Endpoint {
    /// In the SDKs' order: what the program was given, `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`, the
    /// profile's, and AWS itself.
    pub(super) fn of(api: &Api, region: &str, config: &SdkConfig) -> Self {
        let partition = Partition::of(region);
        let signed_for = if api.global { partition.global } else { region };
        let url = given(api, config).unwrap_or_else(|| {
            let fips = if config.use_fips() == Some(true) { "-fips" } else { "" };
            format!("https://{}", partition.host(api, region, fips))
        });
        Self { url, region: signed_for.to_owned() }
    }
}

fn given(api: &Api, config: &SdkConfig) -> Option<String> {
    let for_all = config.endpoint_url().map(str::to_owned);
    if config.get_origin("endpoint_url").is_client_config() {
        return for_all;
    }
    let key = ServiceConfigKey::builder()
        .service_id(api.service_id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    config.service_config().and_then(|from| from.load_config(key)).or(for_all)
}

/// A part of AWS with names and credentials of its own.
struct Partition {
    suffix: &'static str,
    /// The Region of its global services.
    global: &'static str,
}

impl Partition {
    fn of(region: &str) -> Self {
        match region {
            _ if region.starts_with("cn-") => Self { suffix: "amazonaws.com.cn", global: "cn-north-1" },
            _ if region.starts_with("us-gov-") => Self { suffix: "amazonaws.com", global: "us-gov-west-1" },
            _ if region.starts_with("eusc-") => Self { suffix: "amazonaws.eu", global: "eusc-de-east-1" },
            _ => Self { suffix: "amazonaws.com", global: "us-east-1" },
        }
    }

    fn host(&self, api: &Api, region: &str, fips: &str) -> String {
        let Self { suffix, global } = self;
        let prefix = api.prefix;
        match (api.global, *global) {
            (true, "us-east-1") => format!("{prefix}{fips}.{suffix}"),
            (true, "us-gov-west-1") => format!("{prefix}.us-gov.{suffix}"),
            (true, global) => format!("{prefix}.{global}.{suffix}"),
            (false, _) => format!("{prefix}{fips}.{region}.{suffix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::api::{CLOUDFORMATION, EC2, IAM};
    use super::*;

    fn endpoint(api: &Api, region: &str, config: &SdkConfig) -> (String, String) {
        let Endpoint { url, region } = Endpoint::of(api, region, config);
        (url, region)
    }

    #[test]
    fn aws_is_found_by_region_and_partition() {
        let config = SdkConfig::builder().build();
        for (api, region, url, signed_for) in [
            (&EC2, "eu-west-1", "https://ec2.eu-west-1.amazonaws.com", "eu-west-1"),
            (&EC2, "cn-northwest-1", "https://ec2.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"),
            (&IAM, "eu-west-1", "https://iam.amazonaws.com", "us-east-1"),
            (&IAM, "cn-northwest-1", "https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            (&IAM, "us-gov-east-1", "https://iam.us-gov.amazonaws.com", "us-gov-west-1"),
        ] {
            assert_eq!(endpoint(api, region, &config), (url.to_owned(), signed_for.to_owned()));
        }
    }

    #[test]
    fn an_endpoint_that_was_given_is_used_for_every_service() {
        let config = SdkConfig::builder().endpoint_url("http://127.0.0.1:1").build();
        for api in [&EC2, &IAM, &CLOUDFORMATION] {
            assert_eq!(endpoint(api, "eu-west-1", &config).0, "http://127.0.0.1:1");
        }
    }

    #[test]
    fn fips_is_another_host() {
        let config = SdkConfig::builder().use_fips(true).build();
        assert_eq!(endpoint(&EC2, "us-east-2", &config).0, "https://ec2-fips.us-east-2.amazonaws.com");
    }
}
