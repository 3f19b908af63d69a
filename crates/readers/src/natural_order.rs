//! Natural order of file names: 2 before 10.

use std::path::Path;

/// See [`natural_key`].
pub type NaturalKey = Vec<(String, usize, String)>;

/// [`natural_key`] of the name of the file at `path`.
pub(crate) fn natural_key_of(path: &Path) -> NaturalKey {
    natural_key(&path.file_name().unwrap_or_default().to_string_lossy())
}

/// Sort key for natural order: for each number in the name, the text before it, its count of digits, and its digits
/// without leading zeros.
#[must_use]
pub fn natural_key(name: &str) -> NaturalKey {
    let mut key = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let number = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (text, after) = rest.split_at(number);
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let (digits, left) = after.split_at(end);
        let digits = digits.trim_start_matches('0');
        key.push((text.to_lowercase(), digits.len(), digits.to_owned()));
        rest = left;
    }
    key
}

#[cfg(test)]
mod tests {
    use super::natural_key;

    #[test]
    fn numbers_sort_by_value() {
        let mut names = ["b10.png", "B2.png", "b1-10.png", "b1-9.png", "b002.png", "a99.png", "c.png"];
        names.sort_by_key(|n| natural_key(n));
        assert_eq!(names, ["a99.png", "b1-9.png", "b1-10.png", "B2.png", "b002.png", "b10.png", "c.png"]);
        assert!(natural_key(&"9".repeat(5000)) > natural_key("8"));
    }
}
