//! FLAC while the sound is still being made: blocks of one length, and a header that leaves the whole's open (RFC 9639).

use std::io::Write;
use std::mem;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};

use flac_codec::Error;
use flac_codec::encode::{FlacStreamWriter, Options};
use flac_codec::metadata::{BlockList, Streaminfo, VorbisComment, write_blocks};

use super::encode::to_pcm16;
use super::mark;
use crate::domain::audio::SampleRate;

/// Samples of a block: 48 ms at 24 kHz.
const BLOCK: u16 = 1_152;
const BITS: u32 = 16;

/// Mono, 16 bits.
pub(super) struct FlacStream {
    writer: FlacStreamWriter<Sink>,
    written: Sink,
    rate: SampleRate,
    /// Samples that don't fill a block.
    pending: Vec<i32>,
}

impl FlacStream {
    /// The header waits in it as the first bytes.
    pub(super) fn new(rate: SampleRate) -> Result<Self, Error> {
        let mut written = Sink::default();
        let mut blocks = BlockList::new(Streaminfo {
            minimum_block_size: BLOCK,
            maximum_block_size: BLOCK,
            minimum_frame_size: None,
            maximum_frame_size: None,
            sample_rate: rate.0,
            channels: NonZero::<u8>::MIN,
            bits_per_sample: BITS.try_into().map_err(|_| Error::NonSubsetBitsPerSample)?,
            total_samples: None,
            md5: None,
        });
        blocks.insert(VorbisComment {
            vendor_string: concat!("rose ", env!("CARGO_PKG_VERSION")).into(),
            fields: vec![mark::vorbis_comment()],
        });
        write_blocks(&mut written, blocks.blocks())?;
        let writer = FlacStreamWriter::new(written.clone(), Options::default());
        Ok(Self { writer, written, rate, pending: Vec::with_capacity(BLOCK.into()) })
    }

    pub(super) fn push(&mut self, samples: &[f32]) -> Result<Vec<u8>, Error> {
        self.pending.extend(samples.iter().map(|sample| i32::from(to_pcm16(*sample))));
        let whole = self.pending.len() / usize::from(BLOCK) * usize::from(BLOCK);
        for block in self.pending[..whole].chunks_exact(BLOCK.into()) {
            self.writer.write(self.rate.0, 1, BITS, block)?;
        }
        self.pending.drain(..whole);
        Ok(self.written.take())
    }

    /// The last block may be shorter.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, Error> {
        if !self.pending.is_empty() {
            self.writer.write(self.rate.0, 1, BITS, &self.pending)?;
        }
        Ok(self.written.take())
    }
}

/// What the writer has written: it keeps its end of it.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn take(&self) -> Vec<u8> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
