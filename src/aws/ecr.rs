//! ECR's API: the registry login.

use aws_config::Region;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::clients::Aws;
use super::error::aws_error;
use crate::error::{Error, Result};
use crate::image::Credentials;
use crate::secret::Secret;

impl Aws {
    /// User and password for the registries of a Region that the caller may reach; valid for 12
    /// hours (facts 6.1: the token is per Region, which need not be the service's).
    ///
    /// # Errors
    /// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws) where AWS refuses.
    pub async fn registry_login(&self, region: &str) -> Result<Credentials> {
        let action = "ecr:GetAuthorizationToken";
        let answer = self
            .ecr
            .get_authorization_token()
            .customize()
            .config_override(aws_sdk_ecr::config::Builder::new().region(Region::new(region.to_owned())))
            .send()
            .await
            .map_err(|error| aws_error(action, "the registry", error))?;
        let malformed = || Error::internal(format!("{action} answered without a usable token"));
        let token = answer
            .authorization_data
            .unwrap_or_default()
            .into_iter()
            .find_map(|data| data.authorization_token)
            .ok_or_else(malformed)?;
        let decoded = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let decoded = Secret::new(decoded.ok_or_else(malformed)?);
        let (user, password) = decoded.expose().split_once(':').ok_or_else(malformed)?;
        Ok(Credentials::Login { user: user.to_owned(), password: Secret::new(password) })
    }
}
