//! [`HtmlReport`]: the page as a file.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::Builder;

use super::super::reporter::Reporter;
use super::page::page;
use crate::event::Record;
use crate::state::RunState;

/// Writes the page when the run has ended, at once or not at all.
#[derive(Debug)]
pub struct HtmlReport {
    path: PathBuf,
}

impl HtmlReport {
    /// The page will be written to `path`; a file that is there is replaced.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }
}

impl Reporter for HtmlReport {
    fn on_event(&mut self, _record: &Record, _state: &RunState) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, state: &RunState) -> io::Result<()> {
        write(&self.path, page(state).as_bytes())
    }
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    // Of a symbolic link it is the target that is replaced.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let there = std::fs::metadata(&target).ok();
    if there.as_ref().is_some_and(|there| !there.is_file()) {
        // A pipe or a device cannot be replaced.
        return File::options().write(true).open(&target)?.write_all(content);
    }
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = Builder::new();
    builder.prefix(".landfall-");
    // It has no secrets, and is to be uploaded and read by others.
    #[cfg(unix)]
    builder.permissions(<Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(content)?;
    if let Some(there) = there {
        file.as_file().set_permissions(there.permissions())?;
    }
    file.persist(&target).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{play, success};
    use super::*;

    #[test]
    fn the_page_replaces_what_was_there_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("page.html");
        std::fs::write(&path, "old").expect("written");
        let state = play(&success(), HtmlReport::new(&path));
        assert_eq!(std::fs::read_to_string(&path).expect("read"), page(&state));
        assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 1);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_of_the_reporter_and_not_of_the_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("none/page.html");
        assert!(HtmlReport::new(&path).finish(&RunState::default()).is_err());
        play(&success(), HtmlReport::new(&path));
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_new_page_can_be_read_by_others_as_far_as_the_umask_lets_them() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let (page, other) = (folder.path().join("page.html"), folder.path().join("other"));
        play(&success(), HtmlReport::new(&page));
        std::fs::write(&other, "").expect("written");
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&page), mode(&other));
    }
}
