//! Writing a file at once or not at all.

use std::fs::Permissions;
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::error::{Error, Result};

/// Writes a new file that only its owner can read, from its first byte on. One that is there is replaced only
/// with `replace`.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) naming the file.
pub(super) fn write_private(path: &Path, content: &[u8], replace: bool) -> Result<()> {
    // The temporary file has mode 0600 where there are modes.
    let file = filled(path, content, None).map_err(|error| cannot_write(path, error))?;
    if replace {
        file.persist(path).map_err(|error| cannot_write(path, error.error))?;
        return Ok(());
    }
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Err(there_is(path)),
        Err(error) => Err(cannot_write(path, error.error)),
    }
}

/// Replaces the content of a file, and keeps its mode. Of a symbolic link it is the target that is replaced.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) naming the file.
pub(super) fn replace_content(path: &Path, content: &[u8]) -> Result<()> {
    let replace = || {
        let target = path.canonicalize()?;
        let mode = std::fs::metadata(&target)?.permissions();
        filled(&target, content, Some(mode))?.persist(&target).map_err(|error| error.error)
    };
    replace().map(|_| ()).map_err(|error| cannot_write(path, error))
}

/// Refuses to go on where a file is already.
pub(super) fn there_is(path: &Path) -> Error {
    Error::usage(format!("there is a file {} already", path.display()))
        .hint("Name another one, or add --force to replace it.")
}

/// A temporary file beside `path`, so that it can take its place.
fn filled(path: &Path, content: &[u8], mode: Option<Permissions>) -> std::io::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut file = Builder::new().prefix(".landfall-").tempfile_in(folder)?;
    file.write_all(content)?;
    if let Some(mode) = mode {
        file.as_file().set_permissions(mode)?;
    }
    // What takes the file's place must be whole, even if the machine stops now.
    file.as_file().sync_all()?;
    Ok(file)
}

fn cannot_write(path: &Path, error: std::io::Error) -> Error {
    Error::usage(format!("cannot write {}", path.display()))
        .source(error)
        .hint("Check that its folder exists and that you may write there.")
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_file_is_private_and_an_old_one_is_not_replaced_by_accident() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new.env");
        write_private(&path, b"A=1\n", false).unwrap();
        assert_eq!(mode(&path), 0o600);
        let error = write_private(&path, b"A=2\n", false).unwrap_err();
        assert!(error.hint_text().unwrap().contains("--force"));
        assert_eq!(std::fs::read(&path).unwrap(), b"A=1\n");
        write_private(&path, b"A=2\n", true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"A=2\n");
        assert!(write_private(&folder.path().join("none/x.env"), b"", false).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn a_replaced_file_keeps_its_mode_and_the_link_that_leads_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("real.env"), folder.path().join("link.env"));
        std::fs::write(&file, "A='1'\n").unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        symlink("real.env", &link).unwrap();
        replace_content(&link, b"A=1\n").unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!((std::fs::read(&file).unwrap(), mode(&file)), (b"A=1\n".to_vec(), 0o640));
    }
}
