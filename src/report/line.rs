//! [`Line`]: a line of output as pieces of text with a tone each.
//!
//! Every text enters a line through one function that neutralises it, so nothing that AWS or a
//! container wrote can reach a terminal raw. Colours are added last, so widths are exact.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::style::{Mark, Style, Tone};
use super::text::neutralise;

/// A line of output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    spans: Vec<(Tone, String)>,
}

impl Line {
    /// An empty line.
    pub fn new() -> Self {
        Self::default()
    }

    /// A line that starts with a mark, and a space after it, aligned for `style`.
    pub fn marked(mark: Mark, style: Style) -> Self {
        Self::new().tone(mark.tone(), style.mark(mark)).pad(style.mark_width() + 1)
    }

    /// Adds text.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.tone(Tone::Normal, text)
    }

    /// Adds text with a tone.
    #[must_use]
    pub fn tone(mut self, tone: Tone, text: &str) -> Self {
        self.push(tone, &neutralise(text));
        self
    }

    /// Adds the pieces of another line.
    #[must_use]
    pub fn join(mut self, other: Self) -> Self {
        for (tone, text) in other.spans {
            self.push(tone, &text);
        }
        self
    }

    /// Adds spaces up to a column.
    #[must_use]
    pub fn pad(mut self, column: usize) -> Self {
        let missing = column.saturating_sub(self.width());
        self.push(Tone::Normal, &" ".repeat(missing));
        self
    }

    /// The same line, `columns` further to the right.
    #[must_use]
    pub fn indent(self, columns: usize) -> Self {
        Self::new().pad(columns).join(self)
    }

    fn push(&mut self, tone: Tone, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.spans.last_mut() {
            Some((last, existing)) if *last == tone => existing.push_str(text),
            _ => self.spans.push((tone, text.to_owned())),
        }
    }

    /// Columns that it takes on a terminal.
    pub fn width(&self) -> usize {
        self.spans.iter().map(|(_, text)| text.width()).sum()
    }

    /// Cut to `max` columns, with an ellipsis where something is missing.
    #[must_use]
    pub fn truncate(self, max: usize, style: Style) -> Self {
        if self.width() <= max {
            return self;
        }
        let room = max.saturating_sub(style.ellipsis().width());
        let mut out = Self::new();
        let mut used = 0;
        for (tone, text) in &self.spans {
            for c in text.chars() {
                let width = c.width().unwrap_or(0);
                if used + width > room {
                    out.push(*tone, style.ellipsis());
                    return out;
                }
                used += width;
                out.push(*tone, c.encode_utf8(&mut [0; 4]));
            }
        }
        out
    }

    /// Adds text at the right end of `width` columns; what is there already is cut to make room.
    #[must_use]
    pub fn right(self, tone: Tone, text: &str, width: usize, style: Style) -> Self {
        let start = width.saturating_sub(neutralise(text).width());
        self.truncate(start.saturating_sub(1), style).pad(start).tone(tone, text)
    }

    /// Broken into lines of at most `width` columns, all but the first indented by `hanging`.
    ///
    /// A word that is longer than a line stays whole: what is copied from a terminal (an ARN, a
    /// command) must not have line breaks in it.
    pub fn wrap(self, width: Option<usize>, hanging: usize) -> Vec<Self> {
        let Some(width) = width.filter(|width| self.width() > *width) else { return vec![self] };
        let mut lines = Vec::new();
        let mut line = Self::new();
        let mut has_word = false;
        for (word, space) in self.words() {
            if has_word && line.width() + word.width() > width {
                lines.push(std::mem::take(&mut line));
                line = line.pad(hanging);
            }
            has_word |= word.width() > 0;
            line = line.join(word).join(space);
        }
        lines.push(line);
        lines
    }

    /// Words, each with the spaces that follow it. Leading spaces are a word without letters.
    fn words(&self) -> Vec<(Self, Self)> {
        let mut words: Vec<(Self, Self)> = vec![(Self::new(), Self::new())];
        for (tone, text) in &self.spans {
            for c in text.chars() {
                let mut buffer = [0; 4];
                let c: &str = c.encode_utf8(&mut buffer);
                let ended = words.last().is_some_and(|(_, space)| !space.spans.is_empty());
                if c != " " && ended {
                    words.push((Self::new(), Self::new()));
                }
                if let Some((word, space)) = words.last_mut() {
                    if c == " " { space.push(*tone, c) } else { word.push(*tone, c) }
                }
            }
        }
        words
    }

    /// The text with the colours of `style`; spaces at the end are left out.
    pub fn render(&self, style: Style) -> String {
        let mut spans = self.spans.clone();
        while let Some((_, text)) = spans.last_mut() {
            text.truncate(text.trim_end().len());
            if !text.is_empty() {
                break;
            }
            spans.pop();
        }
        spans.iter().map(|(tone, text)| style.paint(*tone, text)).collect()
    }
}

/// Renders lines, each with a line break after it.
pub(super) fn render_all(lines: &[Line], style: Style) -> String {
    lines.iter().flat_map(|line| [line.render(style), "\n".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLOR: Style = Style { color: true, unicode: true, width: Some(20) };

    fn texts(lines: &[Line]) -> Vec<String> {
        lines.iter().map(|line| line.render(Style::ASCII)).collect()
    }

    #[test]
    fn text_is_neutralised_on_its_way_in() {
        let line = Line::new().text("a\u{1b}[2Jb\n::c");
        assert_eq!(line.render(Style::ASCII), "ab ::c");
    }

    #[test]
    fn colour_appears_only_where_asked_for() {
        let line = Line::marked(Mark::Failed, COLOR).tone(Tone::Strong, "no");
        assert_eq!(line.render(COLOR), "\u{1b}[31m✗\u{1b}[0m \u{1b}[1mno\u{1b}[0m");
        assert_eq!(line.render(Style { color: false, ..COLOR }), "✗ no");
    }

    #[test]
    fn wide_characters_count_twice() {
        let line = Line::new().text("작업이 시작").truncate(6, Style::ASCII);
        assert_eq!(line.render(Style::ASCII), "작...");
        assert!(line.width() <= 6);
    }

    #[test]
    fn wrapping_keeps_words_whole_and_indents_what_follows() {
        let line = Line::new().text("  cause: the image is gone and arn:aws:ecs:region:1:x/y/z stays whole");
        assert_eq!(
            texts(&line.wrap(Some(20), 9)),
            [
                "  cause: the image",
                "         is gone and",
                "         arn:aws:ecs:region:1:x/y/z",
                "         stays whole"
            ]
        );
    }

    #[test]
    fn the_right_column_is_kept_free() {
        let line = Line::new().text("a long text that is cut").right(Tone::Dim, "1.0 s", 20, COLOR);
        assert_eq!(line.render(Style::ASCII), "a long text t… 1.0 s");
        assert_eq!(line.width(), 20);
    }
}
