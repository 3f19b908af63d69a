//! Unique identifiers (PS3.5, section 9.1).

/// Maximum length of an identifier.
const MAX: usize = 64;

/// `text` without padding, if it is an identifier: numbers with dots between. As a file name, it cannot leave its
/// folder.
#[must_use]
pub fn checked(text: &str) -> Option<&str> {
    let uid = trimmed(text);
    let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    (uid.len() <= MAX && uid.split('.').all(number)).then_some(uid)
}

/// `text` without the padding that makes its length even.
#[must_use]
pub fn trimmed(text: &str) -> &str {
    text.trim_end_matches(['\0', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_numbers_with_dots() {
        assert_eq!(checked("1.2.840.0\0"), Some("1.2.840.0"));
        assert_eq!(checked(&"1".repeat(64)).map(str::len), Some(64));
        let hostile = ["", "\0", ".", "..", "../1.2", "1..2", ".1", "1.", "1/2", "1.2\0/3", "1.a", "1.2 .3", "１.2"];
        assert!(hostile.iter().all(|text| checked(text).is_none()));
        assert_eq!(checked(&"1".repeat(65)), None);
    }
}
