//! Titles and addresses of DICOM nodes.

use std::{fmt, str::FromStr};

use octrls_core::ErrorCode;

/// Longest title, in characters (PS3.5, value representation AE).
const MAX_TITLE: usize = 16;

/// An invalid title or target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Invalid application entity title.
    #[error("{0:?} is not a valid AE title; use 1 to 16 printable ASCII characters without backslash")]
    Title(String),
    /// Invalid target.
    #[error("{0:?} is not a valid target; write TITLE@host:port")]
    Target(String),
}

impl AddressError {
    /// Stable error code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Title(_) => ErrorCode::NodeTitle,
            Self::Target(_) => ErrorCode::NodeTarget,
        }
    }
}

/// An application entity title: 1 to 16 printable ASCII characters without backslash; spaces at the ends are removed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AeTitle(String);

impl AeTitle {
    /// The title as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AeTitle {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let title = text.trim_matches(' ');
        let allowed = |b: u8| (b.is_ascii_graphic() || b == b' ') && b != b'\\';
        if title.is_empty() || title.len() > MAX_TITLE || !title.bytes().all(allowed) {
            return Err(AddressError::Title(text.to_owned()));
        }
        Ok(Self(title.to_owned()))
    }
}

impl fmt::Display for AeTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The address of a node to send to: `TITLE@host:port`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    title: AeTitle,
    address: String,
}

impl Target {
    /// The node's title.
    #[must_use]
    pub const fn title(&self) -> &AeTitle {
        &self.title
    }

    /// Host and port.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl FromStr for Target {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let invalid = || AddressError::Target(text.to_owned());
        let (title, address) = text.rsplit_once('@').ok_or_else(invalid)?;
        let (host, port) = address.rsplit_once(':').ok_or_else(invalid)?;
        if host.is_empty() || port.parse::<u16>().ok().is_none_or(|port| port == 0) {
            return Err(invalid());
        }
        Ok(Self { title: title.parse()?, address: address.to_owned() })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.title, self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_short_and_printable() {
        assert_eq!("  MY PACS ".parse::<AeTitle>().unwrap().as_str(), "MY PACS");
        for wrong in ["", "   ", "SEVENTEEN_LETTERS", "A\\B", "A\nB", "Ä"] {
            assert_eq!(wrong.parse::<AeTitle>().unwrap_err().code(), "E-NODE-TITLE", "{wrong}");
        }
    }

    #[test]
    fn targets_have_a_title_a_host_and_a_port() {
        for right in ["PACS@127.0.0.1:104", "A B@archive.example:11112", "P@[::1]:104"] {
            assert_eq!(right.parse::<Target>().unwrap().to_string(), right);
        }
        for wrong in ["PACS", "PACS@host", "PACS@host:0", "PACS@:104", "PACS@host:70000", "@host:104"] {
            wrong.parse::<Target>().unwrap_err();
        }
    }
}
