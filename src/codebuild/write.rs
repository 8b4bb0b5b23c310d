//! The files by which CodePipeline's own deploy actions learn which image to deploy (facts 8.5).

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_json::{Value, json};

use super::file;
use crate::error::{Error, Result};
use crate::event::{Record, Verdict};
use crate::report::Reporter;
use crate::state::{RunState, ServiceState};

/// A file to write when the run has succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    form: Form,
    path: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// For the action "Amazon ECS": container -> image.
    ImageDefinitions,
    /// For the action "Amazon ECS (Blue/Green)": one image.
    ImageDetail,
}

impl Form {
    fn of(name: &str) -> Option<Self> {
        match name {
            "imagedefinitions" => Some(Self::ImageDefinitions),
            "imageDetail" => Some(Self::ImageDetail),
            _ => None,
        }
    }
}

impl FromStr for Write {
    type Err = Error;

    /// `imagedefinitions.json`, a path that ends in it, or `imagedefinitions=PATH`; `imageDetail` alike.
    fn from_str(text: &str) -> Result<Self> {
        let named =
            text.split_once('=').and_then(|(form, path)| Some((Form::of(form)?, PathBuf::from(path))));
        let plain = || {
            let path = Path::new(text);
            let form = path.file_name()?.to_str()?.strip_suffix(".json").and_then(Form::of)?;
            Some((form, path.to_owned()))
        };
        let (form, path) = named.or_else(plain).ok_or_else(|| {
            Error::usage(format!("--write does not know what belongs into `{text}`")).hint(
                "Write imagedefinitions.json, imageDetail.json, or imagedefinitions=PATH for another name.",
            )
        })?;
        file::check(&path, "--write")?;
        Ok(Self { form, path })
    }
}

impl Write {
    /// Where it goes.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Writes such a file at the end of a run that has succeeded; otherwise there is none of this run, and what an earlier one
/// has left stays as it is.
pub struct Written(pub Write);

impl Reporter for Written {
    fn on_event(&mut self, _record: &Record, _state: &RunState) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, state: &RunState) -> io::Result<()> {
        let done = matches!(state.verdict(), Verdict::Succeeded | Verdict::Unchanged);
        if !done || state.exit_code() != 0 || state.run.as_ref().is_none_or(|run| run.dry_run) {
            return Ok(());
        }
        let content = match self.0.form {
            Form::ImageDefinitions => image_definitions(state),
            Form::ImageDetail => image_detail(state),
        };
        let content = content.map_err(io::Error::other)?;
        file::replace(&self.0.path, format!("{content}\n").as_bytes())
    }
}

/// The images of the run: container and `host/repository@sha256:...`, in the order of the services. A plan says what the
/// task definition gets; without one it is where the image was pushed first.
fn images(state: &RunState) -> Vec<(&str, &str)> {
    let mut images: Vec<(&str, &str)> = Vec::new();
    for service in &state.services {
        let planned = service.plan.iter().flat_map(|plan| &plan.images);
        let mut of_service: Vec<(&str, &str)> =
            planned.map(|image| (image.container.as_str(), image.after.as_str())).collect();
        for push in &service.report.pushes {
            if !of_service.iter().any(|(container, _)| *container == push.container) {
                of_service.push((&push.container, &push.reference));
            }
        }
        for image in of_service {
            if !images.contains(&image) {
                images.push(image);
            }
        }
    }
    images
}

/// `imagedefinitions.json`: a list of containers and their images (facts 8.5).
///
/// # Errors
/// Where no image is known, or a container of the same name has several: CodePipeline deploys one service with a file.
pub fn image_definitions(state: &RunState) -> std::result::Result<Value, String> {
    // A push by flags alone has a name of its own and no container's.
    let nameless = |service: &ServiceState| !service.report.name.contains('/');
    if state.run.as_ref().is_some_and(|run| run.command == "push") && state.services.iter().any(nameless) {
        return Err(
            "the file names containers, and a push by flags has none: take the image from landfall.yml"
                .to_owned(),
        );
    }
    let images = images(state);
    if images.is_empty() {
        return Err(NO_IMAGE.to_owned());
    }
    for (index, (name, image)) in images.iter().enumerate() {
        if let Some((_, other)) = images[..index].iter().find(|(known, _)| known == name) {
            return Err(format!(
                "the container {name} has an image in each of several services, {other} and {image}, and the file is for one service: name the service on the command line"
            ));
        }
    }
    Ok(images.into_iter().map(|(name, uri)| json!({ "name": name, "imageUri": uri })).collect())
}

/// `imageDetail.json`: one image (facts 8.5).
///
/// # Errors
/// Where the run has none, or several.
pub fn image_detail(state: &RunState) -> std::result::Result<Value, String> {
    let mut uris: Vec<&str> = images(state).into_iter().map(|(_, uri)| uri).collect();
    uris.dedup();
    match uris.as_slice() {
        [] => Err(NO_IMAGE.to_owned()),
        [uri] => Ok(json!({ "ImageURI": uri })),
        several => Err(format!("the file is for one image, and the run has {}", several.len())),
    }
}

const NO_IMAGE: &str = "the run deploys no image of its own";

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::event::{Event, ImageChange, PlanDetails};
    use crate::report::testing::{self, Script};

    fn state(records: &[Record]) -> RunState {
        let mut state = RunState::default();
        records.iter().for_each(|record| state.apply(record));
        state
    }

    fn pushed(service: &str, container: &str, repository: &str) -> Record {
        let event = Event::ImagePushed {
            container: container.to_owned(),
            reference: format!("{repository}@{}", testing::IMAGE),
            digest: testing::IMAGE.to_owned(),
            media_type: None,
            manifest_size: None,
            bytes_sent: 0,
            outcome: crate::event::Transfer::Exists,
            duration_ms: 0,
        };
        Record { time: Timestamp::UNIX_EPOCH, service: Some(service.to_owned()), event }
    }

    fn run(pushes: &[Record]) -> RunState {
        state(&[&Script::new(&["a", "b"], false).records()[..], pushes].concat())
    }

    #[test]
    fn a_pipeline_gets_each_container_and_its_image_by_digest() {
        let found = image_definitions(&state(&testing::success())).unwrap();
        let uri = format!("123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/hello@{}", testing::IMAGE);
        assert_eq!(found, json!([{ "name": "web", "imageUri": uri }]));
        assert_eq!(image_detail(&state(&testing::success())).unwrap(), json!({ "ImageURI": uri }));
    }

    #[test]
    fn the_plan_knows_which_of_several_repositories_runs() {
        let image = ImageChange {
            container: "web".into(),
            before: None,
            after: "r/one@sha256:1".into(),
            tag: None,
            push: true,
        };
        let planned = Event::Planned {
            ecs_service: "web".into(),
            current_task_definition: None,
            changes: Vec::new(),
            variables: Vec::new(),
            details: Some(Box::new(PlanDetails { images: vec![image], ..PlanDetails::default() })),
            api_calls: 0,
        };
        let planned = Record { time: Timestamp::UNIX_EPOCH, service: Some("a".into()), event: planned };
        let found = image_definitions(&run(&[planned, pushed("a", "web", "r/two")]));
        assert_eq!(found, Ok(json!([{ "name": "web", "imageUri": "r/one@sha256:1" }])));
    }

    #[test]
    fn a_push_by_flags_names_no_container() {
        let of = |name: &'static str| {
            let mut records = Script::new(&[name], false).records();
            let Event::RunStarted(run) = &mut records[0].event else { panic!("the first event") };
            run.command = "push".to_owned();
            records.push(pushed(name, "image", "r/one"));
            state(&records)
        };
        assert!(image_definitions(&of("image")).unwrap_err().contains("landfall.yml"));
        assert!(image_definitions(&of("web/app")).is_ok());
        assert!(image_detail(&of("image")).is_ok());
    }

    #[test]
    fn what_one_file_cannot_say_is_refused() {
        let twice = run(&[pushed("a", "web", "r/one"), pushed("b", "web", "r/two")]);
        assert!(image_definitions(&twice).unwrap_err().contains("r/one@"));
        assert!(image_detail(&twice).unwrap_err().contains("the run has 2"));
        let shared = run(&[pushed("a", "web", "r/one"), pushed("b", "web", "r/one")]);
        assert_eq!(image_definitions(&shared).unwrap().as_array().map(Vec::len), Some(1));
        assert_eq!(image_definitions(&run(&[])), Err(NO_IMAGE.to_owned()));
    }

    #[test]
    fn the_name_says_what_belongs_into_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("imageDetail.json");
        let parsed: Write = path.to_str().unwrap().parse().unwrap();
        assert_eq!((parsed.form, parsed.path()), (Form::ImageDetail, path.as_path()));
        let other = folder.path().join("out.json");
        let parsed: Write = format!("imagedefinitions={}", other.display()).parse().unwrap();
        assert_eq!((parsed.form, parsed.path()), (Form::ImageDefinitions, other.as_path()));
        for wrong in [
            "",
            "images.json",
            "imagedefinitions",
            "imagedefinitions=",
            "nowhere/imageDetail.json",
            "appspec=x",
        ] {
            assert!(wrong.parse::<Write>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_a_run_that_has_succeeded_writes_the_file() {
        for (name, records) in testing::all_scripts() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("imagedefinitions.json");
            let state = state(&records);
            let written = Written(path.to_str().unwrap().parse().unwrap()).finish(&state);
            let good = state.exit_code() == 0 && state.verdict() != Verdict::Planned;
            assert_eq!(path.exists(), good && written.is_ok(), "{name}");
            assert!(written.is_ok() || good, "{name}: {written:?}");
            assert_eq!(
                std::fs::read_dir(folder.path()).unwrap().count(),
                usize::from(path.exists()),
                "{name}"
            );
        }
    }
}
