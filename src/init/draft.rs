//! What `init` came to.

use serde::Serialize;

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Draft {
    /// Its name in the folder that is written to.
    pub name: String,
    /// What it holds.
    #[serde(skip)]
    pub text: String,
}

/// Something that a person has to know or to do. Never has a value of a variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// `FILE:LINE` of what it is about, where it is about a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// A sentence.
    pub text: String,
}

impl Note {
    /// Without a place.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { place: None, text: text.into() }
    }

    /// About a line.
    pub(super) fn at(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { place: Some(place.into()), text: text.into() }
    }
}

/// Files to write, and what to know about them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Drafted {
    /// The files; `landfall.yml` is the first.
    pub files: Vec<Draft>,
    /// In the order in which they were found.
    pub notes: Vec<Note>,
}

impl Drafted {
    /// For a person: what was written, and what to know.
    pub fn text(&self) -> String {
        let mut text: String = self.files.iter().map(|file| format!("wrote {}\n", file.name)).collect();
        for Note { place, text: note } in &self.notes {
            match place {
                Some(place) => text.push_str(&format!("note: {place}: {note}\n")),
                None => text.push_str(&format!("note: {note}\n")),
            }
        }
        text.push_str("Look at what would change: landfall deploy --dry-run\n");
        text
    }
}
