//! Which form of output a run gets.

use clap::ValueEnum;

use super::style::Style;

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Format {
    /// Live rows and bars for a person at a terminal
    Human,
    /// One line per change, for logs
    Plain,
    /// One JSON object per line
    Json,
    /// A comment for a pull request, on standard output; what goes on, plain on standard error
    Markdown,
    /// Lines for the log of GitHub Actions
    Github,
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        <Self as ValueEnum>::from_str(text, false).map_err(|_| {
            format!("unknown output format `{text}` (known: human, plain, json, markdown, github)")
        })
    }
}

/// What the caller has found out about where the output goes. Nothing here is looked up by this
/// module, so that every combination can be tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Standard error is a terminal that can move its cursor (not `TERM=dumb`).
    pub stderr_is_terminal: bool,
    /// `CI` is set, or another sign of a build.
    pub ci: bool,
    /// `GITHUB_ACTIONS` is `true`.
    pub github_actions: bool,
    /// `NO_COLOR` or `--no-color`.
    pub no_color: bool,
    /// The locale's character set is UTF-8.
    pub unicode: bool,
    /// Columns of the terminal.
    pub width: Option<u16>,
    /// Rows of the terminal.
    pub height: Option<u16>,
}

impl Terminal {
    /// How text looks in `format`: colours and line breaks are for people at a terminal alone.
    pub fn style(&self, format: Format) -> Style {
        match format {
            Format::Human => Style {
                color: !self.no_color && self.stderr_is_terminal,
                unicode: self.unicode,
                width: Some(usize::from(self.width.unwrap_or(80)).max(40)),
            },
            Format::Plain | Format::Json | Format::Markdown | Format::Github => {
                Style { color: false, unicode: self.unicode, width: None }
            }
        }
    }
}

/// The format that was asked for, or the one that fits.
///
/// The live display needs a terminal on both ends: it draws on standard error, and a standard
/// output that leads elsewhere (`landfall deploy | tee log`) means that the lines are wanted there.
pub fn choose(requested: Option<Format>, terminal: Terminal) -> Format {
    match requested {
        Some(format) => format,
        None if terminal.github_actions => Format::Github,
        None if terminal.ci || !terminal.stdout_is_terminal || !terminal.stderr_is_terminal => Format::Plain,
        None => Format::Human,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_A_DESK: Terminal = Terminal {
        stdout_is_terminal: true,
        stderr_is_terminal: true,
        ci: false,
        github_actions: false,
        no_color: false,
        unicode: true,
        width: Some(80),
        height: Some(24),
    };

    #[test]
    fn a_person_gets_the_live_display_and_a_log_gets_lines() {
        assert_eq!(choose(None, AT_A_DESK), Format::Human);
        assert_eq!(choose(None, Terminal { no_color: true, ..AT_A_DESK }), Format::Human);
        assert_eq!(choose(None, Terminal { ci: true, ..AT_A_DESK }), Format::Plain);
        assert_eq!(choose(None, Terminal { stdout_is_terminal: false, ..AT_A_DESK }), Format::Plain);
        assert_eq!(choose(None, Terminal { stderr_is_terminal: false, ..AT_A_DESK }), Format::Plain);
        assert_eq!(choose(None, Terminal { ci: true, github_actions: true, ..AT_A_DESK }), Format::Github);
    }

    #[test]
    fn what_is_asked_for_wins() {
        let action = Terminal { ci: true, github_actions: true, ..AT_A_DESK };
        for format in [Format::Human, Format::Plain, Format::Json, Format::Markdown, Format::Github] {
            assert_eq!(choose(Some(format), action), format);
        }
    }

    #[test]
    fn formats_have_names() {
        assert_eq!("json".parse(), Ok(Format::Json));
        assert!(
            "xml"
                .parse::<Format>()
                .is_err_and(|error| error.contains("human, plain, json, markdown, github"))
        );
    }

    #[test]
    fn colour_is_for_a_person_who_did_not_decline_it() {
        assert!(AT_A_DESK.style(Format::Human).color);
        assert!(!Terminal { no_color: true, ..AT_A_DESK }.style(Format::Human).color);
        assert!(!AT_A_DESK.style(Format::Plain).color);
    }
}
