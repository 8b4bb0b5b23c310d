//! Small words that several parts put into their sentences.

/// `1 task`, `2 tasks`
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// As [`count`], for the counts that AWS gives.
pub(crate) fn tasks(number: u32) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), "task")
}

/// `a`, `a and b`, `a, b and c`
pub(crate) fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        assert_eq!([0, 1, 2].map(tasks), ["0 tasks", "1 task", "2 tasks"]);
        let names = ["a", "b", "c"].map(str::to_owned);
        assert_eq!([0, 1, 2, 3].map(|many| list(&names[..many])), ["", "a", "a and b", "a, b and c"]);
    }
}
