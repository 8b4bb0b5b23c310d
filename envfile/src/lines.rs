//! Bytes to lines.

/// One line without what ends it.
#[derive(Clone, Copy)]
pub(crate) struct Line<'a> {
    /// 1-based.
    pub number: u32,
    /// Without LF or CRLF.
    pub text: &'a str,
    /// It ended with CRLF.
    pub crlf: bool,
}

/// What was found before there were lines.
pub(crate) struct Decoded<'a> {
    /// Without a byte-order mark.
    pub text: &'a str,
    /// There was a byte-order mark.
    pub bom: bool,
}

/// Why bytes are not a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotUtf8 {
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters.
    pub column: u32,
    /// What it probably is.
    pub likely: &'static str,
}

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Takes bytes for UTF-8.
pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded<'_>, NotUtf8> {
    for (mark, likely) in [(b"\xff\xfe", "UTF-16LE"), (b"\xfe\xff", "UTF-16BE")] {
        if bytes.starts_with(mark) {
            return Err(NotUtf8 { line: 1, column: 1, likely });
        }
    }
    // UTF-16 without a mark is valid UTF-8 as long as it is ASCII: every second byte is zero.
    if let [first, 0, ..] = bytes
        && *first != 0
    {
        return Err(NotUtf8 { line: 1, column: 1, likely: "UTF-16LE" });
    }
    if let [0, second, ..] = bytes
        && *second != 0
    {
        return Err(NotUtf8 { line: 1, column: 1, likely: "UTF-16BE" });
    }
    let bom = bytes.starts_with(BOM);
    let rest = if bom { &bytes[BOM.len()..] } else { bytes };
    match std::str::from_utf8(rest) {
        Ok(text) => Ok(Decoded { text, bom }),
        Err(error) => {
            let valid = rest.get(..error.valid_up_to()).unwrap_or_default();
            let valid = String::from_utf8_lossy(valid);
            let line = 1 + valid.matches('\n').count();
            let column = 1 + valid.chars().rev().take_while(|c| *c != '\n').count();
            // In Latin-1's upper half the codes 0x80 to 0x9F are control characters, which nobody types.
            let invalid = rest.get(error.valid_up_to()).copied().unwrap_or_default();
            let likely = if (0x80..0xa0).contains(&invalid) { "WINDOWS-1252" } else { "ISO-8859-1" };
            Err(NotUtf8 { line: number(line), column: number(column), likely })
        }
    }
}

/// As Go's `ScanLines` has them, which the EC2 agent reads with (facts 2.2): LF ends a line, one CR before it goes.
pub(crate) fn lines(text: &str) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    let mut pieces = text.split('\n').enumerate().peekable();
    while let Some((index, piece)) = pieces.next() {
        // What follows the last LF is a line only where there is something.
        if pieces.peek().is_none() && piece.is_empty() {
            break;
        }
        let (text, crlf) = match piece.strip_suffix('\r') {
            Some(text) => (text, true),
            None => (piece, false),
        };
        lines.push(Line { number: number(index + 1), text, crlf });
    }
    lines
}

/// 1-based and in characters, of a byte offset in a line.
pub(crate) fn column(text: &str, offset: usize) -> u32 {
    number(1 + text.char_indices().take_while(|(at, _)| *at < offset).count())
}

pub(crate) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_ecs_ends_them() {
        let text = "a\r\nb\r\r\n\nc";
        let found: Vec<_> = lines(text).iter().map(|line| (line.number, line.text, line.crlf)).collect();
        assert_eq!(found, [(1, "a", true), (2, "b\r", true), (3, "", false), (4, "c", false)]);
        assert!(lines("").is_empty());
        assert_eq!(lines("\n").len(), 1);
    }

    #[test]
    fn what_is_no_utf8_is_named_with_its_place() {
        let likely = |bytes: &[u8]| decode(bytes).err().map(|e| (e.line, e.column, e.likely));
        assert_eq!(likely(b"\xff\xfeA\0=\0"), Some((1, 1, "UTF-16LE")));
        assert_eq!(likely(b"\xfe\xff\0A"), Some((1, 1, "UTF-16BE")));
        assert_eq!(likely(b"A\0=\0"), Some((1, 1, "UTF-16LE")));
        assert_eq!(likely(b"A=1\nNAME=caf\xe9\n"), Some((2, 9, "ISO-8859-1")));
        assert_eq!(likely(b"A=\x93x\x94"), Some((1, 3, "WINDOWS-1252")));
        assert!(decode(b"\xef\xbb\xbfA=1").is_ok_and(|decoded| decoded.bom && decoded.text == "A=1"));
    }
}
