//! [`Html`]: markup that is put together so that it is well-formed, and that no text from outside can be a part of.

use super::super::text::neutralise;

/// An attribute: its name, and a value that may come from anywhere.
pub type Attribute<'a> = (&'static str, &'a str);

/// Markup that grows.
///
/// Names of elements and attributes are texts of this program; everything else is escaped.
#[derive(Debug, Default)]
pub struct Html(String);

impl Html {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// An element with what `content` puts into it.
    pub fn element(
        &mut self,
        name: &'static str,
        attributes: &[Attribute<'_>],
        content: impl FnOnce(&mut Self),
    ) {
        self.start(name, attributes);
        self.0.push('>');
        content(self);
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
        if is_block(name) {
            self.0.push('\n');
        }
    }

    /// An element with a text in it.
    pub fn leaf(&mut self, name: &'static str, attributes: &[Attribute<'_>], text: &str) {
        self.element(name, attributes, |h| h.text(text));
    }

    /// An element that has no content.
    pub fn void(&mut self, name: &'static str, attributes: &[Attribute<'_>]) {
        self.start(name, attributes);
        self.0.push_str("/>");
    }

    /// A text from anywhere, in one line.
    pub fn text(&mut self, text: &str) {
        self.0.push_str(&escape(text));
    }

    /// Lines from anywhere, for an element that keeps line breaks.
    pub fn lines(&mut self, text: &str) {
        for (number, line) in text.lines().enumerate() {
            if number > 0 {
                self.0.push('\n');
            }
            self.text(line);
        }
    }

    /// Text of this program, as it is.
    pub fn raw(&mut self, text: &'static str) {
        self.0.push_str(text);
    }

    /// The markup.
    pub fn into_string(self) -> String {
        self.0
    }

    fn start(&mut self, name: &'static str, attributes: &[Attribute<'_>]) {
        self.0.push('<');
        self.0.push_str(name);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            self.0.push_str(&escape(value));
            self.0.push('"');
        }
    }
}

/// Makes a text harmless in HTML, between tags and in quotes: what steers a display goes, as in every other output, and
/// what means something to HTML becomes a character reference. The only way of a text into the page.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in neutralise(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // No characters, so neither XML nor HTML takes them.
            '\u{fdd0}'..='\u{fdef}' => out.push('\u{fffd}'),
            c if u32::from(c) & 0xfffe == 0xfffe => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// What begins a line of its own, so that the page's source can be read.
fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "li"
            | "tr"
            | "dd"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "section"
            | "table"
            | "svg"
            | "title"
            | "style"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_markup() {
        let mut h = Html::new();
        h.leaf("p", &[("title", "\"><svg onload=alert(1)>")], "</title><script>&amp;'\u{202e}\u{0}\u{fffe}");
        assert_eq!(
            h.into_string(),
            "<p title=\"&quot;&gt;&lt;svg onload=alert(1)&gt;\">&lt;/title&gt;&lt;script&gt;&amp;amp;&#39;\u{fffd}\u{fffd}\u{fffd}</p>\n"
        );
    }

    #[test]
    fn lines_stay_lines_and_lose_what_steers_a_display() {
        let mut h = Html::new();
        h.element("pre", &[], |h| h.lines("one\r\n\u{1b}[31mtwo\u{1b}[0m <b>"));
        assert_eq!(h.into_string(), "<pre>one\ntwo &lt;b&gt;</pre>");
    }
}
