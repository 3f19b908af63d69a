//! A web page that shows many results: a picture of each with eye, date, verdict and findings, and a link to the rest. Without
//! scripts and without anything from elsewhere.

use std::{
    fmt::Write as _,
    fs,
    path::{Component, Path, PathBuf},
};

use serde_json::Value;

use super::{ExportError, eyes::EyeResult};
use crate::{
    RESULT_FILE,
    index_page::{INDEX_FILE, STYLE, escaped},
};

/// The page, result by result.
#[derive(Debug)]
pub struct ContactSheet {
    /// The folder in which the page will lie.
    place: PathBuf,
    figures: String,
    count: usize,
}

impl ContactSheet {
    /// A page that will lie in the folder `place`, to which its links are relative.
    #[must_use]
    pub fn new(place: &Path) -> Self {
        Self { place: absolute(place), figures: String::new(), count: 0 }
    }

    /// Adds the result in `folder`.
    ///
    /// # Errors
    /// [`ExportError::Result`] if it is incomplete or damaged.
    pub fn add(&mut self, folder: &Path) -> Result<(), ExportError> {
        let failed = |reason: String| ExportError::Result { folder: folder.to_owned(), reason };
        let text = fs::read(folder.join(RESULT_FILE)).map_err(|e| failed(e.to_string()))?;
        let json: Value = serde_json::from_slice(&text).map_err(|e| failed(e.to_string()))?;
        let result = EyeResult::new(json, folder).map_err(failed)?;
        let link = |name: &str| url(&relative(&absolute(folder), &self.place).join(name));
        let has = |name: &str| folder.join(name).is_file();
        let target = [INDEX_FILE, "report.pdf", RESULT_FILE].into_iter().find(|name| has(name)).unwrap_or(RESULT_FILE);
        let picture = picture(&result);
        let image = if has(&picture) {
            format!("<img loading=\"lazy\" alt=\"B-scan with its lines\" src=\"{}\">", link(&picture))
        } else {
            String::new()
        };
        let path = result.text("/scan/path").unwrap_or_default();
        let verdict = result.text("/verdict").unwrap_or_default().replace('_', " ");
        let facts = [
            result.text("/scan/eye").unwrap_or("eye not known").to_owned(),
            result.text("/scan/acquired").map_or("date not stated".to_owned(), |at| at.replace('T', " ")),
            format!("lines {verdict}"),
        ];
        let words = |finding: &Value| finding["words"].as_str().map(str::to_owned);
        let facts: Vec<String> = facts.into_iter().chain(result.items("/findings").iter().filter_map(words)).collect();
        let report = if has("report.pdf") {
            format!("<br><a href=\"{}\">report</a>", link("report.pdf"))
        } else {
            String::new()
        };
        // Writing to a string never fails.
        let _ = writeln!(
            self.figures,
            "<figure class=\"{class}\"><a href=\"{target}\">{image}<br>{path}</a><figcaption>{facts}{report}</figcaption>\
             </figure>",
            class = verdict.replace(' ', "-"),
            target = link(target),
            path = escaped(path),
            facts = escaped(&facts.join("; ")),
        );
        self.count += 1;
        Ok(())
    }

    /// The page as HTML.
    #[must_use]
    pub fn html(&self) -> String {
        format!(
            "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>OCT results</title><style>{STYLE}</style>\n\
             <h1>OCT results: {}</h1>\n{}<p>Research use only, not a medical device. octrls {}</p></html>\n",
            self.count,
            self.figures,
            env!("CARGO_PKG_VERSION")
        )
    }
}

/// The picture to show: a B-scan with a finding, else the middle one.
fn picture(result: &EyeResult) -> String {
    let count = result.number("/scan/bscans").unwrap_or(1.0) as usize;
    let found = result.number("/findings/0/bscans/0").map(|index| index as usize);
    match count {
        0 | 1 => "overlay.png".to_owned(),
        _ => format!("overlay-{:03}.png", found.unwrap_or(count / 2)),
    }
}

/// The path without links, as far as it exists.
fn absolute(path: &Path) -> PathBuf {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

/// `path` as seen from the folder `from`; both are absolute.
fn relative(path: &Path, from: &Path) -> PathBuf {
    let shared = path.components().zip(from.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(path.components().skip(shared)).collect()
}

/// A relative path as a link: everything but letters, digits and a few signs is percent-encoded.
fn url(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.to_string_lossy().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => text.push(byte.into()),
            _ => _ = write!(text, "%{byte:02X}"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(folder: &Path, name: &str, json: &Value) {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(RESULT_FILE), json.to_string()).expect("a result");
        for file in ["overlay-003.png", "report.pdf", INDEX_FILE] {
            fs::write(folder.join(file), "").expect("a file");
        }
    }

    #[test]
    fn each_result_has_its_picture_facts_and_links_that_work_from_the_page() {
        let out = tempfile::tempdir().expect("tempdir");
        let json = serde_json::json!({
            "scan": { "sha256": "0", "path": "a <b>/50 %.vol", "bscans": 9, "eye": "OD", "acquired": "2026-05-04T10:00:00" },
            "verdict": "doubtful", "layers": [], "bscans": [],
            "findings": [{ "words": "fluid & more", "bscans": [3] }],
        });
        result(out.path(), "results/a b/50 %.vol", &json);
        let pages = out.path().join("pages");
        fs::create_dir(&pages).expect("a folder");
        let mut sheet = ContactSheet::new(&pages);
        sheet.add(&out.path().join("results/a b/50 %.vol")).expect("a result");
        let html = sheet.html();
        let base = "../results/a%20b/50%20%25.vol";
        for expected in [
            format!("href=\"{base}/index.html\""),
            format!("src=\"{base}/overlay-003.png\""),
            format!("href=\"{base}/report.pdf\""),
            "a &lt;b&gt;/50 %.vol".to_owned(),
            "OD; 2026-05-04 10:00:00; lines doubtful; fluid &amp; more".to_owned(),
            "OCT results: 1".to_owned(),
        ] {
            assert!(html.contains(&expected), "{expected} in {html}");
        }
        assert!(!html.contains("<script") && !html.contains("http"));
        assert!(sheet.add(&out.path().join("results")).is_err());
    }

    #[test]
    fn a_page_beside_the_results_links_down() {
        assert_eq!(relative(Path::new("/a/b/c"), Path::new("/a/b")), Path::new("c"));
        assert_eq!(relative(Path::new("/a/b"), Path::new("/a/c/d")), Path::new("../../b"));
    }
}
