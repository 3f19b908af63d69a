//! Reads the data set of a DICOM file in one pass.
//!
//! The parser allocates the declared length of a value before it reads the value, so each length is checked against the
//! size of the file first.

use std::{
    io::{BufReader, Read, Seek},
    path::Path,
};

use dicom_core::{
    DataElement, Length, PrimitiveValue, Tag, VR,
    header::DataElementHeader,
    value::{C, DataSetSequence},
};
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_object::{InMemDicomObject, mem::InMemElement};
use dicom_parser::{
    DynStatefulDecoder, StatefulDecode,
    dataset::{LazyDataToken, lazy_read::LazyDataSetReader},
};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use octrls_fs::within::Within;

use super::{
    coding::unsupported_syntax,
    errors::{ends_early, of_parser, too_long},
    fragments::Fragments,
    meta::{MAX_UID, Meta},
    source::Source,
    text::{CharacterSets, Parts},
};
use crate::{ReadError, budget, sized_file::SizedFile};

/// Maximum nesting of sequences and items; functional groups have about ten levels.
const MAX_DEPTH: usize = 64;
/// Maximum bytes of a value that is kept. Look-up tables have 128 KiB; what is longer, apart from pixels, is not needed.
const MAX_VALUE: u32 = 1 << 20;
/// Maximum memory of all elements before the pixels: a volume of 4096 B-scans needs less than half.
const MAX_MEMORY: u64 = 256 << 20;
/// A short file may take this much of it, and so many times its length beyond that.
const FREE_MEMORY: u64 = 16 << 20;
const MEMORY_PER_BYTE: u64 = 32;
/// Memory of an element without its value, and of each value of a text.
const ELEMENT_MEMORY: u64 = 256;
const TEXT_MEMORY: u64 = 64;
/// Memory of a fragment of pixels without its bytes.
const FRAGMENT_MEMORY: u64 = 24;

type Decoder<R> = DynStatefulDecoder<BufReader<R>>;
type Token<'a, R> = LazyDataToken<&'a mut Decoder<R>>;

/// The data set of a file, read token by token.
pub(crate) struct DataSet<R> {
    parser: LazyDataSetReader<Decoder<R>>,
    /// Transfer syntax.
    syntax: String,
    /// Whether the transfer syntax compresses pixels.
    compressed: bool,
    /// Whether uncompressed pixels of the object itself come next.
    at_pixels: bool,
    /// Sequences and items that are open.
    depth: usize,
    /// Length of the file; of a deflated one, when inflated.
    file_bytes: u64,
    /// Memory of the elements read so far.
    memory: u64,
}

impl DataSet<Source> {
    pub(crate) fn open(path: &Path) -> Result<Self, ReadError> {
        Self::of(SizedFile::open(path, &Within::anywhere())?, u64::MAX)
    }

    /// The data set of `file`, of which at most `limit` bytes are read.
    pub(crate) fn of(file: SizedFile, limit: u64) -> Result<Self, ReadError> {
        let Meta { syntax, start, .. } = Meta::read(&file)?;
        let deflated = syntax == uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN;
        let encoded = if deflated { uids::EXPLICIT_VR_LITTLE_ENDIAN } else { syntax.as_str() };
        let Some(known) = TransferSyntaxRegistry.get(encoded) else {
            return Err(unsupported_syntax(&syntax));
        };
        let compressed = known.is_encapsulated_pixel_data();
        let (source, file_bytes) = Source::of(file, start, deflated, limit)?;
        let parser = LazyDataSetReader::new_with_ts(BufReader::new(source), known).map_err(|e| of_parser(&e))?;
        Ok(Self { parser, syntax, compressed, at_pixels: false, depth: 0, file_bytes, memory: 0 })
    }
}

impl<R: Read + Seek> DataSet<R> {
    pub(crate) fn syntax(&self) -> &str {
        &self.syntax
    }

    pub(crate) const fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Sequences and items that are open after the last token.
    pub(crate) const fn depth(&self) -> usize {
        self.depth
    }

    /// The next token; the caller must read or skip its value. Lengths and nesting are checked.
    pub(crate) fn next(&mut self) -> Result<Option<Token<'_, R>>, ReadError> {
        // The pixels of an icon lie inside a sequence.
        let outermost = self.depth == 0;
        let Some(token) = advance(&mut self.parser, &mut self.depth)? else { return Ok(None) };
        let is_pixels = |header: &DataElementHeader| outermost && header.tag == tags::PIXEL_DATA;
        self.at_pixels = false;
        let length = match &token {
            LazyDataToken::ElementHeader(header) => {
                self.at_pixels = is_pixels(header) && header.len.is_defined();
                header.len
            }
            LazyDataToken::LazyValue { header, .. } => {
                // Pixels are read as bytes. Implicit syntaxes declare 8-bit pixels as words, also an odd number of them.
                if !is_pixels(header) {
                    check_whole_numbers(header.vr, header.len)?;
                }
                header.len
            }
            LazyDataToken::LazyItemValue { len, .. } => Length(*len),
            LazyDataToken::SequenceStart { len, .. } | LazyDataToken::ItemStart { len } => *len,
            _ => Length(0),
        };
        if let Some(length) = length.get().map(u64::from).filter(|&l| l > self.file_bytes) {
            return Err(too_long(length, self.file_bytes));
        }
        if self.at_pixels && self.compressed {
            return Err(ReadError::Malformed("the pixel compression contradicts the transfer syntax".to_owned()));
        }
        Ok(Some(token))
    }

    /// As [`Self::next`], but only nesting is checked: for files of which just the beginning is read.
    pub(crate) fn next_unchecked(&mut self) -> Result<Option<Token<'_, R>>, ReadError> {
        advance(&mut self.parser, &mut self.depth)
    }

    /// Reads all elements before the pixels, texts in their character sets. An object without pixels is read to its end.
    /// Private elements lose their values.
    pub(crate) fn read_up_to_pixels(&mut self) -> Result<InMemDicomObject, ReadError> {
        let mut elements = Vec::new();
        let mut sets = CharacterSets::default();
        while let Some(token) = self.next()? {
            match token {
                LazyDataToken::PixelSequenceStart => break,
                LazyDataToken::ElementHeader(header) if header.tag == tags::PIXEL_DATA => break,
                LazyDataToken::ElementHeader(header) => elements.extend(self.element(header, &mut sets)?),
                LazyDataToken::SequenceStart { tag, len } => elements.push(self.sequence(tag, len, sets)?),
                _ => return Err(unexpected()),
            }
        }
        Ok(InMemDicomObject::from_element_iter(elements))
    }

    /// The value after `header`; `None` if it is too long to be of use. Specific Character Set replaces `sets`.
    fn element(
        &mut self,
        header: DataElementHeader,
        sets: &mut CharacterSets,
    ) -> Result<Option<InMemElement>, ReadError> {
        let DataElementHeader { tag, vr, len } = header;
        let is_text = matches!(vr, VR::PN | VR::SH | VR::LO | VR::UC | VR::ST | VR::LT | VR::UT);
        let is_string =
            is_text || matches!(vr, VR::AE | VR::AS | VR::CS | VR::DA | VR::DS | VR::DT | VR::IS | VR::TM | VR::UI);
        if is_private(tag) || len.0 > MAX_VALUE {
            if is_string && !is_private(tag) && !matches!(vr, VR::UC | VR::UT) {
                return Err(ReadError::Malformed(format!("DICOM: a text of {} bytes in {tag}", len.0)));
            }
            let token = self.next()?.ok_or_else(ends_early)?;
            token.skip().map_err(|e| of_parser(&e))?;
            self.keep(ELEMENT_MEMORY)?;
            return Ok(is_private(tag).then(|| DataElement::empty(tag, vr)));
        }
        let texts = if is_string && !is_text { u64::from(len.0) / 2 + 1 } else { 0 };
        self.keep(ELEMENT_MEMORY + u64::from(len.0) + TEXT_MEMORY * texts)?;
        let value = match self.next()?.ok_or_else(ends_early)? {
            LazyDataToken::LazyValue { decoder, .. } if is_text || tag == tags::SPECIFIC_CHARACTER_SET => {
                let mut bytes = Vec::new();
                decoder.read_to_vec(len.0, &mut bytes).map_err(|e| of_parser(&e))?;
                if tag == tags::SPECIFIC_CHARACTER_SET {
                    *sets = CharacterSets::named(&bytes);
                }
                let parts = parts_of(vr);
                let separators = bytes.iter().filter(|&&b| b == b'\\' && parts != Parts::None).count();
                self.keep(TEXT_MEMORY * separators as u64)?;
                text(*sets, parts, &bytes)
            }
            token => token.into_value().map_err(|e| of_parser(&e))?,
        };
        Ok(Some(DataElement::new_with_len(tag, vr, len, value)))
    }

    /// Counts memory that is about to be used.
    fn keep(&mut self, bytes: u64) -> Result<(), ReadError> {
        self.memory = self.memory.saturating_add(bytes);
        let most = FREE_MEMORY.saturating_add(MEMORY_PER_BYTE.saturating_mul(self.file_bytes)).min(MAX_MEMORY);
        if self.memory > most {
            return Err(ReadError::Malformed("DICOM: too many attributes before the pixels".to_owned()));
        }
        Ok(())
    }

    /// The sequence whose start was read; without items if it is private.
    fn sequence(&mut self, tag: Tag, length: Length, sets: CharacterSets) -> Result<InMemElement, ReadError> {
        let mut items = Vec::new();
        self.keep(ELEMENT_MEMORY)?;
        if is_private(tag) {
            self.skip_sequence()?;
            return Ok(DataElement::new_with_len(tag, VR::SQ, length, DataSetSequence::new(items, length)));
        }
        loop {
            match self.next()?.ok_or_else(ends_early)? {
                LazyDataToken::ItemStart { .. } => items.push(self.item(sets)?),
                LazyDataToken::SequenceEnd => {
                    let items = DataSetSequence::new(items, length);
                    return Ok(DataElement::new_with_len(tag, VR::SQ, length, items));
                }
                _ => return Err(unexpected()),
            }
        }
    }

    /// The item whose start was read. Compressed pixels of an icon are left out.
    fn item(&mut self, mut sets: CharacterSets) -> Result<InMemDicomObject, ReadError> {
        let mut elements = Vec::new();
        self.keep(ELEMENT_MEMORY)?;
        loop {
            match self.next()?.ok_or_else(ends_early)? {
                LazyDataToken::ElementHeader(header) => elements.extend(self.element(header, &mut sets)?),
                LazyDataToken::SequenceStart { tag, len } => elements.push(self.sequence(tag, len, sets)?),
                LazyDataToken::PixelSequenceStart => self.skip_fragments()?,
                LazyDataToken::ItemEnd => return Ok(InMemDicomObject::from_element_iter(elements)),
                _ => return Err(unexpected()),
            }
        }
    }

    /// Skips the rest of the sequence whose start was read.
    fn skip_sequence(&mut self) -> Result<(), ReadError> {
        let outside = self.depth - 1;
        while self.depth > outside {
            let token = self.next()?.ok_or_else(ends_early)?;
            token.skip().map_err(|e| of_parser(&e))?;
        }
        Ok(())
    }

    fn skip_fragments(&mut self) -> Result<(), ReadError> {
        loop {
            match self.next()?.ok_or_else(ends_early)? {
                LazyDataToken::SequenceEnd => return Ok(()),
                token => token.skip().map_err(|e| of_parser(&e))?,
            }
        }
    }

    /// Reads uncompressed pixels, after [`Self::read_up_to_pixels`]; empty if the object has no such pixels.
    pub(crate) fn read_pixels(&mut self) -> Result<Vec<u8>, ReadError> {
        let mut pixels = Vec::new();
        if let Some(LazyDataToken::LazyValue { header, decoder }) = self.next()? {
            decoder.read_to_vec(header.len.0, &mut pixels).map_err(|e| of_parser(&e))?;
        }
        Ok(pixels)
    }

    /// Reads compressed pixels, after [`Self::read_up_to_pixels`]; both are empty if the object has none.
    pub(crate) fn read_fragments(&mut self) -> Result<Fragments, ReadError> {
        let mut found = Fragments::default();
        let mut first = true;
        let mut memory = 0_u64;
        while let Some(token) = self.next()? {
            if let LazyDataToken::LazyItemValue { len, .. } = &token {
                memory += u64::from(*len);
            }
            memory += FRAGMENT_MEMORY;
            budget::check_memory(memory)?;
            match token {
                LazyDataToken::ItemStart { len: Length(0) } if first => first = false,
                LazyDataToken::ItemStart { len: Length(0) } => found.fragments.push(Vec::new()),
                LazyDataToken::LazyItemValue { len, decoder } if first => {
                    first = false;
                    let mut offsets = Vec::new();
                    decoder.read_u32_to_vec(len, &mut offsets).map_err(|e| of_parser(&e))?;
                    found.offsets = offsets.into_iter().map(u64::from).collect();
                }
                LazyDataToken::LazyItemValue { len, decoder } => {
                    let mut fragment = Vec::new();
                    decoder.read_to_vec(len, &mut fragment).map_err(|e| of_parser(&e))?;
                    found.fragments.push(fragment);
                }
                LazyDataToken::SequenceEnd => break,
                _ => {}
            }
        }
        Ok(found)
    }

    /// Checks everything that was not read yet, without reading values. Stops before uncompressed pixels.
    pub(crate) fn check_rest(&mut self) -> Result<(), ReadError> {
        while !self.at_pixels {
            let Some(token) = self.next()? else { break };
            token.skip().map_err(|e| of_parser(&e))?;
        }
        Ok(())
    }
}

/// The value of a text in its character sets.
fn text(sets: CharacterSets, parts: Parts, bytes: &[u8]) -> PrimitiveValue {
    let text = sets.decode(bytes, parts);
    if parts == Parts::None {
        PrimitiveValue::Str(text)
    } else {
        PrimitiveValue::Strs(text.split('\\').map(str::to_owned).collect::<C<String>>())
    }
}

/// What separates the parts of a text (PS3.5, table 6.2-1).
const fn parts_of(vr: VR) -> Parts {
    match vr {
        VR::PN => Parts::Names,
        VR::ST | VR::LT | VR::UT => Parts::None,
        _ => Parts::Values,
    }
}

const fn is_private(tag: Tag) -> bool {
    tag.0 % 2 == 1
}

/// Checks the declared lengths in the file at `path` against its size, up to uncompressed pixels. Reads no values.
///
/// # Errors
/// [`ReadError`] when the file cannot be read or its structure is broken.
pub fn check_lengths(path: &Path) -> Result<(), ReadError> {
    DataSet::open(path)?.check_rest()
}

/// SOP class and SOP instance of the data set; empty if not stated.
///
/// # Errors
/// As [`check_lengths`].
pub fn identifiers(path: &Path) -> Result<(String, String), ReadError> {
    let (mut class, mut instance) = (String::new(), String::new());
    let mut data_set = DataSet::open(path)?;
    loop {
        let outermost = data_set.depth() == 0;
        let Some(token) = data_set.next()? else { break };
        let uid = match &token {
            LazyDataToken::LazyValue { header, .. } if outermost && u64::from(header.len.0) <= MAX_UID => {
                match header.tag {
                    tags::SOP_CLASS_UID => Some(&mut class),
                    tags::SOP_INSTANCE_UID => Some(&mut instance),
                    _ => None,
                }
            }
            LazyDataToken::ElementHeader(header) if outermost && header.tag > tags::SOP_INSTANCE_UID => break,
            _ => None,
        };
        if let Some(uid) = uid {
            let value = token.into_value().map_err(|e| of_parser(&e))?;
            value.to_str().trim_end_matches(['\0', ' ']).clone_into(uid);
        } else {
            token.skip().map_err(|e| of_parser(&e))?;
        }
    }
    Ok((class, instance))
}

/// The next token of `parser`, after which `depth` sequences and items are open.
fn advance<'a, R: Read + Seek>(
    parser: &'a mut LazyDataSetReader<Decoder<R>>,
    depth: &mut usize,
) -> Result<Option<Token<'a, R>>, ReadError> {
    let Some(token) = parser.advance() else { return Ok(None) };
    let token = token.map_err(|e| of_parser(&e))?;
    *depth = depth_after(*depth, &token)?;
    Ok(Some(token))
}

fn unexpected() -> ReadError {
    ReadError::Malformed("DICOM: an element where none may be".to_owned())
}

/// Checks that a value holds a whole number of elements; otherwise the parser adds the rest to the next element.
fn check_whole_numbers(vr: VR, length: Length) -> Result<(), ReadError> {
    let size = match vr {
        VR::US | VR::SS | VR::OW => 2,
        VR::UL | VR::SL | VR::FL | VR::AT | VR::OL | VR::OF => 4,
        VR::FD | VR::OD | VR::SV | VR::UV | VR::OV => 8,
        _ => 1,
    };
    match length.get() {
        Some(bytes) if bytes % size != 0 => {
            Err(ReadError::Malformed(format!("DICOM numbers of {size} bytes do not fill a value of {bytes} bytes")))
        }
        _ => Ok(()),
    }
}

/// Number of sequences and items that are open after `token`. The parser panics on an item after the end of one outside
/// any sequence, and readers use stack for each open level.
fn depth_after<D>(depth: usize, token: &LazyDataToken<D>) -> Result<usize, ReadError> {
    let left = match token {
        LazyDataToken::SequenceStart { .. } | LazyDataToken::PixelSequenceStart | LazyDataToken::ItemStart { .. } => {
            return if depth < MAX_DEPTH {
                Ok(depth + 1)
            } else {
                Err(ReadError::Malformed("too many nested sequences".to_owned()))
            };
        }
        LazyDataToken::SequenceEnd => depth.checked_sub(1),
        LazyDataToken::ItemEnd => depth.checked_sub(1).filter(|&left| left > 0),
        _ => return Ok(depth),
    };
    left.ok_or_else(|| ReadError::Malformed("an item or sequence ends that did not begin".to_owned()))
}

#[cfg(test)]
mod tests {
    use dicom_core::PrimitiveValue;
    use dicom_dictionary_std::uids;
    use dicom_object::{FileMetaTableBuilder, open_file};

    use super::*;

    fn item(elements: impl IntoIterator<Item = InMemElement>) -> InMemDicomObject {
        InMemDicomObject::from_element_iter(elements)
    }

    fn sequence(tag: Tag, items: Vec<InMemDicomObject>) -> InMemElement {
        DataElement::new(tag, VR::SQ, DataSetSequence::from(items))
    }

    fn string(tag: Tag, vr: VR, value: &str) -> InMemElement {
        DataElement::new(tag, vr, PrimitiveValue::from(value))
    }

    #[test]
    fn elements_are_those_that_the_dicom_library_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.dcm");
        let spacing = || item([string(tags::PIXEL_SPACING, VR::DS, "0.0039\\0.0117")]);
        let icon = item([DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::from(vec![7_u8; 4]))]);
        for syntax in [uids::EXPLICIT_VR_LITTLE_ENDIAN, uids::IMPLICIT_VR_LITTLE_ENDIAN] {
            let object = item([
                string(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192"),
                string(tags::SOP_CLASS_UID, VR::UI, uids::OPHTHALMIC_TOMOGRAPHY_IMAGE_STORAGE),
                string(tags::SOP_INSTANCE_UID, VR::UI, "1.2.3.4"),
                string(tags::PATIENT_NAME, VR::PN, "Müller^Jürgen"),
                string(tags::PATIENT_SEX, VR::CS, ""),
                DataElement::new(tags::ROWS, VR::US, PrimitiveValue::from(4_u16)),
                sequence(tags::ICON_IMAGE_SEQUENCE, vec![icon.clone()]),
                sequence(tags::REFERENCED_IMAGE_SEQUENCE, vec![]),
                sequence(
                    tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
                    vec![
                        item([sequence(tags::PIXEL_MEASURES_SEQUENCE, vec![spacing()])]),
                        item([sequence(tags::PIXEL_MEASURES_SEQUENCE, vec![spacing(), item([])])]),
                    ],
                ),
                DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::from(vec![1_u8; 8])),
            ]);
            let meta = FileMetaTableBuilder::new().transfer_syntax(syntax);
            object.with_meta(meta).unwrap().write_to_file(&path).unwrap();

            let mut data_set = DataSet::open(&path).unwrap();
            let found = data_set.read_up_to_pixels().unwrap();
            let mut expected = open_file(&path).unwrap().into_inner();
            expected.remove_element(tags::PIXEL_DATA);
            assert_eq!(found.get(tags::PATIENT_NAME).unwrap().to_str().unwrap(), "Müller^Jürgen");
            // Undefined lengths are never equal, hence the text.
            let listed = |object: &InMemDicomObject| object.iter().map(|e| format!("{e:?}")).collect::<Vec<_>>();
            assert_eq!(listed(&found), listed(&expected), "{syntax}");
            assert_eq!(data_set.read_pixels().unwrap(), [1; 8]);
        }
    }
}
