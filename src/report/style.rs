//! How text looks: colours, marks, width.

use anstyle::{AnsiColor, Effects};

/// Whether to colour, which characters to use, and where to break lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// ANSI colours. Nothing is told by colour alone.
    pub color: bool,
    /// Marks outside ASCII.
    pub unicode: bool,
    /// Columns at which text is wrapped; `None` leaves lines whole.
    pub width: Option<usize>,
}

impl Style {
    /// No colours, ASCII, lines left whole: for files and logs.
    pub const ASCII: Self = Self { color: false, unicode: false, width: None };

    /// A mark in the characters of this style.
    pub fn mark(self, mark: Mark) -> &'static str {
        match (mark, self.unicode) {
            (Mark::Done, true) => "✓",
            (Mark::Done, false) => "ok",
            (Mark::Failed, true) => "✗",
            (Mark::Failed, false) => "x",
            (Mark::Warning, _) => "!",
            (Mark::Info, true) => "·",
            (Mark::Info, false) => "-",
        }
    }

    /// Columns that the widest mark takes, so that what follows is aligned.
    pub fn mark_width(self) -> usize {
        if self.unicode { 1 } else { 2 }
    }

    /// `old -> new`
    pub fn arrow(self) -> &'static str {
        if self.unicode { "→" } else { "->" }
    }

    /// What stands for text that was cut off.
    pub fn ellipsis(self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }

    /// One frame of the spinner.
    pub fn spinner(self, elapsed_ms: u64) -> &'static str {
        const UNICODE: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
        const ASCII: [&str; 4] = ["|", "/", "-", "\\"];
        let frames: &[&str] = if self.unicode { &UNICODE } else { &ASCII };
        // The remainder of a division by a length that is at most 10 fits every integer.
        frames[(elapsed_ms / 100 % frames.len() as u64) as usize]
    }

    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        match (self.color, tone.ansi()) {
            (true, Some(style)) => format!("{style}{text}{style:#}"),
            _ => text.to_owned(),
        }
    }
}

/// What stands before a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It went well.
    Done,
    /// It did not.
    Failed,
    /// Worth a look.
    Warning,
    /// Worth knowing.
    Info,
}

impl Mark {
    /// The tone that goes with it.
    pub fn tone(self) -> Tone {
        match self {
            Self::Done => Tone::Good,
            Self::Failed => Tone::Bad,
            Self::Warning => Tone::Warn,
            Self::Info => Tone::Dim,
        }
    }
}

/// What a piece of text means for the eye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As the terminal has it.
    Normal,
    /// What to read first.
    Strong,
    /// What can be skipped.
    Dim,
    /// Good news.
    Good,
    /// Bad news.
    Bad,
    /// Doubtful news.
    Warn,
}

impl Tone {
    fn ansi(self) -> Option<anstyle::Style> {
        let color = |color: AnsiColor| Some(color.on_default());
        match self {
            Self::Normal => None,
            Self::Strong => Some(anstyle::Style::new().effects(Effects::BOLD)),
            Self::Dim => Some(anstyle::Style::new().effects(Effects::DIMMED)),
            Self::Good => color(AnsiColor::Green),
            Self::Bad => color(AnsiColor::Red),
            Self::Warn => color(AnsiColor::Yellow),
        }
    }
}
