//! Starting and stopping.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tempfile::TempDir;

use super::{Options, SandboxError};
use crate::{
    server::{ApiCall, BlobStore, Listening, ObjectFiles, Objects, Shared, SharedParts},
    world::{VirtualTime, World, WorldOptions},
};

/// The world starts this long before now, so that its clock is not far ahead of the machine's when
/// a demonstration is over.
const HEAD_START: Duration = Duration::from_secs(600);

/// A running stand-in of AWS on loopback. It stops, and its data is gone, when it is dropped.
pub struct Sandbox {
    // Declared first: the server ends before its folder goes.
    listening: Listening,
    pub(super) shared: Arc<Shared>,
    _folder: TempDir,
}

impl Sandbox {
    /// Starts an empty account. It has to be called within a Tokio runtime with I/O and time.
    ///
    /// Errors: [`SandboxError::Listen`], [`SandboxError::Storage`].
    pub async fn start(options: Options) -> Result<Sandbox, SandboxError> {
        let listen = |source| SandboxError::Listen { port: options.port, source };
        let listener = Listening::bind(options.port).await.map_err(listen)?;
        let host = listener.local_addr().map_err(listen)?.to_string();

        let folder = tempfile::Builder::new().prefix("aws-sandbox-").tempdir()?;
        let buckets = folder.path().join("s3");
        std::fs::create_dir(&buckets)?;
        let files = ObjectFiles::new(buckets);
        let world = World::new(WorldOptions {
            region: options.region.clone(),
            account: options.account.clone(),
            registry_host: host.clone(),
            scenario: options.scenario,
            seed: options.seed,
            start: machine_time() - HEAD_START,
            objects: Box::new(files.clone()),
            blob_mounting: options.blob_mounting,
            token_life: options.token_life,
            denied_actions: options.denied_actions,
        });
        let shared = Arc::new(Shared::new(SharedParts {
            world,
            speed: options.speed,
            objects: Objects::new(files)?,
            blobs: BlobStore::new(folder.path().join("blobs"))?,
            host,
            region: options.region,
            account: options.account,
        }));
        let listening = Listening::serve(listener, Arc::clone(&shared));
        Ok(Sandbox { listening, shared, _folder: folder })
    }

    /// `http://127.0.0.1:PORT`, for every AWS API and S3.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.shared.host)
    }

    /// `127.0.0.1:PORT`, the registry's host in image references. It speaks plain HTTP.
    pub fn registry_host(&self) -> String {
        self.shared.host.clone()
    }

    /// The environment variables that direct AWS tools to the sandbox. The credentials are made up.
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_REGION", self.shared.region.clone()),
            ("AWS_ACCESS_KEY_ID", "AKIASANDBOXSANDBOX00".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "not-a-secret-only-for-the-sandbox".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// Every request so far, in the order in which they were answered.
    pub fn calls(&self) -> Vec<ApiCall> {
        self.shared.journal.calls()
    }

    /// Waits until an operation of this name (`UpdateService`) was answered; at once where it was before.
    pub async fn called(&self, operation: &str) {
        self.shared.journal.called(operation).await;
    }

    /// Closes the port and all connections, and removes the data.
    pub async fn shutdown(self) {
        self.listening.stop().await;
    }
}

fn machine_time() -> VirtualTime {
    // A machine whose clock is before 1970 gets 1970.
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    VirtualTime::from_micros(0) + since_epoch
}
