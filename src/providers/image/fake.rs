//! Pictures without a model: plain PNGs whose colour comes from the prompt. Health calls it `fake`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;

use async_trait::async_trait;
use bytes::Bytes;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

use super::{GeneratedImage, ImageGenerator, ImageRequest, check};
use crate::domain::image::{Image, ImageFormat};
use crate::domain::stage::EngineTiming;
use crate::providers::{Description, ProviderError};

const BACKEND: &str = "fake";

#[derive(Debug, Default)]
pub struct FakeImageGenerator;

#[async_trait]
impl ImageGenerator for FakeImageGenerator {
    fn describe(&self) -> Description {
        Description { backend: BACKEND, model: "one-colour".into() }
    }

    async fn generate(&self, request: ImageRequest) -> Result<GeneratedImage, ProviderError> {
        check(BACKEND, &request)?;
        let mut hasher = DefaultHasher::new();
        request.prompt.hash(&mut hasher);
        let [red, green, blue, ..] = hasher.finish().to_le_bytes();
        let bytes = png(request.width, request.height, [red, green, blue])
            .map_err(|error| ProviderError::Failed { backend: BACKEND, reason: error.to_string() })?;
        let image = Image { bytes: Bytes::from(bytes), format: ImageFormat::Png };
        Ok(GeneratedImage { image, timing: EngineTiming::default() })
    }
}

/// One colour: <https://www.w3.org/TR/png-3/>.
fn png(width: u32, height: u32, colour: [u8; 3]) -> std::io::Result<Vec<u8>> {
    let mut line = vec![0];
    line.extend(std::iter::repeat_n(colour, width as usize).flatten());
    let mut pixels = ZlibEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..height {
        pixels.write_all(&line)?;
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
