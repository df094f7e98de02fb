//! The configuration, read again while the daemon runs.
//!
//! Members tell each other which version is wanted (`docs/spec/configuration.md`); each reads its
//! own file until it has it ([`course`]).

mod course;
mod difference;

use crate::{
    answer::{no_answer, refused},
    context::Context,
    start_error::StartError,
    startup,
};
use cman_config::{Config, Diagnostic, Parsed, Severity};
use cman_ipc::{
    ErrorCode, Reply,
    event::{ConfigEvent, Event},
};
use cman_node::Command;
use course::{Course, InForce, Step};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};
use tokio::{
    sync::{Notify, oneshot},
    time::sleep,
};

/// The pause before a file is read again that does not have what is wanted yet.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Plenty for reading the largest file.
const STACK_BYTES: usize = 2 << 20;

/// Which configuration is in force, for the service thread.
#[derive(Debug)]
pub(crate) struct Reload {
    path: PathBuf,
    course: Mutex<Course>,
    /// Another version is wanted.
    wanted: Notify,
}

impl Reload {
    /// With what the file at `path` said when the daemon started.
    pub(crate) fn new(path: &Path, config: Config) -> Self {
        let course = Course::new(path.display().to_string(), config).into();
        Self { path: path.to_owned(), course, wanted: Notify::new() }
    }

    /// The version that is in force.
    pub(crate) fn version(&self) -> u64 {
        self.course().version()
    }

    /// How long clients have to object to a shutdown.
    pub(crate) fn shutdown_timeout(&self) -> Duration {
        self.course().shutdown_timeout()
    }

    /// What an operator should act upon, if anything is.
    pub(crate) fn alarm(&self) -> Option<String> {
        self.course().alarm()
    }

    /// All members are to have that version.
    pub(crate) fn want(&self, version: u64) {
        self.course().want(version);
        self.wanted.notify_one();
    }

    /// For a moment: never across an await.
    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the file while a version is wanted that it does not have, until it is aborted.
pub(crate) async fn watch(context: Arc<Context>) {
    loop {
        let reload = &context.reload;
        if !reload.course().is_waiting() {
            reload.wanted.notified().await;
            continue;
        }
        let found = read(&reload.path).await;
        let waiting = reload.course().is_waiting();
        // Whoever asked for a version may have found it meanwhile.
        if waiting && let Err(why) = take_over(&context, found).await {
            tracing::debug!("the node does not hear of a configuration: {why:?}");
        }
        sleep(READ_AGAIN_AFTER).await;
    }
}

/// A client wants all members to have a version; 0 stands for that of the file.
pub(crate) async fn set_version(context: &Context, asked: u64) -> Reply {
    let in_force = context.reload.version();
    if asked == in_force {
        return Reply::Done;
    }
    let found = match read(&context.reload.path).await {
        Ok(found) => found,
        Err(trouble) => return trouble.reply(in_force),
    };
    let has = found.config.config_version;
    let wanted = if asked == 0 { has } else { asked };
    if wanted < in_force {
        return older(context, wanted, in_force);
    }
    if wanted == in_force {
        return Reply::Done;
    }
    tracing::info!("a client wants version {wanted} of the configuration on all members");
    context.reload.want(wanted);
    if has >= wanted
        && let Err(reply) = take_over(context, Ok(found)).await
    {
        return reply;
    }
    // Said again where it came into force, with more known of it.
    match command(context, Command::WantConfig { version: wanted }).await {
        Ok(()) => Reply::Done,
        Err(reply) => reply,
    }
}

fn older(context: &Context, wanted: u64, in_force: u64) -> Reply {
    let file = context.reload.path.display();
    refused(
        ErrorCode::Invalid,
        format!("version {wanted} is older than version {in_force}, which is in force"),
        &format!("raise config_version in {file} with each change"),
    )
}

/// Does what is to be done about a file that was read.
async fn take_over(context: &Context, found: Result<Parsed, Trouble>) -> Result<(), Reply> {
    let (found, warnings) = match found {
        Ok(Parsed { config, warnings, .. }) => (Ok(config), Some(warnings)),
        Err(trouble) => (Err(trouble.text), None),
    };
    let step = context.reload.course().found(found);
    match step {
        Step::Nothing => Ok(()),
        Step::Warn(why) => {
            tracing::warn!("{why}");
            Ok(())
        }
        Step::InForce(in_force) => {
            for warnings in warnings.iter().filter(|warnings| !warnings.is_empty()) {
                tracing::warn!("{}", warnings.to_string().trim_end());
            }
            announce(context, in_force).await
        }
    }
}

/// A configuration is in force: the node knows it before anybody is told.
async fn announce(
    context: &Context,
    InForce { version, alike, text }: InForce,
) -> Result<(), Reply> {
    if alike {
        tracing::info!("{text}");
        command(context, Command::Configure { version }).await?;
    } else {
        tracing::warn!("{text}");
    }
    context.listeners.configured(version);
    context.publish_now(Event::Config(ConfigEvent { config_version: version, other: None, text }));
    Ok(())
}

async fn command(context: &Context, command: Command) -> Result<(), Reply> {
    match context.engine.command(command).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(why)) => Err(refused(ErrorCode::Refused, why.to_string(), "")),
        Err(error) => Err(Reply::Error(no_answer(error))),
    }
}

/// Why a file cannot be used.
#[derive(Debug)]
struct Trouble {
    /// Where and what, in a sentence.
    text: String,
    advice: String,
}

impl Trouble {
    fn reply(self, in_force: u64) -> Reply {
        let text = format!("version {in_force} stays in force: {}", self.text);
        refused(ErrorCode::Invalid, text, &self.advice)
    }
}

impl From<StartError> for Trouble {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Config(problems) => {
                let is_error = |problem: &&Diagnostic| problem.severity == Severity::Error;
                let first = problems.iter().find(is_error);
                let Some(first) = first else {
                    return Self { text: problems.to_string(), advice: String::new() };
                };
                let (file, message) = (problems.file_name(), &first.message);
                let text = match (first.line, first.column) {
                    (0, _) => format!("{file}: {message}"),
                    (line, column) => format!("{file}:{line}:{column}: {message}"),
                };
                Self { text, advice: first.help.clone() }
            }
            error => Self { text: error.to_string(), advice: String::new() },
        }
    }
}

/// Reads the file, on a thread of its own: the disk may take its time.
async fn read(path: &Path) -> Result<Parsed, Trouble> {
    let (sender, found) = oneshot::channel();
    let file = path.to_owned();
    let reader = move || drop(sender.send(startup::parse_config(&file)));
    let started =
        thread::Builder::new().name("cman-config".into()).stack_size(STACK_BYTES).spawn(reader);
    match (started, found.await) {
        (_, Ok(found)) => found.map_err(Trouble::from),
        (Err(error), _) => Err(Trouble::from(StartError::from(error))),
        // A panic would have been the end of the process.
        (Ok(_), Err(_)) => Err(Trouble::from(StartError::from(std::io::Error::other("no answer")))),
    }
}
