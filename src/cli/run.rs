//! From the command line to an exit code.

use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;

use super::action::action;
use super::args::{Cli, Command, DeployArgs, ExplainArgs, Global, SandboxArgs, SchemaOf, given, given_path};
use super::env_args::{EnvCheckArgs, EnvCommand, EnvDiffArgs, EnvPullArgs, EnvPushArgs, PruneArgs};
use super::environment::Environment;
use super::iam_policy_args::{IamPolicyArgs, region};
use super::init_args::InitArgs;
use super::interrupt::on_signal;
use super::logs_args::LogsArgs;
use super::parse::parse;
use super::plan_args::{DiffArgs, RenderArgs};
use super::push_args::PushCommandArgs;
use super::service_args::{ContinueActionArg, ContinueArgs, RollbackArgs, StatusArgs};
use super::verify_args::VerifyArgs;
use super::wiring::{
    aws_settings, config_file, configuration, configured, masks, note, open_sinks, print, report_error,
    reported, sinks, sinks_with,
};
use crate::aws::{AwsSettings, HookAction};
use crate::commands;
use crate::config::{Need, Reach, read_config};
use crate::error::{Error, Result};
use crate::report::{Format, LogWriter, choose, replay};
use crate::schema;
use crate::state::RunState;

/// Reads the command line, does what it says, and gives the process's exit code.
pub fn run() -> ExitCode {
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are printed by clap too, on standard output and with success.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let environment = environment_of(&cli.global);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report_error(&Error::internal("cannot start the async runtime").source(error)),
    };
    let code = runtime.block_on(async {
        match &cli.command {
            Command::Deploy(args) => {
                deploy(args, &cli.global, &environment, &[]).await.map(|state| state.exit_code())
            }
            Command::Action => action(&environment).await,
            Command::Push(args) => push(args, &cli.global, &environment).await,
            Command::Env(args) => match &args.command {
                EnvCommand::Check(args) => env_check(args, &cli.global, &environment).await,
                EnvCommand::Push(args) => env_push(args, &cli.global, &environment).await,
                EnvCommand::Pull(args) => env_pull(args, &cli.global, &environment).await,
                EnvCommand::Diff(args) => env_diff(args, &cli.global, &environment).await,
            },
            Command::Prune(args) => prune(args, &cli.global, &environment).await,
            Command::Verify(args) => verify(args, &cli.global, &environment).await,
            Command::Render(args) => render(args, &cli.global, &environment).await,
            Command::Diff(args) => diff(args, &cli.global, &environment).await,
            Command::Status(args) => status(args, &cli.global, &environment).await,
            Command::Rollback(args) => rollback(args, &cli.global, &environment).await,
            Command::Explain(args) => explain(args, &cli.global, &environment),
            Command::Continue(args) => continue_paused(args, &cli.global, &environment).await,
            Command::Logs(args) => logs(args, &cli.global, &environment).await,
            Command::Init(args) => init(args, &cli.global, &environment).await,
            Command::IamPolicy(args) => iam_policy(args, &cli.global, &environment).await,
            Command::Replay { file } => replay_file(file, &cli.global, &environment),
            Command::Sandbox(args) => sandbox(args, &cli.global, &environment).await,
            Command::Schema { of } => schema(*of),
            Command::Completions { shell } => {
                print(&commands::completions(Cli::command(), *shell)).map(|()| 0)
            }
            Command::Manpage(args) => manpage(given_path(&args.out).as_deref()),
        }
    });
    // Blocking work that an interrupt has left behind must not hold the exit up.
    runtime.shutdown_background();
    match code {
        Ok(code) => ExitCode::from(code),
        Err(error) => report_error(&error),
    }
}

/// The process environment, with what the flags say of it.
pub(super) fn environment_of(global: &Global) -> Environment {
    let mut environment = Environment::read();
    environment.login = global.login.login(&environment, masks(&environment));
    environment
}

/// `notes` are what the caller has to tell beforehand.
pub(super) async fn deploy(
    args: &DeployArgs,
    global: &Global,
    environment: &Environment,
    notes: &[String],
) -> Result<RunState> {
    let state = reported(sinks(global, environment)?, global, environment, async |events, interrupt| {
        notes.iter().for_each(|note| events.warn(note, None));
        let overrides = args.overrides(global)?;
        let mut config = match args.sandbox {
            None => configuration(global, &overrides, environment, Need::Everything).await?,
            Some(_) => {
                let reach = Reach { aws: None, need: Need::Everything };
                read_config(config_file(global).as_deref(), &overrides, &environment.variables, reach).await?
            }
        };
        config.origin = args.origin.origin(environment);
        let request = commands::DeployRequest {
            config,
            aws: aws_settings(environment),
            workbench: environment.workbench(args.push.no_cache),
            dry_run: args.dry_run,
            detailed_exitcode: args.detailed_exitcode,
            sandbox: args.sandbox.clone().map(|scenario| (scenario, args.sandbox_speed)),
        };
        commands::deploy(request, events, interrupt).await
    });
    state.await
}

async fn verify(args: &VerifyArgs, global: &Global, environment: &Environment) -> Result<u8> {
    let state = reported(sinks(global, environment)?, global, environment, async |events, interrupt| {
        let job = commands::VerifyJob {
            config: configuration(global, &args.overrides(global)?, environment, Need::Everything).await?,
            aws: aws_settings(environment),
            workbench: environment.workbench(args.push.no_cache),
        };
        commands::verify(job, events, interrupt).await
    });
    Ok(state.await?.exit_code())
}

async fn push(args: &PushCommandArgs, global: &Global, environment: &Environment) -> Result<u8> {
    let format = choose(global.output, environment.terminal(global.no_color));
    let sinks = sinks_with(global, environment, format == Format::Json)?;
    let state = reported(sinks, global, environment, async |events, interrupt| {
        let config = match config_file(global).filter(|_| args.needs_config()) {
            Some(path) => {
                Some(configured(Some(&path), &args.overrides(global)?, environment, Need::Images).await?)
            }
            None => None,
        };
        let region = global.region.clone().filter(|region| !region.is_empty());
        let region = region.or_else(|| config.as_ref().and_then(|config| config.region.clone()));
        let job = commands::PushJob {
            requests: args.push_requests(config)?,
            aws: AwsSettings { region, ..aws_settings(environment) },
            workbench: environment.workbench(args.push.no_cache),
        };
        commands::push(job, events, interrupt).await
    });
    let state = state.await?;
    if format != Format::Json && state.exit_code() == 0 {
        // Data goes to standard output: what a script passes on.
        for push in state.services.iter().flat_map(|service| &service.report.pushes) {
            print(&format!("{}\n", push.reference))?;
        }
    }
    Ok(state.exit_code())
}

async fn env_check(args: &EnvCheckArgs, global: &Global, environment: &Environment) -> Result<u8> {
    let state = reported(sinks(global, environment)?, global, environment, async |events, interrupt| {
        let files = args.files()?;
        let job = if files.is_empty() {
            let file = config_file(global).ok_or_else(|| {
                Error::usage("there is no landfall.yml here, and no file is named")
                    .hint("Name one: landfall env check FILE.")
            })?;
            let config =
                configured(Some(&file), &args.overrides(global), environment, Need::EnvFiles).await?;
            let mut job = commands::EnvCheckJob::of_config(&config, args.fix)?;
            job.files.iter_mut().try_for_each(|file| args.apply(file))?;
            job
        } else {
            commands::EnvCheckJob { files, fix: args.fix }
        };
        commands::env_check(job, events, interrupt).await
    });
    Ok(state.await?.exit_code())
}

async fn env_push(args: &EnvPushArgs, global: &Global, environment: &Environment) -> Result<u8> {
    let format = choose(global.output, environment.terminal(global.no_color));
    let sinks = sinks_with(global, environment, format == Format::Json)?;
    let state = reported(sinks, global, environment, async |events, interrupt| {
        let config = configuration(global, &args.overrides(global), environment, Need::Everything).await?;
        let job =
            commands::EnvPushJob { config, aws: aws_settings(environment), named: args.services.clone() };
        commands::env_push(job, events, interrupt).await
    });
    let state = state.await?;
    if format != Format::Json && state.exit_code() == 0 {
        for file in state.services.iter().flat_map(|service| &service.report.env_files) {
            print(&format!("{}\n", file.arn))?;
        }
    }
    Ok(state.exit_code())
}

async fn env_pull(args: &EnvPullArgs, global: &Global, environment: &Environment) -> Result<u8> {
    let state = reported(sinks(global, environment)?, global, environment, async |events, interrupt| {
        let file = config_file(global);
        let overrides = args.overrides(global, file.as_deref());
        let job = commands::EnvPullJob {
            config: configured(file.as_deref(), &overrides, environment, Need::Everything).await?,
            aws: aws_settings(environment),
            container: given(&args.container),
            to: args.to.clone(),
            force: args.force,
        };
        commands::env_pull(job, events, interrupt).await
    });
    Ok(state.await?.exit_code())
}

async fn env_diff(args: &EnvDiffArgs, global: &Global, environment: &Environment) -> Result<u8> {
    let state = reported(sinks(global, environment)?, global, environment, async |events, interrupt| {
        let job = commands::EnvDiffJob {
            config: configuration(global, &args.overrides(global), environment, Need::Everything).await?,
            aws: aws_settings(environment),
            container: given(&args.source.container),
            detailed_exitcode: args.detailed_exitcode,
        };
        commands::env_diff(job, events, interrupt).await
    });
    Ok(state.await?.exit_code())
}

/// Standard output is for the document alone.
async fn render(args: &RenderArgs, global: &Global, environment: &Environment) -> Result<u8> {
    let mut rendered = None;
    let sinks = sinks_with(global, environment, false)?;
    let state = reported(sinks, global, environment, async |events, interrupt| {
        let job = commands::RenderJob {
            config: configuration(global, &args.overrides(global), environment, Need::Everything).await?,
            aws: aws_settings(environment),
            workbench: environment.workbench(false),
            show_values: args.show_values,
        };
        rendered = commands::render(job, events, interrupt).await?;
        Ok(())
    });
    let code = state.await?.exit_code();
    if let Some(document) = rendered.filter(|_| code == 0) {
        let text = serde_json::to_string_pretty(&document)
            .map_err(|error| Error::internal("cannot write the task definition").source(error))?;
        print(&format!("{text}\n"))?;
    }
    Ok(code)
}

async fn diff(args: &DiffArgs, global: &Global, environment: &Environment) -> Result<u8> {
    let state = reported(sinks(global, environment)?, global, environment, async |events, interrupt| {
        let job = commands::DiffJob {
            config: configuration(global, &args.overrides(global), environment, Need::Everything).await?,
            aws: aws_settings(environment),
            workbench: environment.workbench(false),
            from: args.from.parse()?,
            to: args.to.parse()?,
            detailed_exitcode: args.detailed_exitcode,
        };
        commands::diff(job, events, interrupt).await
    });
    Ok(state.await?.exit_code())
}

async fn status(args: &StatusArgs, global: &Global, environment: &Environment) -> Result<u8> {
    let state = reported(sinks(global, environment)?, global, environment, async |events, interrupt| {
        let job = commands::StatusJob {
            config: configuration(global, &args.overrides(global), environment, Need::Services).await?,
            aws: aws_settings(environment),
            watch: args.watch,
        };
        commands::status(job, events, interrupt).await
    });
    Ok(state.await?.exit_code())
}

async fn rollback(args: &RollbackArgs, global: &Global, environment: &Environment) -> Result<u8> {
    let state = reported(sinks(global, environment)?, global, environment, async |events, interrupt| {
        let job = commands::RollbackJob {
            config: configuration(global, &args.overrides(global), environment, Need::Services).await?,
            aws: aws_settings(environment),
            to: given(&args.to),
            dry_run: args.dry_run,
        };
        commands::rollback(job, events, interrupt).await
    });
    Ok(state.await?.exit_code())
}

async fn continue_paused(args: &ContinueArgs, global: &Global, environment: &Environment) -> Result<u8> {
    let state = reported(sinks(global, environment)?, global, environment, async |events, interrupt| {
        let job = commands::ContinueJob {
            config: configuration(global, &args.overrides(global), environment, Need::Services).await?,
            aws: aws_settings(environment),
            action: match args.action {
                ContinueActionArg::Continue => HookAction::Continue,
                ContinueActionArg::Rollback => HookAction::Rollback,
            },
        };
        commands::continue_paused(job, events, interrupt).await
    });
    Ok(state.await?.exit_code())
}

/// Standard output is for the log alone, whatever its form; all else goes to standard error.
async fn logs(args: &LogsArgs, global: &Global, environment: &Environment) -> Result<u8> {
    let terminal = environment.terminal(global.no_color);
    let format = choose(global.output, terminal);
    let out = LogWriter::new(Box::new(std::io::stdout()), Box::new(std::io::stderr()), format);
    let told = if format == Format::Github { Format::Github } else { Format::Plain };
    let sinks = open_sinks(told, global, environment, false)?;
    let state = reported(sinks, global, environment, async |events, interrupt| {
        let job = commands::LogsJob {
            config: configuration(global, &args.overrides(global), environment, Need::Services).await?,
            aws: aws_settings(environment),
            follow: args.follow,
            failed: args.failed,
            since: args.since()?,
            container: given(&args.container),
            task: given(&args.task),
        };
        commands::logs(job, out, events, interrupt).await
    });
    Ok(state.await?.exit_code())
}

async fn prune(args: &PruneArgs, global: &Global, environment: &Environment) -> Result<u8> {
    let state = reported(sinks(global, environment)?, global, environment, async |events, interrupt| {
        let job = commands::PruneJob {
            config: configuration(global, &args.overrides(global), environment, Need::Everything).await?,
            aws: aws_settings(environment),
            min_age: args.min_age()?,
            yes: args.yes,
        };
        commands::prune(job, events, interrupt).await
    });
    Ok(state.await?.exit_code())
}

/// Standard output is for the policy alone.
async fn iam_policy(args: &IamPolicyArgs, global: &Global, environment: &Environment) -> Result<u8> {
    let account = args.account()?;
    let has_config = config_file(global).is_some() || args.service.service.is_some();
    let config = match (args.trust, &account) {
        (Some(_), Some(_)) => None,
        (Some(_), None) if !has_config => None,
        _ => {
            let overrides = args.overrides(global)?;
            Some(configuration(global, &overrides, environment, Need::Everything).await?)
        }
    };
    let printed = match (args.trust, config) {
        (None, Some(config)) => {
            let region = region(&config.region, environment).ok_or_else(|| {
                Error::usage("no AWS Region is configured")
                    .hint("Set `region:` in landfall.yml, --region or AWS_REGION.")
            })?;
            let job = commands::IamPolicyJob {
                config,
                aws: aws_settings(environment),
                region,
                account,
                execution_role: args.execution_role,
                checks: !args.no_checks,
                resolve: args.resolve,
            };
            commands::iam_policy(job).await?
        }
        (_, config) => {
            let of_config = config.and_then(|config| crate::iam_policy::account_of(&config, &[]));
            let account = account.or(of_config).ok_or_else(|| {
                Error::usage("the account of the role is not known").hint("Give it: --account 123456789012.")
            })?;
            commands::trust(&args.trust(account, global, environment)?)
        }
    };
    let text = serde_json::to_string_pretty(&printed.document)
        .map_err(|error| Error::internal("cannot write the policy").source(error))?;
    print(&format!("{text}\n"))?;
    printed.notes.iter().for_each(|text| note(text));
    Ok(0)
}

fn replay_file(file: &Path, global: &Global, environment: &Environment) -> Result<u8> {
    let records = replay::read(file)?;
    let state: RunState = replay::run(&records, sinks(global, environment)?);
    Ok(state.exit_code())
}

async fn sandbox(args: &SandboxArgs, global: &Global, environment: &Environment) -> Result<u8> {
    if args.list {
        print(&commands::scenarios())?;
        return Ok(0);
    }
    let file = config_file(global);
    let overrides = crate::config::Overrides {
        region: global.region.clone(),
        cluster: global.cluster.clone(),
        ..Default::default()
    };
    let config = match &file {
        Some(path) => {
            let reach = Reach { aws: None, need: Need::Everything };
            Some(read_config(Some(path), &overrides, &environment.variables, reach).await?)
        }
        None => None,
    };
    let interrupt = on_signal();
    let sandbox = commands::start_sandbox(&args.scenario, args.speed, args.port, config.as_ref()).await?;
    print(&commands::how_to_use(&sandbox))?;
    interrupt.cancelled().await;
    sandbox.shutdown().await;
    Ok(0)
}

fn explain(args: &ExplainArgs, global: &Global, environment: &Environment) -> Result<u8> {
    if let Some(folder) = args.pages.as_deref().filter(|path| !path.as_os_str().is_empty()) {
        commands::write_pages(folder)?;
        return Ok(0);
    }
    if let Some(file) = args.checks.as_deref().filter(|path| !path.as_os_str().is_empty()) {
        commands::write_checks(file)?;
        return Ok(0);
    }
    let code = args.code.join(" ");
    let code = Some(code.trim()).filter(|code| !code.is_empty());
    let terminal = environment.terminal(global.no_color);
    let columns = terminal.stdout_is_terminal.then(|| terminal.width.unwrap_or(80));
    print(&commands::explain(code, global.output.unwrap_or(Format::Plain), columns)?)?;
    Ok(0)
}

async fn init(args: &InitArgs, global: &Global, environment: &Environment) -> Result<u8> {
    let from = match (args.source(), args.live()) {
        (Some(path), _) => commands::InitFrom::File(path),
        (None, Some(service)) => {
            let cluster = given(&global.cluster).ok_or_else(|| {
                Error::usage("no cluster is named")
                    .hint("Name the cluster of the service: --cluster CLUSTER.")
            })?;
            let aws = AwsSettings { region: given(&global.region), ..aws_settings(environment) };
            commands::InitFrom::Live { aws: Box::new(aws), cluster, service }
        }
        (None, None) => {
            return Err(Error::usage("nothing says what to write down")
                .hint("Name a live service, --cluster CLUSTER --service SERVICE, or a file to convert, --from FILE."));
        }
    };
    let job = commands::InitJob { from, out: args.out.clone(), force: args.force };
    print(&commands::init(job, global.output.unwrap_or(Format::Plain)).await?)?;
    Ok(0)
}

fn manpage(out: Option<&Path>) -> Result<u8> {
    match out {
        Some(folder) => commands::write_manpages(Cli::command(), folder)?,
        None => print(&commands::manpage(Cli::command())?)?,
    }
    Ok(0)
}

fn schema(of: SchemaOf) -> Result<u8> {
    print(match of {
        SchemaOf::Events => schema::EVENTS,
        SchemaOf::Config => schema::CONFIG,
    })?;
    Ok(0)
}
