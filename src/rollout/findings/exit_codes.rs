//! What the exit code of a container says (facts 5.3, the table of exit codes).

use super::entry::Class::{self, Deterministic, Mixed};

/// The reading of one exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExitCode {
    /// In a few words: `SIGKILL`.
    pub meaning: String,
    /// Whether waiting can help.
    pub class: Class,
    /// Why that happens.
    pub cause: &'static str,
    /// What to do.
    pub fix: &'static str,
}

const LOGS: &str = "Look at the container's last log lines.";

const KNOWN: &[(i32, &str, Class, &str, &str)] = &[
    (
        0,
        "ended without an error",
        Deterministic,
        "The program ended by itself. An essential container of a service has to keep running.",
        "Let the program stay in the foreground, or mark the container essential: false if it is meant to end.",
    ),
    (
        1,
        "application error",
        Mixed,
        "The program gave up. The same code appears when its binary is built for another CPU architecture (log line \
         'exec format error').",
        LOGS,
    ),
    (125, "the container runtime failed", Mixed, "The runtime itself failed.", LOGS),
    (
        126,
        "command not executable",
        Deterministic,
        "The command was found but may not be executed.",
        "Set the execute bit in the image, or correct command or entryPoint.",
    ),
    (
        127,
        "command not found",
        Deterministic,
        "A shell in the container did not find the command.",
        "Correct command or entryPoint, or install the program in the image.",
    ),
    (130, "SIGINT", Mixed, "The program was interrupted.", LOGS),
    (134, "SIGABRT", Mixed, "The program aborted itself: a failed assertion or a panic.", LOGS),
    (
        137,
        "SIGKILL",
        Mixed,
        "The program was killed: most often it used more memory than it may, even where AWS does not say \
         OutOfMemoryError; or it ignored SIGTERM for longer than stopTimeout.",
        "Watch its memory and raise memory in the task definition if it is at the limit.",
    ),
    (
        139,
        "SIGSEGV",
        Mixed,
        "The program crashed on a bad memory access; also seen with an incompatible libc or CPU architecture.",
        LOGS,
    ),
    (143, "SIGTERM", Mixed, "The program was asked to stop and did.", LOGS),
    (255, "runtime lost or exit(-1)", Mixed, "The program exited with -1, or its runtime was lost.", LOGS),
];

/// Linux's signals by number, from 1.
const SIGNALS: [&str; 31] = [
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
];

/// The name of the signal that an exit code of more than 128 stands for; those above 31 have only a number.
fn signal(code: i32) -> Option<String> {
    let number = usize::try_from(code - 128).ok().filter(|number| (1..=64).contains(number))?;
    Some(SIGNALS.get(number - 1).map_or_else(|| format!("signal {number}"), |name| (*name).to_owned()))
}

/// Reads an exit code; one of 129 to 192 is a signal.
pub fn exit_code(code: i32) -> ExitCode {
    if let Some((_, meaning, class, cause, fix)) = KNOWN.iter().find(|(known, ..)| *known == code) {
        return ExitCode { meaning: (*meaning).to_owned(), class: *class, cause, fix };
    }
    match signal(code) {
        Some(meaning) => ExitCode { meaning, class: Mixed, cause: "A signal ended the program.", fix: LOGS },
        None => ExitCode {
            meaning: "an error of the application's own".to_owned(),
            class: Mixed,
            cause: "The program ended with an exit code of its own.",
            fix: LOGS,
        },
    }
}

/// Every exit code that has a reading of its own.
pub(super) fn all_exit_codes() -> impl Iterator<Item = (i32, ExitCode)> {
    KNOWN.iter().map(|(code, ..)| (*code, exit_code(*code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_their_names() {
        for (code, meaning) in [
            (129, "SIGHUP"),
            (132, "SIGILL"),
            (135, "SIGBUS"),
            (141, "SIGPIPE"),
            (159, "SIGSYS"),
            (160, "signal 32"),
            (192, "signal 64"),
        ] {
            assert_eq!(exit_code(code).meaning, meaning, "{code}");
        }
        for code in [2, 128, 193, 254] {
            assert_eq!(exit_code(code).meaning, "an error of the application's own", "{code}");
        }
        // The table and the signals agree.
        for (code, reading) in all_exit_codes() {
            if let Some(name) = signal(code) {
                assert_eq!(reading.meaning, name, "{code}");
            }
        }
    }
}
