//! The table of everything that can be found.

/// What is wrong, by a stable name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// A byte-order mark.
    Bom,
    /// Not UTF-8.
    NotUtf8,
    /// Lines end with CRLF.
    Crlf,
    /// Quotes around a value.
    Quotes,
    /// A comment behind a value.
    InlineComment,
    /// `export` in front of a name.
    Export,
    /// `$NAME` or `${NAME}`.
    Interpolation,
    /// Nothing behind `=`.
    Empty,
    /// A name that the file has already.
    Duplicate,
    /// Spaces around a name.
    NameSpaces,
    /// A name that a container can have and a shell cannot read.
    NameUnusual,
    /// What stands in front of `=` is no name.
    NameInvalid,
    /// A line without `=`.
    NoEquals,
    /// A comment that does not begin in the first column.
    IndentedComment,
    /// A value of several lines.
    MultiLine,
    /// Spaces around a value.
    OuterSpace,
    /// A quote that is not closed.
    UnbalancedQuote,
    /// Quotes or backslashes that dotenv libraries read in different ways.
    Ambiguous,
    /// A character that a value cannot hold, or that nobody types.
    ControlCharacter,
    /// A line that ECS cannot read.
    LineTooLong,
    /// More than a process can be started with.
    FileTooLong,
    /// More files than a task definition may name.
    TooManyFiles,
    /// The name stands in `environment` too.
    InEnvironment,
    /// The name stands in `secrets` too.
    InSecrets,
    /// A value that looks like a credential.
    Credential,
}

/// What the default policy does about a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// What is stored has the meaning.
    Repair,
    /// What is stored is what the file says, as ECS reads it.
    Keep,
    /// Nothing is stored: nobody can know what was meant, or ECS cannot have it.
    Refuse,
}

/// One thing that was found. None of its texts holds a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub code: Code,
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters.
    pub column: u32,
    /// The variable, where its name may be shown.
    pub name: Option<String>,
    /// What the container gets of the file as it is.
    pub gets: String,
    /// What was probably meant.
    pub meant: String,
    /// What to write instead.
    pub fix: String,
    /// What the default policy does about it.
    pub remedy: Remedy,
}

impl Code {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 25] = [
        Self::Quotes,
        Self::InlineComment,
        Self::Export,
        Self::Empty,
        Self::Interpolation,
        Self::OuterSpace,
        Self::NameSpaces,
        Self::NameUnusual,
        Self::NameInvalid,
        Self::NoEquals,
        Self::Duplicate,
        Self::MultiLine,
        Self::UnbalancedQuote,
        Self::Ambiguous,
        Self::IndentedComment,
        Self::Bom,
        Self::Crlf,
        Self::NotUtf8,
        Self::ControlCharacter,
        Self::LineTooLong,
        Self::FileTooLong,
        Self::TooManyFiles,
        Self::InEnvironment,
        Self::InSecrets,
        Self::Credential,
    ];

    /// `env-quotes`: what `--allow` takes and reports show.
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    /// What it is, in a few words.
    pub fn title(self) -> &'static str {
        self.row().1
    }

    /// What was repaired, where something was: `quotes removed`.
    pub fn repaired(self) -> &'static str {
        self.row().2
    }

    /// The code of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Bom => ("env-bom", "the file begins with a byte-order mark", "byte-order mark removed"),
            Self::NotUtf8 => ("env-not-utf8", "the file is not UTF-8", ""),
            Self::Crlf => ("env-crlf", "lines end with CRLF", "CRLF replaced by LF"),
            Self::Quotes => ("env-quotes", "quotes are part of the value", "quotes removed"),
            Self::InlineComment => {
                ("env-inline-comment", "a comment is part of the value", "inline comment removed")
            }
            Self::Export => ("env-export", "`export` is part of the name", "`export` removed"),
            Self::Interpolation => {
                ("env-interpolation", "`$` is not replaced", "replaced from the same file")
            }
            Self::Empty => ("env-empty", "an empty variable is not set", "moved to `environment`"),
            Self::Duplicate => ("env-duplicate", "a name stands in the file twice", "written once"),
            Self::NameSpaces => {
                ("env-name-spaces", "spaces are part of the name", "spaces around the name removed")
            }
            Self::NameUnusual => ("env-name-unusual", "shells cannot read a variable of this name", ""),
            Self::NameInvalid => ("env-name-invalid", "what stands before `=` is not a name", ""),
            Self::NoEquals => ("env-no-equals", "a line without `=` is ignored", ""),
            Self::IndentedComment => {
                ("env-indented-comment", "an indented `#` begins no comment", "comment left out")
            }
            Self::MultiLine => ("env-multi-line", "a value ends at the end of its line", ""),
            Self::OuterSpace => {
                ("env-outer-space", "spaces are part of the value", "spaces around the value removed")
            }
            Self::UnbalancedQuote => ("env-unbalanced-quote", "a quote is not closed", ""),
            Self::Ambiguous => ("env-ambiguous", "dotenv libraries read this in different ways", ""),
            Self::ControlCharacter => {
                ("env-control-character", "a control character is part of the value", "")
            }
            Self::LineTooLong => ("env-line-too-long", "a line is too long for ECS", ""),
            Self::FileTooLong => ("env-file-too-long", "the variables are too many for a process", ""),
            Self::TooManyFiles => ("env-too-many-files", "a task definition names at most 10 env files", ""),
            Self::InEnvironment => ("env-in-environment", "`environment` sets this name too, and wins", ""),
            Self::InSecrets => ("env-in-secrets", "`secrets` sets this name too", ""),
            Self::Credential => ("env-credential", "the value looks like a credential", ""),
        }
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_one_name() {
        for (index, code) in Code::ALL.iter().enumerate() {
            assert_eq!(Code::parse(code.as_str()), Some(*code));
            assert!(!Code::ALL[..index].contains(code), "{code}");
            assert!(code.as_str().starts_with("env-"), "{code}");
        }
        // The last variant's number: one that is missing from the list would be found here.
        assert_eq!(Code::Credential as usize + 1, Code::ALL.len());
    }
}
