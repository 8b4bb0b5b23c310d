//! Real task definitions and service definitions of public repositories. They are not in this repository: they are read
//! where they lie beside it. A golden holds positions and codes of our own alone.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use futures_util::FutureExt;
use landfall::lookup::{Account, Expressions, StateSources};
use landfall::service_definition::ServiceDefinition;
use landfall::shape::{Document, Source, check};
use landfall::task_definition::from_file;

use crate::support::root;

/// A folder of the corpus: beside the repository, or where `LANDFALL_CORPUS` says.
pub fn corpus_folder(name: &str) -> PathBuf {
    std::env::var_os("LANDFALL_CORPUS")
        .map_or_else(|| root().join("../shared/corpus"), PathBuf::from)
        .join(name)
}

/// The files of a folder by their number. Nothing where the corpus is not there, which is said.
pub fn corpus(folder: &str) -> BTreeMap<String, (String, String)> {
    let folder = corpus_folder(folder);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("the corpus is not beside the repository: nothing was compared");
        return BTreeMap::new();
    };
    entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            (name[..3].to_owned(), (name, text))
        })
        .collect()
}

/// One line a finding: position and code. A name would be the text of somebody else.
fn told(name: &str, text: &str, document: Document) -> String {
    let source = Source::new(Path::new(name), text);
    let value = match source.value() {
        Ok(value) => value,
        Err(error) => {
            let place: Vec<String> =
                error.to_string().split(':').skip(1).take(2).map(str::to_owned).collect();
            assert!(place.iter().all(|number| number.parse::<usize>().is_ok()), "no position: {error}");
            return format!("{} syntax\n", place.join(":"));
        }
    };
    let mut told = String::new();
    for remark in check(&source, &value, document) {
        let place = remark.place.unwrap_or_else(|| panic!("no position: {remark}"));
        writeln!(told, "{place} {}", remark.trouble.code()).unwrap();
    }
    // As a run reads it, with no variable and no account to look anything up in.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name.trim_end_matches(".template"));
    std::fs::write(&file, text).unwrap();
    let expressions = Expressions::new(HashMap::new(), StateSources::default());
    let account = Account::none("there is no account", "");
    let loaded = match document {
        Document::TaskDefinition => from_file(&file, &expressions, &account)
            .now_or_never()
            .expect("nothing is waited for")
            .map(|loaded| format!("loads with {} containers", loaded.content.containers().count())),
        Document::Service => ServiceDefinition::from_file(&file, &expressions, &account)
            .now_or_never()
            .expect("nothing is waited for")
            .map(|loaded| format!("loads with {} attributes", loaded.content.attributes().len())),
    };
    let end = loaded.unwrap_or_else(|error| {
        let error = error.to_string();
        let rest = error.strip_prefix(&format!("{}:", file.display())).unwrap_or_default();
        let place: Vec<&str> = rest.split(':').take(2).collect();
        assert!(place.iter().all(|number| number.parse::<usize>().is_ok()), "{name}: no position: {error}");
        format!("{} does not load", place.join(":"))
    });
    writeln!(told, "{end}").unwrap();
    told
}

/// `UPDATE_GOLDENS=1` writes them anew; what has changed is to be read.
#[test]
fn findings_are_where_the_goldens_say() {
    let update = std::env::var_os("UPDATE_GOLDENS").is_some();
    for (folder, document) in [("taskdefs", Document::TaskDefinition), ("services", Document::Service)] {
        let mut all = String::new();
        for (number, (name, text)) in corpus(folder) {
            writeln!(all, "# {number}\n{}", told(&name, &text, document)).unwrap();
        }
        if all.is_empty() {
            return;
        }
        let golden = root().join(format!("tests/goldens/{folder}.txt"));
        if update {
            std::fs::write(&golden, &all).unwrap();
        }
        let before = std::fs::read_to_string(&golden).expect("a golden");
        assert!(
            before == all,
            "{folder} differ from their golden; UPDATE_GOLDENS=1 writes it anew, for reading"
        );
    }
}
