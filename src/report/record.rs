//! [`Recorder`]: the records of a run in a file, to be replayed later.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::json::json_line;
use super::reporter::Reporter;
use crate::error::{Error, Result};
use crate::event::Record;
use crate::state::RunState;

/// Writes records to a file that only its owner can read, as newline-delimited JSON.
#[derive(Debug)]
pub struct Recorder {
    file: File,
}

impl Recorder {
    /// Creates the file, or empties the one that is there.
    pub fn create(path: &Path) -> Result<Self> {
        create_private(path).map(|file| Self { file }).map_err(|source| {
            Error::usage(format!("cannot write the recording {}", path.display()))
                .hint("give --record a path in a directory that exists and that you may write to")
                .source(source)
        })
    }
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        let file = options.mode(0o600).open(path)?;
        // The mode above holds for a new file only. A pipe or device has no mode of ours to set.
        if file.metadata()?.is_file() {
            file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        }
        Ok(file)
    }
    #[cfg(not(unix))]
    options.open(path)
}

impl Reporter for Recorder {
    fn on_event(&mut self, record: &Record, _state: &RunState) -> io::Result<()> {
        // One write a line and no buffer: what is recorded so far outlives a killed process.
        self.file.write_all(json_line(record)?.as_bytes())
    }

    fn finish(&mut self, _state: &RunState) -> io::Result<()> {
        self.file.flush()
    }
}
