//! Flags and `LANDFALL_*` laid over the file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file::{
    ConfigFile, ContainerEntry, DesiredCountEntry, FirstFailureEntry, InterruptEntry, RollbackEntry,
    ServiceEntry,
};
use landfall_envfile::{Options, Policy};

use super::given::Given;
use super::model::{
    Config, ContainerConfig, EnvFileConfig, ImageConfig, PushConfig, ServiceConfig, TaskDefinitionSource,
};
use super::overrides::Overrides;
use super::preflight::known_checks;
use super::values::duration;
use crate::error::{Error, Result};
use crate::event::Origin;
use crate::image::{Reference, Source};
use crate::lookup::Expressions;
use crate::secret::Secret;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// Design 3: "No progress at all for `stall_timeout` (default 5 min) ends it too."
const DEFAULT_STALL_TIMEOUT: Duration = Duration::from_secs(5 * 60);

pub(super) fn from_flags_alone(overrides: &Overrides) -> Result<ConfigFile> {
    let service = overrides.service.clone().ok_or_else(|| {
        Error::usage("there is no landfall.yml here, and no --service").hint(
            "Write a landfall.yml, or name the service by flags: --cluster C --service S --image REFERENCE.",
        )
    })?;
    // An ARN as a service is fine for AWS, but a report wants its name.
    let name = service.rsplit('/').next().unwrap_or(&service).to_owned();
    Ok(ConfigFile {
        version: 1,
        region: None,
        cluster: None,
        env_store: None,
        env_policy: None,
        tfstate: None,
        services: [(name, ServiceEntry::default())].into_iter().collect(),
    })
}

pub(super) fn merge(file: ConfigFile, base: &Path, overrides: &Overrides) -> Result<Config> {
    let known: Vec<String> = file.services.keys().cloned().collect();
    for name in &overrides.only {
        if !known.contains(name) {
            return Err(Error::usage(format!("there is no service `{name}` in the configuration"))
                .hint(format!("It has: {}.", known.join(", "))));
        }
    }
    let chosen: Vec<(String, ServiceEntry)> = file
        .services
        .into_iter()
        .filter(|(name, _)| overrides.only.is_empty() || overrides.only.contains(name))
        .collect();
    if chosen.len() > 1 && overrides.name_one_service() {
        return Err(Error::usage(
            "--service, --task-definition, --task-definition-arn, --container, --image, --from, --env-file, --env, --secret, --probe-url and attributes of a service concern one service",
        )
        .hint(format!("Choose one: landfall deploy {}.", known.join(" | "))));
    }
    let cluster = match overrides.cluster.clone().or(file.cluster) {
        Some(cluster) => cluster,
        None if overrides.only_images => String::new(),
        None => {
            return Err(Error::usage("no cluster is configured")
                .hint("Set `cluster:` in landfall.yml, --cluster or LANDFALL_CLUSTER."));
        }
    };
    let env_store = match (file.env_store, &overrides.env_store) {
        (Some(entry), url) => Some(entry.check(url.as_deref())?),
        (None, Some(url)) => Some(url.parse()?),
        (None, None) => None,
    };
    let policy = file.env_policy.map(Given::known).transpose()?.map(Policy::from).unwrap_or_default();
    let services = chosen
        .into_iter()
        .map(|(name, entry)| service(name, entry, base, policy, overrides))
        .collect::<Result<Vec<_>>>()?;
    let config = Config {
        region: overrides.region.clone().or(file.region),
        cluster,
        env_store,
        prices: overrides.prices.clone(),
        services,
        expressions: Expressions::default(),
        origin: Origin::default(),
    };
    if !overrides.only_images {
        check(&config)?;
    }
    Ok(config)
}

fn service(
    name: String,
    entry: ServiceEntry,
    base: &Path,
    policy: Policy,
    overrides: &Overrides,
) -> Result<ServiceConfig> {
    let place = |key: &str| format!("services.{name}.{key}");
    let mut containers = entry
        .containers
        .into_iter()
        .map(|(container, entry)| container_config(&name, container, entry, base, policy))
        .collect::<Result<Vec<_>>>()?;
    if overrides.edit_container() {
        apply_to_container(&name, &mut containers, overrides)?;
    }
    for container in &mut containers {
        if let Some(ImageConfig::Push(push)) = &mut container.image {
            overrides.push.apply(push);
        }
        for file in &mut container.env_files {
            file.options.policy = overrides.env_policy.unwrap_or(file.options.policy);
        }
    }
    let timeout = match overrides.timeout.as_deref().or(entry.wait.timeout.as_deref()) {
        Some(text) => duration(&place("wait.timeout"), text)?,
        None => DEFAULT_TIMEOUT,
    };
    let stall_timeout = match overrides.stall_timeout.as_deref().or(entry.wait.stall_timeout.as_deref()) {
        Some(text) => duration(&place("wait.stall_timeout"), text)?,
        None => DEFAULT_STALL_TIMEOUT,
    };
    let task_definition = match (&overrides.task_definition, &overrides.revision, entry.task_definition) {
        (Some(path), _, _) => match &overrides.verbatim {
            Some(keep) => TaskDefinitionSource::Verbatim { path: path.clone(), keep: keep.clone() },
            None => TaskDefinitionSource::File(path.clone()),
        },
        (None, Some(revision), _) => TaskDefinitionSource::Revision(revision.clone()),
        (None, None, Some(path)) => TaskDefinitionSource::File(base.join(path)),
        (None, None, None) => TaskDefinitionSource::Live,
    };
    let max_failed_tasks = entry.max_failed_tasks.map(Given::known).transpose()?;
    let mut skip_checks = known_checks(&place("preflight.skip"), entry.preflight.skip)?;
    skip_checks.extend(known_checks("--skip-check", overrides.skip_checks.clone())?);
    Ok(ServiceConfig {
        skip_checks,
        on_conflict: overrides.on_conflict.unwrap_or(entry.on_conflict.known()?),
        service: overrides.service.clone().or(entry.service).unwrap_or_else(|| name.clone()),
        task_definition,
        service_definition: entry.service_definition.map(|path| base.join(path)),
        // A count that a flag sets is meant.
        desired_count_from_file: entry.desired_count.known()? == DesiredCountEntry::FromFile
            || overrides.attributes.contains_key("desiredCount"),
        attributes: overrides.attributes.clone(),
        force_new_deployment: overrides.force_new_deployment,
        containers,
        wait_for: overrides.wait_for.unwrap_or(entry.wait.wait_for.known()?),
        timeout,
        stall_timeout,
        max_failed_tasks: overrides.max_failed_tasks.or(max_failed_tasks),
        rollback: overrides.rollback.unwrap_or(entry.rollback.known()? == RollbackEntry::OnFailure),
        scale_to_zero_on_first_failure: overrides
            .scale_to_zero_on_first_failure
            .unwrap_or(entry.on_first_failure.known()? == FirstFailureEntry::ScaleToZero),
        rollback_on_interrupt: overrides
            .rollback_on_interrupt
            .unwrap_or(entry.on_interrupt.known()? == InterruptEntry::Rollback),
        probe: overrides.probe.apply(entry.probe.map(|probe| probe.value), &place("probe"))?,
        name,
    })
}

fn container_config(
    service: &str,
    name: String,
    entry: ContainerEntry,
    base: &Path,
    policy: Policy,
) -> Result<ContainerConfig> {
    let place = |key: &str| format!("services.{service}.containers.{name}.{key}");
    let image = entry.image.map(|image| image.check(&place("image"), base)).transpose()?;
    let env_files = entry.env_file.check(&place("env_file"), base, policy)?;
    Ok(ContainerConfig {
        name: Some(name),
        image,
        env_files,
        environment: entry
            .environment
            .into_iter()
            .map(|(key, value)| (key, Secret::new(value.into_text())))
            .collect(),
        secrets: entry.secrets.into_iter().collect(),
    })
}

fn apply_to_container(
    service: &str,
    containers: &mut Vec<ContainerConfig>,
    overrides: &Overrides,
) -> Result<()> {
    let index = match &overrides.container {
        Some(name) => containers.iter().position(|container| container.name.as_ref() == Some(name)),
        None if containers.len() > 1 => {
            return Err(Error::usage(format!("service {service} has several containers"))
                .hint("Say which one with --container."));
        }
        None => containers.first().map(|_| 0),
    };
    let index = index.unwrap_or_else(|| {
        containers.push(ContainerConfig {
            name: overrides.container.clone(),
            image: None,
            env_files: Vec::new(),
            environment: Vec::new(),
            secrets: Vec::new(),
        });
        containers.len() - 1
    });
    let container = &mut containers[index];
    let from = overrides.from.as_deref().map(str::parse).transpose()?;
    let to = overrides.images.iter().map(|text| text.parse()).collect::<Result<Vec<_>>>()?;
    container.image = image(from, to, container.image.take())?;
    if !overrides.env_files.is_empty() {
        let file = |path: &PathBuf| EnvFileConfig {
            path: path.clone(),
            interpolate: false,
            options: Options::default(),
        };
        container.env_files = overrides.env_files.iter().map(file).collect();
    }
    container.environment.extend(overrides.environment.iter().cloned());
    container.secrets.extend(overrides.secrets.iter().cloned());
    Ok(())
}

/// What `--from` and `--image` make of the image in the file.
fn image(
    from: Option<Source>,
    mut to: Vec<Reference>,
    in_file: Option<ImageConfig>,
) -> Result<Option<ImageConfig>> {
    match (from, in_file) {
        (None, in_file) if to.is_empty() => Ok(in_file),
        (from, Some(ImageConfig::Push(push))) => {
            let to = if to.is_empty() { push.to } else { to };
            let named = PushConfig::new(from.unwrap_or(push.from), to)?;
            Ok(Some(ImageConfig::Push(PushConfig {
                create_repository: push.create_repository,
                compression: push.compression,
                ..named
            })))
        }
        (Some(_), _) if to.is_empty() => {
            Err(Error::usage("--from says what to push, but nothing says where to")
                .hint("Add --image HOST/REPOSITORY:TAG."))
        }
        (Some(from), _) => Ok(Some(ImageConfig::Push(PushConfig::new(from, to)?))),
        (None, _) if to.len() > 1 => {
            Err(Error::usage("several --image say where to push, but nothing says what to push")
                .hint("Add --from SOURCE, or name the one image to deploy with a single --image."))
        }
        (None, _) => Ok(to.pop().map(ImageConfig::Existing)),
    }
}

/// What can be known to be wrong without asking AWS.
fn check(config: &Config) -> Result<()> {
    for service in &config.services {
        for container in &service.containers {
            let name = container.name.as_deref().unwrap_or("(the only container)");
            if !container.env_files.is_empty() && config.env_store.is_none() {
                return Err(Error::usage(format!(
                    "container {name} of service {} has an env file, but there is no env store",
                    service.name
                ))
                .hint("Set `env_store: s3://BUCKET/PREFIX` in landfall.yml, or --env-store."));
            }
            if let Some((key, _)) =
                container.secrets.iter().find(|(key, _)| container.environment.iter().any(|(k, _)| k == key))
            {
                return Err(Error::usage(format!(
                    "container {name} of service {}: {key} stands in `environment` and in `secrets`",
                    service.name
                ))
                .hint("ECS refuses a name in both; keep one of them."));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::config::{WaitFor, load, parse};

    const FILE: &str = "version: 1\nregion: eu-west-1\ncluster: demo\nenv_store: s3://deploy-env/prod\nservices:\n  api:\n    service: demo-api\n    task_definition: ecs/api.json\n    containers:\n      web: { image: { from: 'oci:build', to: 'r.example/api:1' }, env_file: .env }\n    wait: { timeout: 10m }\n  worker: {}\n";

    fn load_text(text: &str, overrides: &Overrides) -> Result<Config> {
        let file = parse(Path::new("landfall.yml"), text, &HashMap::new())?;
        merge(file, Path::new("deploy"), overrides)
    }

    fn only(name: &str) -> Overrides {
        Overrides { only: vec![name.to_owned()], ..Overrides::default() }
    }

    #[test]
    fn paths_in_the_file_are_relative_to_it() {
        let config = load_text(FILE, &only("api")).unwrap();
        let api = &config.services[0];
        assert_eq!(api.service, "demo-api");
        assert_eq!(api.task_definition, TaskDefinitionSource::File("deploy/ecs/api.json".into()));
        assert_eq!(api.containers[0].env_files[0].path, Path::new("deploy/.env"));
        let Some(ImageConfig::Push(push)) = &api.containers[0].image else { panic!("a push") };
        assert_eq!(push.from, Source::OciLayout { dir: "deploy/build".into(), reference: None });
        let store = config.env_store.unwrap();
        assert_eq!((store.bucket.as_str(), store.prefix.as_str()), ("deploy-env", "prod"));
    }

    #[test]
    fn what_is_wrong_with_a_probe_has_a_line() {
        let text = FILE.replace("  worker: {}", "  worker:\n    probe: { url: 'http://a/', interval: 1ms }");
        let error = load_text(&text, &only("worker")).unwrap_err();
        let expected = "landfall.yml:13: services.worker.probe.interval is shorter than 50ms";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn flags_win_over_the_file() {
        let overrides = Overrides {
            cluster: Some("other".into()),
            images: vec!["r.example/api:2".into()],
            env_files: vec!["ci.env".into()],
            timeout: Some("1m".into()),
            wait_for: Some(WaitFor::Healthy),
            rollback: Some(false),
            ..only("api")
        };
        let config = load_text(FILE, &overrides).unwrap();
        let api = &config.services[0];
        assert_eq!(config.cluster, "other");
        assert_eq!(
            (api.timeout, api.wait_for, api.rollback),
            (Duration::from_secs(60), WaitFor::Healthy, false)
        );
        // A path on the command line is relative to where the command was given.
        assert_eq!(api.containers[0].env_files[0].path, Path::new("ci.env"));
        // The new target of the same push.
        let Some(ImageConfig::Push(push)) = &api.containers[0].image else { panic!("a push") };
        assert_eq!(push.target().tag.as_deref(), Some("2"));
    }

    #[test]
    fn without_a_choice_all_services_are_deployed_with_their_defaults() {
        let config = load_text(FILE, &Overrides::default()).unwrap();
        let names: Vec<_> = config.services.iter().map(|service| service.name.as_str()).collect();
        assert_eq!(names, ["api", "worker"]);
        let worker = &config.services[1];
        assert_eq!(
            (worker.service.as_str(), &worker.task_definition),
            ("worker", &TaskDefinitionSource::Live)
        );
        assert_eq!((worker.timeout, worker.rollback), (DEFAULT_TIMEOUT, true));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let one_image = Overrides { images: vec!["r.example/x:1".into()], ..Overrides::default() };
        let from_only = Overrides { from: Some("docker:x".into()), ..only("worker") };
        let no_store = Overrides { env_files: vec!["x.env".into()], ..only("worker") };
        let without_store = FILE.replace("env_store: s3://deploy-env/prod\n", "");
        for (text, overrides, expected) in [
            (FILE, &one_image, "concern one service"),
            (FILE, &from_only, "nothing says where to"),
            (&without_store, &no_store, "there is no env store"),
            (&FILE.replace("cluster: demo\n", ""), &Overrides::default(), "no cluster is configured"),
            (&FILE.replace("10m", "10"), &Overrides::default(), "services.api.wait.timeout: `10`"),
            (
                &FILE.replace("oci:build", "zip:build"),
                &Overrides::default(),
                "services.api.containers.web.image",
            ),
        ] {
            let error = load_text(text, overrides).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.hint_text().is_some(), "{error}");
        }
    }

    #[test]
    fn pushing_images_alone_needs_neither_a_cluster_nor_an_env_store() {
        let text = FILE.replace("cluster: demo\n", "").replace("env_store: s3://deploy-env/prod\n", "");
        let overrides = Overrides { only_images: true, ..Overrides::default() };
        let config = load_text(&text, &overrides).unwrap();
        assert_eq!((config.cluster.as_str(), config.env_store), ("", None));
        assert!(load_text(&text, &Overrides::default()).is_err());
    }

    #[test]
    fn flags_alone_name_a_service_by_its_arn_too() {
        let overrides = Overrides {
            cluster: Some("demo".into()),
            service: Some("arn:aws:ecs:eu-west-1:1:service/demo/web".into()),
            ..Overrides::default()
        };
        let config = load(None, &overrides, &HashMap::new()).unwrap();
        assert_eq!(config.services[0].name, "web");
        assert!(config.services[0].service.starts_with("arn:"));
    }
}
