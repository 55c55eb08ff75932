//! Reads CTranslate2's `model.bin`. Borrows from the bytes and allocates only for what is really there, so a length
//! that lies costs nothing. Layout: `ModelSpec._serialize` in CTranslate2's `python/ctranslate2/specs/model_spec.py`.

use std::collections::BTreeMap;

use half::f16;

use super::ConversionError;

/// The one layout of the file that is read here.
const BINARY_VERSION: u32 = 6;

/// No tensor of a model has more axes; a greater rank is a damaged file.
const MAX_RANK: u8 = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    F32,
    I8,
    I16,
    I32,
    F16,
}

impl Element {
    fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Element::F32,
            1 => Element::I8,
            2 => Element::I16,
            3 => Element::I32,
            4 => Element::F16,
            _ => return None,
        })
    }

    fn size_bytes(self) -> usize {
        match self {
            Element::F32 | Element::I32 => 4,
            Element::I16 | Element::F16 => 2,
            Element::I8 => 1,
        }
    }
}

/// A named array, row-major, little-endian.
#[derive(Debug, Clone)]
pub(super) struct Variable<'a> {
    pub(super) shape: Vec<usize>,
    pub(super) element: Element,
    pub(super) data: &'a [u8],
}

impl Variable<'_> {
    /// Its floating-point elements. `None` for integers.
    pub(super) fn floats(&self) -> Option<Box<dyn Iterator<Item = f32> + '_>> {
        match self.element {
            Element::F16 => {
                Some(Box::new(self.data.as_chunks::<2>().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32())))
            }
            Element::F32 => Some(Box::new(self.data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)))),
            Element::I8 | Element::I16 | Element::I32 => None,
        }
    }

    /// The one integer it holds.
    pub(super) fn integer(&self) -> Option<i32> {
        match (self.element, self.data) {
            (Element::I8, [a]) => Some(i32::from(i8::from_le_bytes([*a]))),
            (Element::I16, [a, b]) => Some(i32::from(i16::from_le_bytes([*a, *b]))),
            (Element::I32, [a, b, c, d]) => Some(i32::from_le_bytes([*a, *b, *c, *d])),
            _ => None,
        }
    }

    /// The `index`-th of `count` equal runs of rows: how fused projections are told apart.
    pub(super) fn part(&self, index: usize, count: usize) -> Option<Self> {
        let rows = *self.shape.first()?;
        if count == 0 || index >= count || !rows.is_multiple_of(count) {
            return None;
        }
        let size = self.data.len() / count;
        let mut shape = self.shape.clone();
        shape[0] = rows / count;
        Some(Self { shape, element: self.element, data: self.data.get(index * size..(index + 1) * size)? })
    }
}

/// Every variable of a `model.bin`, by name.
#[derive(Debug)]
pub(super) struct Checkpoint<'a> {
    pub(super) specification: &'a str,
    variables: BTreeMap<&'a str, Variable<'a>>,
}

impl<'a> Checkpoint<'a> {
    /// # Errors
    /// `Truncated` or `Malformed`, with the place.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, ConversionError> {
        let mut reader = Reader { bytes, offset: 0 };
        let version = reader.u32("the version")?;
        if version != BINARY_VERSION {
            return Err(ConversionError::Malformed {
                what: "the version",
                offset: 0,
                got: version.to_string(),
                expected: "only version 6 of CTranslate2's model.bin is read",
            });
        }
        let specification = reader.string("the name of the specification")?;
        reader.u32("the revision")?;
        let count = reader.u32("the number of variables")?;
        let mut variables = BTreeMap::new();
        for _ in 0..count {
            let (name, variable) = reader.variable()?;
            variables.insert(name, variable);
        }
        let aliases = reader.u32("the number of aliases")?;
        for _ in 0..aliases {
            let alias = reader.string("an alias")?;
            let name = reader.string("the name behind an alias")?;
            let Some(variable) = variables.get(name) else {
                return Err(ConversionError::Missing { name: name.to_owned() });
            };
            variables.insert(alias, variable.clone());
        }
        if reader.offset != bytes.len() {
            return Err(reader.malformed("the end", reader.offset, "followed by more bytes", "nothing may follow it"));
        }
        Ok(Self { specification, variables })
    }

    pub(super) fn get(&self, name: &str) -> Option<&Variable<'a>> {
        self.variables.get(name)
    }

    /// # Errors
    /// `Missing`.
    pub(super) fn require(&self, name: &str) -> Result<&Variable<'a>, ConversionError> {
        self.get(name).ok_or_else(|| ConversionError::Missing { name: name.to_owned() })
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], ConversionError> {
        let truncated = ConversionError::Truncated { what, offset: self.offset, length: self.bytes.len() };
        let end = self.offset.checked_add(length).ok_or(truncated)?;
        let taken = self.bytes.get(self.offset..end).ok_or(ConversionError::Truncated {
            what,
            offset: self.offset,
            length: self.bytes.len(),
        })?;
        self.offset = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], ConversionError> {
        Ok(self.take(N, what)?.try_into().expect("take returns the length that was asked for"))
    }

    fn u8(&mut self, what: &'static str) -> Result<u8, ConversionError> {
        Ok(u8::from_le_bytes(self.array(what)?))
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, ConversionError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    fn malformed(
        &self,
        what: &'static str,
        offset: usize,
        got: impl Into<String>,
        expected: &'static str,
    ) -> ConversionError {
        ConversionError::Malformed { what, offset, got: got.into(), expected }
    }

    /// A u16 length that counts the closing NUL, then the bytes.
    fn string(&mut self, what: &'static str) -> Result<&'a str, ConversionError> {
        let offset = self.offset;
        let length = u16::from_le_bytes(self.array(what)?);
        let bytes = self.take(usize::from(length), what)?;
        let text = bytes
            .strip_suffix(&[0])
            .ok_or_else(|| self.malformed(what, offset, "not closed by NUL", "a string ends with NUL"))?;
        std::str::from_utf8(text).map_err(|_| self.malformed(what, offset, "not UTF-8", "names are UTF-8"))
    }

    fn variable(&mut self) -> Result<(&'a str, Variable<'a>), ConversionError> {
        let name = self.string("a variable's name")?;
        let start = self.offset;
        let rank = self.u8("a variable's rank")?;
        if rank > MAX_RANK {
            return Err(self.malformed("a variable's rank", start, rank.to_string(), "at most 8 is possible"));
        }
        let mut shape = Vec::with_capacity(usize::from(rank));
        for _ in 0..rank {
            shape.push(self.u32("a variable's shape")? as usize);
        }
        let offset = self.offset;
        let code = self.u8("a variable's element type")?;
        let element = Element::from_code(code)
            .ok_or_else(|| self.malformed("an element type", offset, code.to_string(), "0 to 4 are known"))?;
        let offset = self.offset;
        let size = self.u32("a variable's size")? as usize;
        let expected = shape.iter().try_fold(element.size_bytes(), |size, axis| size.checked_mul(*axis));
        if expected != Some(size) {
            let got = format!("{size} bytes for the shape {shape:?}");
            return Err(self.malformed("a variable's size", offset, got, "shape and size must agree"));
        }
        let data = self.take(size, "a variable's data")?;
        Ok((name, Variable { shape, element, data }))
    }
}
