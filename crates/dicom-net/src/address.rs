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
    /// Invalid address of a DICOMweb service.
    #[error(
        "{0:?} is not the address of a DICOMweb service; write https://host/path, without user, query and fragment"
    )]
    Web(String),
}

impl AddressError {
    /// Stable error code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Title(_) => ErrorCode::NodeTitle,
            Self::Target(_) | Self::Web(_) => ErrorCode::NodeTarget,
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

    /// The host: a name or an address; one of IPv6 in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.address.rsplit_once(':').map_or(self.address.as_str(), |(host, _)| host)
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

/// The address of a DICOMweb service: the part of its URLs before `/studies`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WebAddress(String);

impl WebAddress {
    /// The address without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether connections are encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl FromStr for WebAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let invalid = || AddressError::Web(text.to_owned());
        let rest = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme)).ok_or_else(invalid)?;
        let host = rest.split('/').next().unwrap_or_default();
        let allowed = |b: u8| b.is_ascii_graphic() && !matches!(b, b'@' | b'?' | b'#' | b'\\' | b'"' | b'<' | b'>');
        if host.is_empty() || host.starts_with(':') || !rest.bytes().all(allowed) {
            return Err(invalid());
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for WebAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where to send objects: a node, or a DICOMweb service if it starts with `https://` or `http://`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    /// By C-STORE.
    Node(Target),
    /// By STOW-RS.
    Web(WebAddress),
}

impl From<Target> for Destination {
    fn from(target: Target) -> Self {
        Self::Node(target)
    }
}

impl FromStr for Destination {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.contains("://") { text.parse().map(Self::Web) } else { text.parse().map(Self::Node) }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(target) => target.fmt(f),
            Self::Web(address) => address.fmt(f),
        }
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
    fn addresses_of_services_have_a_scheme_and_no_secrets() {
        for right in ["https://pacs.example/dicom-web", "http://127.0.0.1:8042/dicom-web/", "https://[::1]:8443/rs"] {
            let Destination::Web(address) = right.parse().unwrap() else { panic!("{right}") };
            assert_eq!(address.as_str(), right.trim_end_matches('/'));
        }
        for wrong in
            ["ftp://host", "https://", "https://u:p@host/rs", "https://host/rs?a=b", "https://:80/", "https://a b/"]
        {
            wrong.parse::<Destination>().unwrap_err();
        }
        assert!(matches!("PACS@host:104".parse(), Ok(Destination::Node(_))));
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
