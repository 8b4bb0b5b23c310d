//! XML answers as a small tree.

use quick_xml::Reader;
use quick_xml::events::Event;

/// An element: its name without a prefix, its text and its children.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::aws) struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// The root of a document.
    ///
    /// # Errors
    /// A sentence for a person, where it is not XML or ends early.
    pub(in crate::aws) fn parse(document: &str) -> Result<Self, String> {
        let mut reader = Reader::from_str(document);
        // The last one is the element that is open; the first one stands for the document.
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().map_err(|error| error.to_string())? {
                Event::Start(start) => open.push(Self::named(start.local_name().as_ref())),
                Event::Empty(start) => close(&mut open, Self::named(start.local_name().as_ref())),
                Event::End(_) => {
                    let ended = open.pop().unwrap_or_default();
                    close(&mut open, ended);
                }
                Event::Text(text) => {
                    let text = text.decode().map_err(|error| error.to_string())?;
                    add_text(&mut open, &text);
                }
                Event::CData(data) => {
                    let text = data.decode().map_err(|error| error.to_string())?;
                    add_text(&mut open, &text);
                }
                Event::GeneralRef(reference) => {
                    let character = reference.resolve_char_ref().map_err(|error| error.to_string())?;
                    let name = reference.decode().map_err(|error| error.to_string())?;
                    match character {
                        Some(character) => add_text(&mut open, character.encode_utf8(&mut [0; 4])),
                        None => match quick_xml::escape::resolve_xml_entity(&name) {
                            Some(text) => add_text(&mut open, text),
                            None => return Err(format!("the entity &{name}; is not known")),
                        },
                    }
                }
                Event::Eof => break,
                Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_) => {}
            }
        }
        let mut document = open.pop().unwrap_or_default();
        match document.children.pop() {
            Some(root) if open.is_empty() => Ok(root),
            Some(_) => Err("it ends within an element".to_owned()),
            None => Err("it has no element".to_owned()),
        }
    }

    fn named(name: &[u8]) -> Self {
        Self { name: String::from_utf8_lossy(name).into_owned(), ..Self::default() }
    }

    /// The first child of this name.
    pub(in crate::aws) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first child of this name; an empty one is none.
    pub(in crate::aws) fn text(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim()).filter(|text| !text.is_empty())
    }

    /// The text of the first child of this name, owned and empty where there is none.
    pub(in crate::aws) fn string(&self, name: &str) -> String {
        self.text(name).unwrap_or_default().to_owned()
    }

    /// A child with `true`; absent is no.
    pub(in crate::aws) fn flag(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// The entries of a list: `item` in EC2's flavour, `member` in the others'.
    pub(in crate::aws) fn items(&self, name: &str) -> impl Iterator<Item = &Self> {
        self.child(name).into_iter().flat_map(|list| &list.children)
    }

    /// The texts of the entries of a list.
    pub(in crate::aws) fn texts(&self, name: &str) -> Vec<String> {
        self.items(name).map(|item| item.text.trim().to_owned()).collect()
    }

    /// The first element of this name at any depth, itself included.
    pub(super) fn find(&self, name: &str) -> Option<&Self> {
        if self.name == name {
            return Some(self);
        }
        self.children.iter().find_map(|child| child.find(name))
    }
}

fn add_text(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn close(open: &mut [Element], element: Element) {
    if let Some(parent) = open.last_mut() {
        parent.children.push(element);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_texts_and_lists_are_read() {
        let document = r#"<?xml version="1.0"?>
            <R xmlns="http://x/"><set><item><id>a</id></item><item><id>b &amp; &#60;c</id><on>true</on></item></set>
            <n:empty/><list><member>1</member><member>2</member></list></R>"#;
        let root = Element::parse(document).unwrap();
        let items: Vec<_> = root.items("set").map(|item| item.string("id")).collect();
        assert_eq!(items, ["a", "b & <c"]);
        assert_eq!(root.items("set").map(|item| item.flag("on")).collect::<Vec<_>>(), [false, true]);
        assert_eq!(root.texts("list"), ["1", "2"]);
        assert_eq!((root.text("empty"), root.text("none")), (None, None));
        assert_eq!(root.items("none").count(), 0);
        assert_eq!(root.find("on").map(|on| on.text.as_str()), Some("true"));
    }

    #[test]
    fn what_is_no_whole_document_is_an_error() {
        for broken in ["", "no XML", "<a><b></b>", "<a></b>", "<a>&made-up;</a>"] {
            assert!(Element::parse(broken).is_err(), "{broken}");
        }
    }
}
