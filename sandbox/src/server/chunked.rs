//! The `aws-chunked` content encoding, which SDKs use to send a checksum after the body.

/// A decoded body and the headers that followed it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) body: Vec<u8>,
    pub(super) trailers: Vec<(String, String)>,
}

/// Decodes `SIZE[;chunk-signature=...]\r\nDATA\r\n` ... `0\r\n[trailers]\r\n`. Signatures are not
/// checked. `None` when the framing is broken.
pub(super) fn decode(mut encoded: &[u8]) -> Option<Decoded> {
    let mut body = Vec::new();
    loop {
        let header = take_line(&mut encoded)?;
        let size = header.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            break;
        }
        body.extend_from_slice(encoded.get(..size)?);
        encoded = encoded.get(size..)?.strip_prefix(b"\r\n")?;
    }
    let mut trailers = Vec::new();
    while let Some(line) = take_line(&mut encoded).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
    Some(Decoded { body, trailers })
}

fn take_line<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    let line = std::str::from_utf8(&rest[..end]).ok()?;
    *rest = &rest[end + 2..];
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_chunks_and_trailers() {
        let encoded = b"5\r\nhello\r\n2;chunk-signature=ab\r\n !\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n";
        let decoded = decode(encoded).unwrap();
        assert_eq!(decoded.body, b"hello !");
        assert_eq!(decoded.trailers, [("x-amz-checksum-crc32".to_owned(), "AAAA".to_owned())]);
    }

    #[test]
    fn broken_framing_is_refused() {
        for encoded in [&b"5\r\nhell"[..], b"zz\r\n", b"5\r\nhello0\r\n\r\n", b""] {
            assert_eq!(decode(encoded), None);
        }
    }
}
