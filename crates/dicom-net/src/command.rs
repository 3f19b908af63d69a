//! DIMSE command sets (PS3.7, chapter 9 and annex E), in implicit little endian; we send each in one fragment.
//!
//! dicom-object could read and write them too. But it allocates as much memory as an element declares, up to 4 GiB for a
//! command of ten bytes, and it accepts a truncated command.

use super::uid::trimmed;

/// Longest accepted command set, in bytes; real ones have about 200.
pub(super) const MAX_COMMAND: usize = 16 * 1024;

pub(super) const STORE: u16 = 0x0001;
pub(super) const ECHO: u16 = 0x0030;
pub(super) const CANCEL: u16 = 0x0fff;
/// Bit of a response in the command field.
const RESPONSE: u16 = 0x8000;

// Values of the command data set type.
const NO_DATA_SET: u16 = 0x0101;
const DATA_SET: u16 = 0x0001;

// Element numbers in group 0000.
const GROUP_LENGTH: u16 = 0x0000;
const CLASS: u16 = 0x0002;
const FIELD: u16 = 0x0100;
const MESSAGE: u16 = 0x0110;
const MESSAGE_ANSWERED: u16 = 0x0120;
const PRIORITY: u16 = 0x0700;
const DATA_SET_TYPE: u16 = 0x0800;
const STATUS: u16 = 0x0900;
const COMMENT: u16 = 0x0902;
const INSTANCE: u16 = 0x1000;

/// Longest error comment, in characters.
const MAX_COMMENT: usize = 64;

/// The fields of a command set that we use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) field: u16,
    /// Message ID of the request, repeated in the response.
    pub(super) message: u16,
    pub(super) class: String,
    pub(super) instance: String,
    /// Whether a data set follows.
    pub(super) data_set: bool,
    pub(super) status: u16,
    pub(super) comment: String,
}

impl Command {
    pub(super) fn echo(message: u16, class: &str) -> Self {
        Self { field: ECHO, message, class: class.to_owned(), ..Self::default() }
    }

    pub(super) fn store(message: u16, class: &str, instance: &str) -> Self {
        let (class, instance) = (class.to_owned(), instance.to_owned());
        Self { field: STORE, message, class, instance, data_set: true, ..Self::default() }
    }

    /// The response to this request. `comment` explains a failure; it must not identify a patient.
    pub(super) fn response(&self, status: u16, comment: &str) -> Self {
        let comment = comment.chars().filter(|c| c.is_ascii() && !c.is_ascii_control() && *c != '\\');
        Self {
            field: self.field | RESPONSE,
            data_set: false,
            status,
            comment: comment.take(MAX_COMMENT).collect(),
            ..self.clone()
        }
    }

    pub(super) const fn is_response(&self) -> bool {
        self.field & RESPONSE != 0
    }

    /// Decodes a command set; `None` if it is invalid.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut command = Self::default();
        let (mut field, mut message, mut data_set) = (None, None, None);
        while !bytes.is_empty() {
            let (header, rest) = bytes.split_first_chunk::<8>()?;
            let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
            let (value, rest) = rest.split_at_checked(length)?;
            bytes = rest;
            if header[..2] != [0, 0] {
                return None;
            }
            let number = || value.first_chunk::<2>().map(|b| u16::from_le_bytes(*b));
            let text = || trimmed(&String::from_utf8_lossy(value)).to_owned();
            match u16::from_le_bytes([header[2], header[3]]) {
                CLASS => command.class = text(),
                FIELD => field = Some(number()?),
                MESSAGE | MESSAGE_ANSWERED => message = Some(number()?),
                DATA_SET_TYPE => data_set = Some(number()? != NO_DATA_SET),
                STATUS => command.status = number()?,
                COMMENT => command.comment = text(),
                INSTANCE => command.instance = text(),
                _ => {}
            }
        }
        Some(Self { field: field?, message: message?, data_set: data_set?, ..command })
    }

    /// Encodes the command set.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut set = Vec::new();
        let mut put = |element: u16, value: &[u8], padding: u8| {
            let odd = value.len() % 2;
            set.extend_from_slice(&[0, 0]);
            set.extend_from_slice(&element.to_le_bytes());
            set.extend_from_slice(&((value.len() + odd) as u32).to_le_bytes());
            set.extend_from_slice(value);
            set.extend_from_slice(&[padding][..odd]);
        };
        let data_set = if self.data_set { DATA_SET } else { NO_DATA_SET };
        if !self.class.is_empty() {
            put(CLASS, self.class.as_bytes(), 0);
        }
        put(FIELD, &self.field.to_le_bytes(), 0);
        put(if self.is_response() { MESSAGE_ANSWERED } else { MESSAGE }, &self.message.to_le_bytes(), 0);
        if self.field == STORE {
            put(PRIORITY, &[0, 0], 0);
        }
        put(DATA_SET_TYPE, &data_set.to_le_bytes(), 0);
        if self.is_response() {
            put(STATUS, &self.status.to_le_bytes(), 0);
        }
        if !self.comment.is_empty() {
            put(COMMENT, self.comment.as_bytes(), b' ');
        }
        if !self.instance.is_empty() {
            put(INSTANCE, self.instance.as_bytes(), 0);
        }
        let mut bytes = Vec::with_capacity(12 + set.len());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&GROUP_LENGTH.to_le_bytes());
        bytes.extend_from_slice(&4_u32.to_le_bytes());
        bytes.extend_from_slice(&(set.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&set);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use dicom_dictionary_std::tags;
    use dicom_object::InMemDicomObject;
    use dicom_transfer_syntax_registry::entries::IMPLICIT_VR_LITTLE_ENDIAN;

    use super::*;

    #[test]
    fn decoding_reverses_encoding() {
        let store = Command::store(7, "1.2.3", "1.2.3.4.5");
        let response = store.response(0xa700, "no space left");
        for command in [store, response, Command::echo(1, "1.2.840.10008.1.1")] {
            let bytes = command.encode();
            assert_eq!(bytes.len() % 2, 0);
            assert_eq!(Command::decode(&bytes), Some(command.clone()));
            for end in 1..bytes.len() {
                assert_ne!(Command::decode(&bytes[..end]), Some(command.clone()), "cut at {end}");
            }
        }
    }

    #[test]
    fn lengths_beyond_the_end_are_refused() {
        assert_eq!(Command::decode(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 1, 0]), None);
        assert_eq!(Command::decode(&[]), None);
    }

    #[test]
    fn dicom_object_reads_our_commands() {
        let store = Command::store(7, "1.2.3", "1.2.3.4.5");
        let syntax = IMPLICIT_VR_LITTLE_ENDIAN.erased();
        for command in [store.response(0xa700, "no space left"), store] {
            let read = InMemDicomObject::read_dataset_with_ts(&command.encode()[..], &syntax).unwrap();
            let text = |tag| read.element(tag).unwrap().to_str().unwrap().into_owned();
            assert_eq!(text(tags::AFFECTED_SOP_CLASS_UID), command.class);
            assert_eq!(text(tags::AFFECTED_SOP_INSTANCE_UID), command.instance);
            assert_eq!(read.element(tags::COMMAND_FIELD).unwrap().to_int::<u16>().unwrap(), command.field);
            let length = read.element(tags::COMMAND_GROUP_LENGTH).unwrap().to_int::<usize>().unwrap();
            assert_eq!(length + 12, command.encode().len());
        }
    }
}
