//! Pixels to a PNG: <https://www.w3.org/TR/png-3/>.

use std::io::Write;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

/// `lines` from the top, each of `width` pixels of red, green and blue bytes.
///
/// # Errors
/// Where the compressor fails.
pub(super) fn encode<'a>(width: u32, height: u32, lines: impl Iterator<Item = &'a [u8]>) -> std::io::Result<Vec<u8>> {
    let mut pixels = ZlibEncoder::new(Vec::new(), Compression::fast());
    for line in lines {
        // As they are: filtering saves little of what a painter makes.
        pixels.write_all(&[0])?;
        pixels.write_all(line)?;
    }
    let mut header = Vec::new();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    // 8 bits, red green blue, and the one way of compressing, filtering and ordering.
    header.extend([8, 2, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in [(b"IHDR", header), (b"IDAT", pixels.finish()?), (b"IEND", Vec::new())] {
        let mut crc = Crc::new();
        crc.update(name);
        crc.update(&data);
        file.extend((data.len() as u32).to_be_bytes());
        file.extend(name);
        file.extend(&data);
        file.extend(crc.sum().to_be_bytes());
    }
    Ok(file)
}
