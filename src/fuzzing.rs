//! Fuzz target for settings, which no public function accepts as bytes. Only tests and `cargo fuzz` compile this module.

use crate::cli;

/// Parses a settings file of `octrls watch`. It may be rejected with a code and a message.
///
/// # Panics
/// If an invariant is broken.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err((code, message)) = cli::check_settings_text(text) {
        assert!(code.as_str().starts_with("E-CONFIG-") && !message.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use octrls_testing::{Target, assert_promises_kept, project, write_corpora};

    const TARGETS: [Target; 1] = [("config", super::config, seeds)];

    fn seeds() -> Vec<Vec<u8>> {
        let sample = fs::read(project().join("packaging/octrls.toml")).unwrap();
        let all = "roots = ['/in', \"/b\"]\nout = '/o'\nmodel = 'edge'\njobs = 2\npoll = 1e1\npoll_root = ['/b=3']\nstable = 0x2\n\
                   json = true\nattempts = 7\nlog_format = 'json'\n[limits]\nx.y = { z = 1 }\n";
        vec![sample, all.into()]
    }

    #[test]
    fn seeds_and_changed_seeds_keep_all_promises() {
        assert_promises_kept(&TARGETS);
    }

    #[test]
    #[ignore = "writes the first inputs of the fuzz targets"]
    fn write_fuzz_corpora() {
        write_corpora(&TARGETS);
    }
}
