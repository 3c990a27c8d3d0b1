//! The `aws-chunked` framing in which the SDK sends bodies, with checksums in
//! trailers behind the data.

use bytes::Bytes;

/// The data without its framing, and the trailers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Unwrapped {
    pub data: Bytes,
    pub trailers: Vec<(String, String)>,
}

/// None if the framing is broken.
pub(crate) fn unwrap(framed: &Bytes) -> Option<Unwrapped> {
    let mut data = Vec::with_capacity(framed.len());
    let mut at = 0;
    loop {
        let (line, next) = line(framed, at)?;
        at = next;
        let size = line.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            break;
        }
        let end = at.checked_add(size)?;
        data.extend_from_slice(framed.get(at..end)?);
        if framed.get(end..end + 2)? != b"\r\n" {
            return None;
        }
        at = end + 2;
    }
    let mut trailers = Vec::new();
    while let Some((line, next)) = line(framed, at) {
        at = next;
        if let Some((name, value)) = line.split_once(':') {
            trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    Some(Unwrapped {
        data: data.into(),
        trailers,
    })
}

/// The line at `at` without its end, and where the next one begins.
fn line(bytes: &Bytes, at: usize) -> Option<(&str, usize)> {
    let rest = bytes.get(at..)?;
    let length = rest.windows(2).position(|pair| pair == b"\r\n")?;
    let line = std::str::from_utf8(&rest[..length]).ok()?;
    Some((line, at + length + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_and_trailers_come_out_of_the_framing() {
        let framed = Bytes::from(
            "5;chunk-signature=ab\r\nhello\r\n1\r\n!\r\n0\r\nx-amz-checksum-crc32:abcd==\r\n\r\n",
        );

        let unwrapped = unwrap(&framed).unwrap();

        assert_eq!(unwrapped.data, "hello!");
        assert_eq!(
            unwrapped.trailers,
            [("x-amz-checksum-crc32".to_owned(), "abcd==".to_owned())]
        );
    }

    #[test]
    fn a_body_cut_within_a_chunk_is_refused() {
        assert_eq!(unwrap(&Bytes::from("5\r\nhel")), None);
    }
}
