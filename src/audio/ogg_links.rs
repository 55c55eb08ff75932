//! Ogg files chained one after the other (RFC 3533, section 4): each link is a file of its own.

/// The links of `file`, in their order; the whole file where it has no page.
pub(super) fn links(file: &[u8]) -> Vec<&[u8]> {
    let mut starts = vec![0];
    let mut headers = true;
    let mut at = 0;
    while let Some(page) = next_page(file, at) {
        // The streams of one link all begin before any of them goes on.
        if page.begins && !headers {
            starts.push(page.start);
        }
        headers = page.begins;
        at = page.end;
    }
    let ends = starts.iter().skip(1).copied().chain([file.len()]);
    starts.iter().zip(ends).map(|(start, end)| &file[*start..end]).collect()
}

/// The name of a codec that is put into Ogg and not decoded here, by the first packet of a stream.
pub(super) fn foreign_codec(link: &[u8]) -> Option<&'static str> {
    let page = next_page(link, 0)?;
    let packet = link.get(page.body..page.end)?;
    let known: [(&[u8], &str); 5] = [
        (b"Speex   ", "Speex"),
        (b"PCM     ", "PCM in Ogg"),
        (b"CELT    ", "CELT"),
        (b"\x80theora", "Theora, which is no sound"),
        (b"fishead\0", "Skeleton"),
    ];
    known.into_iter().find(|(magic, _)| packet.starts_with(magic)).map(|(_, name)| name)
}

struct Page {
    start: usize,
    body: usize,
    end: usize,
    /// The first page of a stream.
    begins: bool,
}

/// The first page that begins at `at` or later.
fn next_page(file: &[u8], at: usize) -> Option<Page> {
    let start = at + file.get(at..)?.windows(4).position(|magic| magic == b"OggS")?;
    let flags = *file.get(start + 5)?;
    let segments = usize::from(*file.get(start + 26)?);
    let table = file.get(start + 27..start + 27 + segments)?;
    let body = start + 27 + segments;
    let end = body + table.iter().map(|size| usize::from(*size)).sum::<usize>();
    Some(Page { start, body, end, begins: flags & 0b10 != 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(flags: u8, body: &[u8]) -> Vec<u8> {
        let mut page = b"OggS\0".to_vec();
        page.push(flags);
        page.extend([0; 20]);
        page.extend([1, u8::try_from(body.len()).expect("a short body")]);
        page.extend(body);
        page
    }

    #[test]
    fn a_link_begins_where_streams_begin_anew() {
        let first = [page(2, b"sound"), page(2, b"picture"), page(0, b"data"), page(4, b"end")].concat();
        let second = [page(2, b"Speex   "), page(4, b"end")].concat();
        let file = [&first[..], &second].concat();
        assert_eq!(links(&file), [&first[..], &second]);
        assert_eq!(links(&first), [&first[..]]);
        assert_eq!(foreign_codec(&second), Some("Speex"));
        for length in 0..file.len() {
            assert!(!links(&file[..length]).is_empty());
        }
    }
}
