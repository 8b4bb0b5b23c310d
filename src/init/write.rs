//! Files that are written all or not at all.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::draft::Draft;
use crate::error::{Error, Result};

/// Writes files into a folder, which is made where it is missing. A file that is there is left alone unless `force`
/// says otherwise; where one file cannot be written, those before it are as they were.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where a file is there, or cannot be written.
pub fn write_all(folder: &Path, drafts: &[Draft], force: bool) -> Result<()> {
    let there: Vec<String> = drafts
        .iter()
        .map(|draft| folder.join(&draft.name))
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| path.display().to_string())
        .collect();
    if !there.is_empty() && !force {
        let verb = if there.len() == 1 { "is" } else { "are" };
        return Err(Error::usage(format!("{} {verb} there already: nothing was written", there.join(", ")))
            .hint("Choose another folder with --out, or replace what is there with --force."));
    }
    let mut done: Vec<(PathBuf, Option<Vec<u8>>)> = Vec::new();
    for draft in drafts {
        let path = folder.join(&draft.name);
        let before = std::fs::read(&path).ok();
        match write_one(&path, &draft.text, force) {
            Ok(()) => done.push((path, before)),
            Err(error) => {
                for (path, before) in done {
                    // What cannot be put back either is told by the error of the first.
                    let _ = match before {
                        Some(bytes) => std::fs::write(&path, bytes),
                        None => std::fs::remove_file(&path),
                    };
                }
                return Err(Error::usage(format!("cannot write {}: nothing was written", path.display()))
                    .source(error)
                    .hint("Choose a folder that can be written with --out."));
            }
        }
    }
    Ok(())
}

fn write_one(path: &Path, text: &str, force: bool) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut options = std::fs::OpenOptions::new();
    // Another program may have made the file in the meantime.
    match force {
        true => options.write(true).create(true).truncate(true),
        false => options.write(true).create_new(true),
    };
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(name: &str, text: &str) -> Draft {
        Draft { name: name.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn nothing_is_overwritten_without_force() {
        let folder = tempfile::tempdir().unwrap();
        let drafts = [draft("a", "1"), draft("sub/b", "2")];
        write_all(&folder.path().join("new"), &drafts, false).unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join("new").join(name)).unwrap();
        assert_eq!((read("a"), read("sub/b")), ("1".to_owned(), "2".to_owned()));
        let again = [draft("c", "3"), draft("a", "4")];
        let error = write_all(&folder.path().join("new"), &again, false).unwrap_err().to_string();
        assert!(error.contains("a is there already: nothing was written"), "{error}");
        assert!(!folder.path().join("new/c").exists());
        write_all(&folder.path().join("new"), &again, true).unwrap();
        assert_eq!((read("a"), read("c")), ("4".to_owned(), "3".to_owned()));
    }

    #[test]
    fn where_one_cannot_be_written_none_is() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "old").unwrap();
        // A file stands where the folder of the last one should be.
        let drafts = [draft("a", "new"), draft("b", "new"), draft("a/c", "new")];
        let error = write_all(folder.path(), &drafts, true).unwrap_err().to_string();
        assert!(error.contains("nothing was written"), "{error}");
        assert_eq!(std::fs::read_to_string(folder.path().join("a")).unwrap(), "old");
        assert!(!folder.path().join("b").exists());
    }
}
