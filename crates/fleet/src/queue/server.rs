//! Address of and login to the queue's server.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use async_nats::ServerAddr;

use crate::FleetError;

/// Longest file with a secret, in bytes.
const MAX_SECRET: u64 = 1 << 16;

/// A login to the server.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// None, or a client certificate only.
    Anonymous,
    /// User name and password.
    Password(String, String),
    /// A token.
    Token(String),
    /// A NATS credentials file: JWT and nkey seed.
    Credentials(PathBuf),
}

/// The addresses of a NATS server or cluster. The login is kept apart, so that printing shows no secret.
#[derive(Clone, Debug)]
pub struct ServerUrl {
    addresses: Vec<ServerAddr>,
    login: Login,
}

/// Prefix of a fleet's streams, stores and subjects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueName(String);

/// All settings for connecting to a queue.
#[derive(Clone, Debug)]
pub struct Server {
    /// Addresses of the server or cluster.
    pub url: ServerUrl,
    /// Name of the queue on the server.
    pub name: QueueName,
    /// Overrides the login in the URL, unless [`Login::Anonymous`].
    pub login: Login,
    /// CA certificates for the server, in place of the system's.
    pub ca: Option<PathBuf>,
    /// Client certificate and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// Prints only the kind, never the secret.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "anonymous",
            Self::Password(..) => "a password",
            Self::Token(_) => "a token",
            Self::Credentials(_) => "a credentials file",
        })
    }
}

impl Login {
    /// Reads `user:password` or a token from a file.
    ///
    /// # Errors
    /// [`FleetError::File`] if the file cannot be read or is not one line.
    pub fn of_file(path: &Path) -> Result<Self, FleetError> {
        let failed = |source| FleetError::File { path: path.to_owned(), source };
        let text = read_secret(path).map_err(failed)?;
        let line = text.trim();
        if line.is_empty() || line.contains(char::is_control) {
            return Err(failed(io::Error::other("it must contain one line: user:password or a token")));
        }
        Ok(Self::of(line))
    }

    fn of(text: &str) -> Self {
        match text.split_once(':') {
            Some((user, password)) => Self::Password(user.to_owned(), password.to_owned()),
            None => Self::Token(text.to_owned()),
        }
    }
}

/// Reads a short text file.
pub(crate) fn read_secret(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > MAX_SECRET {
        return Err(io::Error::other("the file is too long"));
    }
    fs::read_to_string(path)
}

impl FromStr for ServerUrl {
    type Err = String;

    /// Parses addresses such as `nats://user:password@host:4222` or `tls://token@host`, comma-separated for a cluster.
    fn from_str(text: &str) -> Result<Self, String> {
        let (mut addresses, mut login) = (Vec::new(), Login::Anonymous);
        for address in text.split(',').map(str::trim) {
            let (scheme, rest) = address.split_once("://").unwrap_or(("nats", address));
            if !matches!(scheme, "nats" | "tls") {
                return Err("the address must begin with nats:// or tls://".to_owned());
            }
            let (secret, host) = rest.rsplit_once('@').map_or((None, rest), |(secret, host)| (Some(secret), host));
            if host.is_empty() {
                return Err("the address has no host".to_owned());
            }
            if let Some(secret) = secret {
                let decoded = secret.split(':').map(percent_decoded).collect::<Option<Vec<_>>>();
                let decoded =
                    decoded.ok_or_else(|| "the login in the address is not valid percent-encoding".to_owned())?;
                login = match decoded.as_slice() {
                    [token] => Login::Token(token.clone()),
                    [user, password] => Login::Password(user.clone(), password.clone()),
                    _ => return Err("the login in the address has more than two parts".to_owned()),
                };
            }
            // The parser's error may repeat its input, which no longer contains a secret.
            addresses.push(format!("{scheme}://{host}").parse().map_err(|e: io::Error| e.to_string())?);
        }
        Ok(Self { addresses, login })
    }
}

impl ServerUrl {
    pub(crate) fn addresses(&self) -> Vec<ServerAddr> {
        self.addresses.clone()
    }

    pub(crate) const fn login(&self) -> &Login {
        &self.login
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, address) in self.addresses.iter().enumerate() {
            let separator = if i > 0 { "," } else { "" };
            write!(f, "{separator}{}", address.as_url_str())?;
        }
        Ok(())
    }
}

impl FromStr for QueueName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_valid =
            (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        is_valid
            .then(|| Self(text.to_owned()))
            .ok_or_else(|| "use 1 to 32 characters from A-Z, a-z, 0-9, - and _".to_owned())
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Decodes percent-encoding; `None` if it is invalid or not UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(first);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_is_kept_apart_from_the_address() {
        let url: ServerUrl = "nats://ward:p%40ss@one:4222, tls://two".parse().unwrap();
        assert_eq!(url.login, Login::Password("ward".into(), "p@ss".into()));
        assert_eq!(url.to_string(), "nats://one:4222,tls://two");
        let url: ServerUrl = "s3cret@host".parse().unwrap();
        assert_eq!((url.login.clone(), url.to_string().as_str()), (Login::Token("s3cret".into()), "nats://host"));
        assert!(!format!("{url:?}").contains("s3cret"));
    }

    #[test]
    fn invalid_addresses_are_refused_without_repeating_them() {
        for wrong in
            ["http://s3cret@host", "nats://", "nats://s3cret@", "nats://s3cret:%zz@host", "nats://a:s3cret:c@host"]
        {
            let error = wrong.parse::<ServerUrl>().unwrap_err();
            assert!(!error.contains("s3cret"), "{error}");
        }
        for wrong in ["", "a.b", "a b", "ä", &"x".repeat(33)] {
            wrong.parse::<QueueName>().unwrap_err();
        }
    }

    #[test]
    fn a_login_file_holds_a_password_or_a_token() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        for (text, login) in
            [("ward:p:w\n", Login::Password("ward".into(), "p:w".into())), ("t0ken", Login::Token("t0ken".into()))]
        {
            fs::write(&path, text).unwrap();
            assert_eq!(Login::of_file(&path).unwrap(), login);
        }
        for wrong in ["", "a\nb"] {
            fs::write(&path, wrong).unwrap();
            assert_eq!(Login::of_file(&path).unwrap_err().code(), "E-FLEET-FILE");
        }
    }
}
