//! Landfall takes a container image from a build to a healthy service on Amazon ECS.
//!
//! # The map
//!
//! Data flows one way: `cli` → `commands` → `config` → `deploy` → (`prepare`, `plan`, `image`,
//! `envfile`, `task_definition`, `rollout`) → `aws`. Reports only consume events.
//! `docs/architecture.md` has the picture.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`cli`] | flags, `LANDFALL_*` and the process environment: the only place that knows them |
//! | [`codebuild`] | what CodeBuild and CodePipeline know and want: build variables, files, test reports |
//! | [`commands`] | one file a verb: wires parts together, decides nothing |
//! | [`config`] | file + environment + flags become a typed, validated configuration |
//! | [`deploy`] | the run, told in one readable function |
//! | [`prepare`] | what a run reads and sends before a service is touched |
//! | [`targets`] | the repositories that get an image: looked at, and created where they are missing |
//! | [`logins`] | which registry a reference belongs to, and how to log in there |
//! | [`lookup`] | `${...}` in values: the environment, Terraform states, CloudFormation, Parameter Store |
//! | [`plan`] | what would change: pure |
//! | [`preflight`] | checks before anything is changed, one a file: pure |
//! | [`image`] | where images come from, and pushing them to a registry |
//! | [`envfile`] | `.env` as ECS reads it; content-keyed storage in S3 |
//! | [`init`] | configuration from a live service, from ecspresso, from a workflow: pure |
//! | [`github`] | what only GitHub Actions knows |
//! | [`iam_policy`] | the least policy that a configuration needs, and the trust policy of its role: pure |
//! | [`task_definition`] | the JSON document: load, edit, compare |
//! | [`service_definition`] | a service's attributes as a file, and what UpdateService would change |
//! | [`roll_out`] | from the update of a service to a verdict, and putting it back |
//! | [`rollout`] | the watcher: observation, state machine, findings, zero downtime |
//! | [`aws`] | SDK clients; AWS's answers to our values and back |
//! | [`event`], [`state`] | the typed events of a run, and the fold that every report is a view of |
//! | [`emit`] | how the core sends events |
//! | [`report`] | events to human, plain, JSON; views of the state |
//! | [`schema`] | the published JSON Schemas of events and of `landfall.yml` |
//! | [`error`] | the one error type, and the table of exit codes |
//! | [`shape`] | whether a file has the form that ECS takes, with line and column |
//! | [`secret`] | a text that no output may show |
//! | [`written`] | positions of values in JSON and YAML files |
//! | [`wording`] | plurals and lists in sentences |

pub mod aws;
pub mod cli;
pub mod codebuild;
pub mod commands;
pub mod config;
pub mod deploy;
pub mod emit;
pub mod envfile;
pub mod error;
pub mod event;
pub mod github;
pub mod iam_policy;
pub mod image;
pub mod init;
pub mod logins;
pub mod lookup;
pub mod plan;
pub mod preflight;
pub mod prepare;
pub mod report;
pub mod roll_out;
pub mod rollout;
pub mod schema;
pub mod secret;
pub mod service_definition;
pub mod shape;
pub mod state;
pub mod targets;
pub mod task_definition;
pub mod wording;
pub mod written;
