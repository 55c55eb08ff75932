//! Pictures as people send them: measured before they are decoded, decoded within bounds, turned upright.

use std::io::Cursor;

use bytes::Bytes;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageError, ImageFormat as Format, ImageReader,
    Limits, imageops,
};

use crate::domain::image::{Image, ImageFormat};

/// More than phones take. A picture of this many takes about half a second to decode, and 160 MB for that time.
pub const MOST_PIXELS: u64 = 40_000_000;

/// Of one side.
pub const MOST_SIDE: u32 = 16_384;

/// A decoder's own memory: a picture of [`MOST_PIXELS`] with 8 bits for each of four channels, and what it works with.
const MOST_ALLOCATED: u64 = 320 << 20;

/// Behind a transparent picture.
const PAPER: u8 = 255;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ImageDecodeError {
    #[error("a picture of {width} × {height} pixels is too large: at most {MOST_SIDE} on a side and 40 million in all")]
    TooLarge { width: u32, height: u32 },
    /// The format stands for whose rules it breaks.
    #[error("the picture is broken: it is no whole {0}")]
    Broken(&'static str),
}

/// Decoded: `height` rows of `width` pixels of red, green and blue, a byte each.
#[derive(Clone, PartialEq, Eq)]
pub struct Rgb {
    pub width: u32,
    pub height: u32,
    pub bytes: Vec<u8>,
}

/// Width and height as its header tells them, before a pixel is decoded or memory is taken.
///
/// # Errors
/// `TooLarge`, or `Broken` where the header can't be read.
pub fn measure(image: &Image) -> Result<(u32, u32), ImageDecodeError> {
    // Without the decoder's limits: what is too large is told with its size.
    let (width, height) = reader(image).into_dimensions().map_err(|error| broken(image, &error))?;
    if width == 0 || height == 0 {
        return Err(ImageDecodeError::Broken(name(image.format)));
    }
    let pixels = u64::from(width) * u64::from(height);
    if width > MOST_SIDE || height > MOST_SIDE || pixels > MOST_PIXELS {
        return Err(ImageDecodeError::TooLarge { width, height });
    }
    Ok((width, height))
}

/// Decodes a picture, of an animation the first frame; turned as its Exif tag says, on white where it is transparent, and
/// made smaller where a side is longer than `longest`.
///
/// # Errors
/// As [`measure`], and `Broken` where its pixels can't be decoded.
pub fn decode(image: &Image, longest: u32) -> Result<Rgb, ImageDecodeError> {
    measure(image)?;
    let undecodable = |error: ImageError| broken(image, &error);
    let mut decoder = limited(image).into_decoder().map_err(undecodable)?;
    // One without the tag, or with a broken one, is as it should be.
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let mut decoded = DynamicImage::from_decoder(decoder).map_err(undecodable)?;
    if decoded.width().max(decoded.height()) > longest {
        decoded = decoded.resize(longest, longest, imageops::FilterType::Triangle);
    }
    decoded.apply_orientation(orientation);
    let (width, height) = (decoded.width(), decoded.height());
    let bytes = if decoded.color().has_alpha() { on_paper(&decoded) } else { decoded.into_rgb8().into_raw() };
    Ok(Rgb { width, height, bytes })
}

/// As a PNG.
///
/// # Errors
/// Where the encoder fails.
///
/// # Panics
/// Where there are not three bytes for each pixel.
pub fn encode_png(rgb: &Rgb) -> Result<Image, ImageError> {
    let mut bytes = Cursor::new(Vec::new());
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Sub);
    encoder.write_image(&rgb.bytes, rgb.width, rgb.height, ExtendedColorType::Rgb8)?;
    Ok(Image { bytes: Bytes::from(bytes.into_inner()), format: ImageFormat::Png })
}

fn on_paper(image: &DynamicImage) -> Vec<u8> {
    let blend = |value: u8, alpha: u8| {
        let (value, alpha, paper) = (u32::from(value), u32::from(alpha), u32::from(PAPER));
        u8::try_from((value * alpha + paper * (255 - alpha)) / 255).unwrap_or(u8::MAX)
    };
    let pixels = image.to_rgba8();
    pixels
        .pixels()
        .flat_map(|pixel| {
            let [r, g, b, a] = pixel.0;
            [blend(r, a), blend(g, a), blend(b, a)]
        })
        .collect()
}

fn reader(image: &Image) -> ImageReader<Cursor<&[u8]>> {
    ImageReader::with_format(Cursor::new(image.bytes.as_ref()), format(image.format))
}

fn limited(image: &Image) -> ImageReader<Cursor<&[u8]>> {
    let mut reader = reader(image);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_SIDE);
    limits.max_image_height = Some(MOST_SIDE);
    limits.max_alloc = Some(MOST_ALLOCATED);
    reader.limits(limits);
    reader
}

fn format(format: ImageFormat) -> Format {
    match format {
        ImageFormat::Png => Format::Png,
        ImageFormat::Jpeg => Format::Jpeg,
        ImageFormat::Webp => Format::WebP,
        ImageFormat::Gif => Format::Gif,
    }
}

fn name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Png => "PNG",
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Webp => "WebP",
        ImageFormat::Gif => "GIF",
    }
}

/// What a decoder says of a broken file says little to a person, and may quote it.
fn broken(image: &Image, error: &ImageError) -> ImageDecodeError {
    tracing::debug!(image.format = name(image.format), image.error = %kind(error), "a picture can't be decoded");
    ImageDecodeError::Broken(name(image.format))
}

fn kind(error: &ImageError) -> &'static str {
    match error {
        ImageError::Decoding(_) => "decoding",
        ImageError::Limits(_) => "limits",
        ImageError::IoError(_) => "ends too early",
        ImageError::Unsupported(_) => "unsupported",
        ImageError::Encoding(_) | ImageError::Parameter(_) => "other",
    }
}

/// Shows the shape only: pictures never reach a log.
impl std::fmt::Debug for Rgb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rgb({} × {})", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use image::RgbaImage;

    use super::*;

    fn encoded(format: Format, picture: &DynamicImage) -> Image {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        let bytes = Bytes::from(bytes.into_inner());
        Image { format: ImageFormat::sniff(&bytes).unwrap(), bytes }
    }

    fn striped(width: u32, height: u32) -> DynamicImage {
        DynamicImage::ImageRgb8(image::RgbImage::from_fn(width, height, |x, _| {
            image::Rgb(if x < width / 2 { [250, 0, 0] } else { [0, 0, 250] })
        }))
    }

    #[test]
    fn every_format_is_decoded() {
        for format in [Format::Png, Format::Jpeg, Format::WebP, Format::Gif] {
            let image = encoded(format, &striped(64, 32));
            assert_eq!(measure(&image), Ok((64, 32)));
            let rgb = decode(&image, 2048).unwrap();
            assert_eq!((rgb.width, rgb.height, rgb.bytes.len()), (64, 32, 64 * 32 * 3));
            assert!(rgb.bytes[0] > 200 && rgb.bytes[64 * 3 - 1] > 200, "{format:?}");
        }
    }

    #[test]
    fn a_large_one_is_made_smaller_and_a_transparent_one_lies_on_white() {
        let rgb = decode(&encoded(Format::Png, &striped(300, 100)), 150).unwrap();
        assert_eq!((rgb.width, rgb.height), (150, 50));
        let clear = DynamicImage::ImageRgba8(RgbaImage::from_pixel(2, 2, image::Rgba([9, 9, 9, 0])));
        assert_eq!(decode(&encoded(Format::Png, &clear), 10).unwrap().bytes, [255; 12]);
    }

    #[test]
    fn a_photograph_is_turned_upright() {
        let mut bytes = Vec::new();
        let mut encoder = image::codecs::jpeg::JpegEncoder::new(&mut bytes);
        // A TIFF header with one entry: orientation (0x0112), a short, 6: turn right.
        let exif = [
            b"II*\0\x08\0\0\0\x01\0".as_slice(),
            b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0".as_slice(),
            b"\0\0\0\0".as_slice(),
        ];
        encoder.set_exif_metadata(exif.concat()).unwrap();
        encoder.write_image(striped(64, 32).as_bytes(), 64, 32, ExtendedColorType::Rgb8).unwrap();
        let image = Image { format: ImageFormat::Jpeg, bytes: bytes.into() };
        let rgb = decode(&image, 2048).unwrap();
        assert_eq!((rgb.width, rgb.height), (32, 64));
        // What was left is on top.
        assert!(rgb.bytes[0] > 200 && rgb.bytes[rgb.bytes.len() - 1] > 200);
    }

    /// Of the header below, as zlib's `crc32` has it.
    const CRC_OF_THE_HEADER: u32 = 0xc4cd_aa9d;

    #[test]
    fn a_hostile_one_is_refused_by_its_header() {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        png.extend_from_slice(&50_000_u32.to_be_bytes());
        png.extend_from_slice(&50_000_u32.to_be_bytes());
        png.extend_from_slice(&[8, 2, 0, 0, 0]);
        png.extend_from_slice(&CRC_OF_THE_HEADER.to_be_bytes());
        png.extend_from_slice(b"\0\0\0\0IDAT");
        let huge = Image { format: ImageFormat::Png, bytes: png.into() };
        let refused = ImageDecodeError::TooLarge { width: 50_000, height: 50_000 };
        assert_eq!(measure(&huge), Err(refused));
        for bytes in [b"\x89PNG\r\n\x1a\n rest".as_slice(), b"GIF89a\0\0\0\0", b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBP"]
        {
            let broken = Image { format: ImageFormat::sniff(bytes).unwrap(), bytes: Bytes::from_static(bytes) };
            assert!(matches!(decode(&broken, 100), Err(ImageDecodeError::Broken(_))), "{bytes:?}");
        }
    }
}
