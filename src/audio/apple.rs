//! AIFF and CAF as they come: chunks in any order, lengths that were never filled in. Handed on is the sound alone, with
//! what is needed to read it and its true length.

use super::AudioError;

/// Entries of a packet table take 32 times as much memory as in the file; this many are a day of sound.
const MOST_PACKETS: u64 = 4_000_000;

fn damaged(format: &'static str, reason: &str) -> AudioError {
    AudioError::Damaged { format, reason: reason.into() }
}

fn codec(format: &'static str, code: [u8; 4]) -> AudioError {
    let name = match &code {
        b"ima4" => "IMA ADPCM as QuickTime writes it",
        b"MAC3" | b"MAC6" => "MACE",
        b"GSM " | b"agsm" => "GSM 6.10",
        b"G722" => "G.722 ADPCM",
        b"QDMC" | b"QDM2" => "QDesign",
        b"Qclp" => "QCELP",
        b"ilbc" => "iLBC",
        b"samr" => "AMR",
        b"sawb" => "AMR-WB",
        b"ac-3" => "AC-3",
        b"ec-3" => "E-AC-3",
        b"ADP4" => "DVI ADPCM",
        b"aach" | b"aacp" => "HE-AAC",
        b"aacl" | b"aace" | b"aacf" => "AAC-LD",
        other => {
            let code = String::from_utf8_lossy(other);
            return AudioError::UnsupportedCodec { format, reason: format!("its codec is {}", code.escape_debug()) };
        }
    };
    AudioError::UnsupportedCodec { format, reason: format!("its codec is {name}") }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// The AIFF or AIFF-C file, with the one format and the one sound it has.
///
/// # Errors
/// `Damaged` where one of them is missing, `UnsupportedCodec` with the codec's name.
pub(super) fn aiff(file: &[u8]) -> Result<Vec<u8>, AudioError> {
    const NAME: &str = "AIFF";
    let compressed = file.get(8..12) == Some(b"AIFC");
    let (mut common, mut sound) = (None, None);
    let mut at = 12;
    while let (Some(id), Some(size)) = (file.get(at..at + 4), u32_at(file, at + 4)) {
        let start = at + 8;
        let said = file.get(start..start.saturating_add(size as usize));
        match id {
            b"COMM" => common = said,
            b"SSND" => {
                // A stream's length is 0, or as large as can be written.
                let content = said.filter(|said| said.len() > 8).or_else(|| file.get(start..));
                let offset = content.and_then(|content| u32_at(content, 0)).unwrap_or(0) as usize;
                sound = content.and_then(|content| content.get(8..)?.get(offset..));
                if said.is_none_or(|said| said.len() <= 8) {
                    break;
                }
            }
            _ => {}
        }
        let Some(said) = said else { break };
        at = start + said.len() + said.len() % 2;
    }
    let common =
        common.filter(|common| common.len() >= 18).ok_or_else(|| damaged(NAME, "it does not say its format"))?;
    let sound = sound.ok_or_else(|| damaged(NAME, "it ends before its sound begins"))?;
    if common[..2] == [0, 0] {
        return Err(damaged(NAME, "it has no channel"));
    }
    let mut comm = common[..18].to_vec();
    if compressed {
        let code = *common.get(18..).and_then(|rest| rest.first_chunk::<4>()).unwrap_or(b"NONE");
        let bits = u16::from_be_bytes([comm[6], comm[7]]);
        match (&code.map(|letter| letter.to_ascii_lowercase()), bits) {
            (b"none" | b"alaw" | b"ulaw" | b"in24" | b"in32" | b"23ni" | b"fl32" | b"fl64", _) => comm.extend(code),
            (b"sowt" | b"twos", 9..=16) => {
                comm[6..8].copy_from_slice(&16_u16.to_be_bytes());
                comm.extend(code);
            }
            // Of one byte there is one order.
            (b"sowt" | b"twos", ..=8) | (b"twos", _) => comm.extend(b"NONE"),
            (b"raw ", ..=8) => comm.extend(code),
            _ => return Err(codec(NAME, code)),
        }
        // An empty name, and what makes it even.
        comm.extend([0, 0]);
    }
    let length = |bytes: usize| u32::try_from(bytes).map_err(|_| damaged(NAME, "it is too long"));
    let mut whole = Vec::with_capacity(sound.len() + 64);
    whole.extend(b"FORM");
    whole.extend(length(4 + 8 + comm.len() + 16 + sound.len() + sound.len() % 2)?.to_be_bytes());
    whole.extend(if compressed { b"AIFC" } else { b"AIFF" });
    whole.extend(b"COMM");
    whole.extend(length(comm.len())?.to_be_bytes());
    whole.extend(comm);
    whole.extend(b"SSND");
    whole.extend(length(8 + sound.len())?.to_be_bytes());
    whole.extend([0; 8]);
    whole.extend(sound);
    whole.extend((sound.len() % 2 == 1).then_some(0));
    Ok(whole)
}

/// The CAF file, its sound last and of its true length.
///
/// # Errors
/// `Damaged` where format or sound are missing, `UnsupportedCodec` with the codec's name.
pub(super) fn caf(file: &[u8]) -> Result<Vec<u8>, AudioError> {
    const NAME: &str = "CAF";
    let (mut description, mut layout, mut cookie, mut table, mut sound) = (None, None, None, None, None);
    let mut at = 8;
    while let (Some(id), Some(size)) = (file.get(at..at + 4), file.get(at + 4..).and_then(|rest| rest.first_chunk())) {
        let start = at + 12;
        let size = usize::try_from(i64::from_be_bytes(*size)).ok();
        let said = size.and_then(|size| file.get(start..start.checked_add(size)?));
        match id {
            b"desc" => description = said,
            b"chan" => layout = said,
            b"kuki" => cookie = said,
            b"pakt" => table = said,
            // -1 is "to the end"; a count of edits stands before the sound.
            b"data" => sound = said.filter(|said| said.len() > 4).or_else(|| file.get(start..)),
            _ => {}
        }
        let Some(said) = said else { break };
        at = start + said.len();
    }
    let description =
        description.filter(|it| it.len() >= 32).ok_or_else(|| damaged(NAME, "it does not say its format"))?;
    let sound = sound.and_then(|it| it.get(4..)).ok_or_else(|| damaged(NAME, "it ends before its sound begins"))?;
    let mut desc = description[..32].to_vec();
    let code = [desc[8], desc[9], desc[10], desc[11]];
    let (packet_bytes, channels) = (u32_at(&desc, 16).unwrap_or(0), u32_at(&desc, 24).unwrap_or(0));
    if !(1..=64).contains(&channels) {
        return Err(damaged(NAME, "it says an impossible number of channels"));
    }
    let known: &[[u8; 4]] =
        &[*b"lpcm", *b"ima4", *b"aac ", *b"ulaw", *b"alaw", *b".mp1", *b".mp2", *b".mp3", *b"alac", *b"flac", *b"opus"];
    if !known.contains(&code) {
        return Err(codec(NAME, code));
    }
    if code == *b"lpcm" && packet_bytes == 0 {
        return Err(damaged(NAME, "it does not say how long a sample is"));
    }
    let mut sound = std::borrow::Cow::Borrowed(sound);
    if code == *b"lpcm" && u32_at(&desc, 28) == Some(8) {
        // The demuxer knows no samples of one byte: little-endian ones of two, the lower empty, say the same.
        sound = sound.iter().flat_map(|sample| [0, *sample]).collect::<Vec<u8>>().into();
        desc[12..16].copy_from_slice(&2_u32.to_be_bytes());
        desc[16..20].copy_from_slice(&packet_bytes.saturating_mul(2).to_be_bytes());
        desc[28..32].copy_from_slice(&16_u32.to_be_bytes());
    }
    // Packets of one length need no table.
    let table = table.filter(|_| packet_bytes == 0);
    if packet_bytes == 0 && table.is_none() {
        return Err(damaged(NAME, "the table of its packets is missing"));
    }
    if table.is_some_and(|table| {
        table.first_chunk().is_none_or(|count| u64::from_be_bytes(*count) > MOST_PACKETS.min(table.len() as u64))
    }) {
        return Err(damaged(NAME, "the table of its packets is impossible"));
    }
    let whole_packets = match packet_bytes as usize {
        0 => sound.len(),
        size => sound.len() / size * size,
    };
    let mut whole = Vec::with_capacity(sound.len() + 256);
    whole.extend(b"caff\0\x01\0\0");
    let mut put = |id: &[u8; 4], content: &[&[u8]]| {
        whole.extend(id);
        whole.extend((content.iter().map(|part| part.len()).sum::<usize>() as i64).to_be_bytes());
        content.iter().for_each(|part| whole.extend(*part));
    };
    put(b"desc", &[&desc]);
    for (id, content) in [(b"chan", layout.filter(|_| channels > 2)), (b"kuki", cookie), (b"pakt", table)] {
        if let Some(content) = content {
            put(id, &[content]);
        }
    }
    put(b"data", &[&[0; 4], &sound[..whole_packets]]);
    Ok(whole)
}
