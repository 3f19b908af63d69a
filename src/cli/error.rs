//! Errors of commands: a stable code, then the causes in one line.

use octrls_core::ErrorCode;

/// Puts its stable code in front of an error.
pub(crate) fn coded(code: ErrorCode, error: impl std::error::Error + Send + Sync + 'static) -> anyhow::Error {
    anyhow::Error::new(error).context(code)
}

/// An error and its causes in one line. Leaves out a cause that the text before already ends with.
pub(crate) fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if line.ends_with(&cause) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&cause);
    }
    line
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn each_cause_appears_once() {
        let error = anyhow!("no such file").context("cannot read x: no such file").context(ErrorCode::ReadIo);
        assert_eq!(one_line(&error), "E-READ-IO: cannot read x: no such file");
        let error = anyhow!("denied").context("cannot read x").context(ErrorCode::ReadIo);
        assert_eq!(one_line(&error), "E-READ-IO: cannot read x: denied");
    }
}
