//! `landfall init`

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::aws::account::Known;
use crate::aws::{Aws, AwsSettings};
use crate::error::{Error, ErrorKind, Result};
use crate::init::{
    Drafted, EcspressoSources, Live, from_ecspresso, from_live, from_workflow, sources_of_ecspresso,
    write_all,
};
use crate::report::Format;
use crate::written::Source;

/// What is asked of `landfall init`.
pub struct InitJob {
    /// What to write down.
    pub from: InitFrom,
    /// The folder to write to.
    pub out: PathBuf,
    /// Replace files that are there.
    pub force: bool,
}

/// Where a configuration comes from.
pub enum InitFrom {
    /// A live service.
    Live {
        /// How to reach AWS.
        aws: Box<AwsSettings>,
        /// Its cluster.
        cluster: String,
        /// Its name or ARN.
        service: String,
    },
    /// A configuration of ecspresso or a workflow.
    File(PathBuf),
}

/// Writes the files, and gives what to print.
///
/// # Errors
/// [`ErrorKind::Usage`] for files that are there or cannot be read; [`ErrorKind::Preflight`] where there is no such
/// service; [`ErrorKind::Aws`].
pub async fn init(job: InitJob, format: Format) -> Result<String> {
    let drafted = match job.from {
        InitFrom::Live { aws, cluster, service } => live(*aws, cluster, &service).await?,
        InitFrom::File(path) => convert(&path)?,
    };
    write_all(&job.out, &drafted.files, job.force)?;
    match format {
        Format::Json => serde_json::to_string(&drafted)
            .map(|text| format!("{text}\n"))
            .map_err(|error| Error::internal("cannot write what was found").source(error)),
        _ => Ok(drafted.text()),
    }
}

async fn live(settings: AwsSettings, cluster: String, service: &str) -> Result<Drafted> {
    let aws = Aws::connect(settings).await?;
    let document = match aws.service_document(&cluster, service).await {
        Known::Is(document) => Value::Object(document),
        Known::Absent => {
            return Err(aws.no_service(&cluster, service));
        }
        Known::Denied { permission } => {
            return Err(Error::new(ErrorKind::Aws, format!("the caller may not {permission}"))
                .hint(format!("Allow {permission} and ecs:DescribeTaskDefinition.")));
        }
        Known::Unknown { why } => {
            return Err(Error::new(
                ErrorKind::Aws,
                format!("ecs:DescribeServices on {cluster}/{service}: {why}"),
            )
            .hint("Check the cluster, the Region and the credentials."));
        }
        Known::NotAsked => return Err(Error::internal("ecs:DescribeServices was not asked")),
    };
    let revision = document.get("taskDefinition").and_then(Value::as_str).unwrap_or_default();
    if revision.is_empty() {
        return Err(Error::new(ErrorKind::Preflight, format!("the service {service} has no task definition of its own"))
            .hint("One whose deployment controller is EXTERNAL has them in its task sets: Landfall does not deploy it."));
    }
    let (_, task_definition) = aws.describe_task_definition(revision).await?.ok_or_else(|| {
        Error::new(ErrorKind::Preflight, format!("the task definition {revision} does not exist"))
            .hint("The service was set to a revision that has been deleted since.")
    })?;
    Ok(from_live(&Live { region: aws.region.clone(), cluster, service: document, task_definition }))
}

fn convert(path: &Path) -> Result<Drafted> {
    let text = read(path)?;
    let name = path.display().to_string();
    if name.ends_with(".jsonnet") {
        return Err(Error::usage(format!("{name}: Jsonnet is not converted")).hint(
            "Write the configuration as YAML first: `jsonnet FILE` gives JSON, which YAML readers take.",
        ));
    }
    if Source::yaml(path, &text).value()?.get("jobs").is_some() {
        return from_workflow(path, &text);
    }
    let sources = sources_of_ecspresso(path, &text)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let file = |name: &Option<String>| match name {
        Some(name) => read(&folder.join(name)).map(|text| Some((name.clone(), text))),
        None => Ok(None),
    };
    let sources = EcspressoSources {
        task_definition: file(&sources.task_definition)?,
        service_definition: file(&sources.service_definition)?,
    };
    from_ecspresso(path, &text, sources)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        Error::usage(format!("cannot read {}", path.display())).source(error).hint(
            "Name the configuration of ecspresso, or the workflow: its other files are found from there.",
        )
    })
}
