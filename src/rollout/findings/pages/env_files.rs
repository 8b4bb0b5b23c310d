//! The pages of what is found in `.env` files.

use landfall_envfile::Code;

use super::page::Page;

const GROUP: &str = "Env files";
/// AWS's page on env files.
const AWS_PAGE: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/use-environment-file.html";

const REPAIRS: &str = "It stores what was meant and says so; with policy strict it refuses the file.";
const WARNS: &str = "It warns and stores the line as it is; with policy strict it refuses the file.";
const REFUSES: &str = "It refuses the file, before anything is changed.";

pub(super) fn pages() -> Vec<Page> {
    Code::ALL.into_iter().map(of).collect()
}

fn of(code: Code) -> Page {
    let (cause, fix, landfall) = texts(code);
    let mut title = code.title().to_owned();
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Page {
        code: code.as_str().to_owned(),
        group: GROUP,
        title,
        cause: cause.to_owned(),
        fix: fix.iter().map(|step| (*step).to_owned()).collect(),
        checks: vec!["landfall env check FILE"],
        table: None,
        landfall: landfall.to_owned(),
        texts: Vec::new(),
        aws_page: Some(AWS_PAGE.to_owned()),
    }
}

/// Cause, fix, and what the default policy does.
fn texts(code: Code) -> (&'static str, &'static [&'static str], &'static str) {
    match code {
        Code::Quotes => (
            "ECS takes everything behind the first `=` as the value, quotes included. Dotenv libraries take them off.",
            &["Write the value without quotes, or let `landfall env check --fix` do it."],
            REPAIRS,
        ),
        Code::InlineComment => (
            "ECS knows comments only where `#` is the first character of a line.",
            &["Put the comment on a line of its own."],
            REPAIRS,
        ),
        Code::Export => (
            "ECS takes everything before the first `=` as the name, so the variable is called `export NAME`.",
            &["Take `export` away."],
            REPAIRS,
        ),
        Code::Empty => (
            "Fargate passes over a line with nothing behind `=`: the variable is not set at all, which many programs \
             do not take for empty.",
            &["Leave it to Landfall, or set the empty value in `environment` of the task definition."],
            "It puts the name into `environment` of the task definition, which can hold an empty value; with policy \
             strict it refuses the file.",
        ),
        Code::Interpolation => (
            "ECS replaces nothing: `$NAME` and `${NAME}` reach the container as they are.",
            &[
                "Write the value itself, or set `interpolate: true` for the file: names that the same file sets \
                 further up are replaced then.",
                "Where the `$` is meant, put the value between single quotes, or allow the code for the file.",
            ],
            "It warns and stores the text as it is. With `interpolate: true` it replaces what the same file sets \
             further up, and refuses any other name.",
        ),
        Code::OuterSpace => (
            "ECS keeps spaces at both ends of a value. Dotenv libraries take them off.",
            &["Take the spaces away, or put quotes around a value that needs them."],
            REPAIRS,
        ),
        Code::NameSpaces => (
            "ECS keeps spaces around a name, and no program asks for such a variable.",
            &["Take the spaces away."],
            REPAIRS,
        ),
        Code::NameUnusual => (
            "The container can have the variable, but a shell cannot read it and may not pass it on.",
            &["Use letters, digits and `_`, unless the program wants exactly this name."],
            WARNS,
        ),
        Code::NameInvalid => (
            "What stands before `=` is empty or holds spaces, so that nobody can know which variable was meant.",
            &["Correct the name."],
            REFUSES,
        ),
        Code::NoEquals => (
            "ECS passes over a line without `=`. Docker takes the value from the machine; ECS has none.",
            &["Write NAME=VALUE, or remove the line."],
            REFUSES,
        ),
        Code::Duplicate => (
            "AWS does not say which of two lines with one name counts on Fargate.",
            &["Remove one of the lines."],
            "It refuses the file, unless both lines say the same: then it stores one of them.",
        ),
        Code::MultiLine => (
            "ECS reads line by line: the first line of the value is the variable, and the others are strange \
             variables or nothing.",
            &["Write the value on one line, such as base64, or keep it as a secret."],
            REFUSES,
        ),
        Code::UnbalancedQuote => (
            "A quote is opened and not closed, so that nobody can know where the value ends.",
            &["Close the quote, or remove it."],
            REFUSES,
        ),
        Code::Ambiguous => (
            "The value holds quotes, backslashes or `#` that dotenv libraries read in different ways. ECS keeps every \
             character.",
            &["Check that the container is to have the value exactly as it is written."],
            WARNS,
        ),
        Code::IndentedComment => (
            "ECS knows comments only where `#` is the first character of a line: this one becomes a variable where it \
             has a `=`.",
            &["Move the `#` to the first column."],
            REPAIRS,
        ),
        Code::Bom => (
            "An editor put three invisible bytes in front of the file. They become part of the first variable's name.",
            &["Save the file as UTF-8 without a byte-order mark."],
            REPAIRS,
        ),
        Code::Crlf => (
            "The lines end as on Windows. On EC2 the CR is taken off; for Fargate AWS does not say.",
            &["Save the file with LF line ends."],
            REPAIRS,
        ),
        Code::NotUtf8 => (
            "A file in another encoding keeps every task from starting.",
            &["Save the file as UTF-8."],
            REFUSES,
        ),
        Code::ControlCharacter => (
            "The value holds a character that nobody sees. NUL and CR cannot be in a variable.",
            &["Type the value anew."],
            "It warns and stores the line as it is; NUL and CR it refuses.",
        ),
        Code::LineTooLong => (
            "ECS reads lines up to 64 KiB, and nothing of a file that has a longer one.",
            &["Keep the value elsewhere, such as in S3 or a secret, and give the program its name."],
            REFUSES,
        ),
        Code::FileTooLong => (
            "The kernel starts no program with so many variables: argument list too long.",
            &["Keep large values elsewhere, and give the program their names."],
            REFUSES,
        ),
        Code::TooManyFiles => {
            ("ECS registers no revision with more than 10 env files.", &["Put files together."], REFUSES)
        }
        Code::InEnvironment => (
            "`environment` of the task definition beats every file, so the file's value never arrives.",
            &["Remove the name from the file or from `environment`."],
            "It warns.",
        ),
        Code::InSecrets => (
            "AWS does not say whether the file or the secret counts.",
            &["Remove the name from the file or from `secrets`."],
            REFUSES,
        ),
        Code::Credential => (
            "A value in an env file can be read by everyone who may read the object in S3.",
            &[
                "Keep the value in Secrets Manager or Parameter Store, and name it under `secrets`.",
                "Where it is none, or may be there, allow the code for the file: `allow: [env-credential]`.",
            ],
            WARNS,
        ),
    }
}
