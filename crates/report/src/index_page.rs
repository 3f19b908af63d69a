//! `index.html` of a volume: verdict and findings, links to its files, and a contact sheet of its B-scans. Without scripts
//! and without anything from elsewhere.

use std::fmt::Write as _;

use crate::record::ResultRecord;

/// Name of the file.
pub(super) const INDEX_FILE: &str = "index.html";

pub(super) const STYLE: &str = "body{font:14px sans-serif;background:#18181c;color:#e1e1e1;margin:1.5em}a{color:#9cf}\
    h1{font-size:1.2em}figure{display:inline-block;margin:4px;width:300px;vertical-align:top}img{width:100%}\
    figcaption{font-size:12px;color:#aaa}.doubtful figcaption{color:#fc6}li{margin:2px 0}";

/// The page; `None` for a single B-scan. `headline` are the paragraphs of the report's headline.
pub(super) fn index_page(record: &ResultRecord<'_>, headline: &[String], files: &[String]) -> Option<String> {
    let count = record.bscans.len();
    if count < 2 {
        return None;
    }
    let scan = record.scan;
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{path}</title><style>{STYLE}</style>\n\
         <h1>{path}</h1>\n<p>{} B-scans, {}, {}</p>\n",
        count,
        scan.eye.map_or("eye not known", octrls_core::scan::Eye::code),
        escaped(scan.acquired.as_deref().unwrap_or("time not stated")),
        path = escaped(&scan.path),
    );
    for words in headline {
        line(&mut html, &format!("<p>{}</p>", escaped(words)));
    }
    line(&mut html, "<ul>");
    for name in files.iter().filter(|name| !is_of_bscan(name)) {
        line(&mut html, &format!("<li><a href=\"{name}\">{name}</a></li>", name = escaped(name)));
    }
    line(&mut html, "</ul>");
    for bscan in record.bscans {
        let index = bscan.findings().0;
        let words = bscan.findings_in_words();
        let found = if words.is_empty() { String::new() } else { format!("; {words}") };
        let verdict = bscan.verdict().words();
        line(
            &mut html,
            &format!(
                "<figure class=\"{class}\"><a href=\"overlay-{index:03}.png\"><img loading=\"lazy\" alt=\"B-scan {number}\" \
                 src=\"overlay-{index:03}.png\"></a><figcaption>B-scan {number} of {count} (file {index:03}): {verdict}\
                 {found}</figcaption></figure>",
                class = verdict.replace(' ', "-"),
                number = index + 1,
                found = escaped(&found),
            ),
        );
    }
    line(&mut html, &format!("<p>{}. octrls {}</p></html>", escaped(record.notice), record.octrls));
    Some(html)
}

fn line(html: &mut String, text: &str) {
    // Writing to a string never fails.
    let _ = writeln!(html, "{text}");
}

/// Whether a file belongs to one B-scan.
fn is_of_bscan(name: &str) -> bool {
    ["mask-", "overlay-", "lesions-"].iter().any(|kind| name.starts_with(kind))
}

/// Text for HTML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn names_are_text_and_no_markup() {
        assert_eq!(escaped("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
    }
}
