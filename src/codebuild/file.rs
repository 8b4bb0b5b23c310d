//! A file that is written at the end, at once or not at all.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::Builder;

use crate::error::{Error, Result};

/// Refuses a place that nothing can be written to, before the run has done anything. `flag` is what named it.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where the folder is missing, or a folder has that name.
pub(super) fn check(path: &Path, flag: &str) -> Result<()> {
    let refuse = |why: &str| {
        Err(Error::usage(format!("cannot write {}: {why}", path.display()))
            .hint(format!("Give {flag} a path in a folder that exists.")))
    };
    if !folder(path).is_dir() {
        return refuse("its folder does not exist");
    }
    if path.is_dir() || path.file_name().is_none() {
        return refuse("it is a folder");
    }
    Ok(())
}

/// Puts the file there, whole, in the place of one that may be there.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut builder = Builder::new();
    builder.prefix(".landfall-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any other file: whoever collects artifacts may be another user.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder(path))?;
    file.write_all(content)?;
    file.persist(path).map(|_| ()).map_err(|error| error.error)
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
