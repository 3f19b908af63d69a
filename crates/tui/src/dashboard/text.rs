//! Formats texts and numbers for a given width.

use std::time::Duration;

use octrls_core::shown::shown;
use ratatui::text::Span;

/// Width of `text` in cells.
pub(crate) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// `text`, or its start and an ellipsis, in at most `max` cells.
pub(crate) fn truncate(text: &str, max: usize) -> String {
    if width(text) <= max {
        return text.into();
    }
    if max == 0 {
        return String::new();
    }
    let mut out: String = take_cells(text.chars(), max - 1).collect();
    out.push('…');
    out
}

/// A path in at most `max` cells, with its control characters escaped; drops its folders first, then the middle of its
/// name.
pub(crate) fn shorten_path(text: &str, max: usize) -> String {
    let text = &*shown(text);
    if width(text) <= max {
        return text.into();
    }
    let name = text.rsplit('/').next().unwrap_or(text);
    if name.len() < text.len() && width(name) + 2 <= max {
        return format!("…/{name}");
    }
    if width(name) <= max {
        return name.into();
    }
    if max < 5 {
        return truncate(name, max);
    }
    let tail_cells = (max - 1) / 2;
    let tail: Vec<char> = take_cells(name.chars().rev(), tail_cells).collect();
    let tail: String = tail.into_iter().rev().collect();
    let front: String = take_cells(name.chars(), max - 1 - width(&tail)).collect();
    format!("{front}…{tail}")
}

/// Paths in at most `max` cells each, as [`shorten_path`] makes them; different names that would look the same show
/// the part in which they differ.
pub(crate) fn shorten_apart(paths: &[&str], max: usize) -> Vec<String> {
    let mut short: Vec<String> = paths.iter().map(|path| shorten_path(path, max)).collect();
    let name = |path: &'_ str| path.rsplit('/').next().unwrap_or(path).to_owned();
    for i in 0..short.len() {
        let same: Vec<usize> = (i..short.len()).filter(|j| short[*j] == short[i] && width(paths[*j]) > max).collect();
        let Some((first, others)) = same.split_first() else { continue };
        // Names in different folders may differ in the folders alone.
        for part in [&name as &dyn Fn(&str) -> String, &str::to_owned] {
            let own = part(paths[*first]);
            let starts = others.iter().map(|j| part(paths[*j])).filter(|other| *other != own);
            if let Some(start) = starts.map(|other| common_start(&own, &other)).min() {
                for j in &same {
                    short[*j] = from_difference(&part(paths[*j]), start, max);
                }
                break;
            }
        }
    }
    short
}

/// Number of characters that both texts start with.
fn common_start(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count()
}

/// `text` from its character `start`, or a little before, in at most `max` cells.
fn from_difference(text: &str, start: usize, max: usize) -> String {
    let rest: Vec<char> = text.chars().skip(start).collect();
    let needed = width(&rest.iter().collect::<String>());
    let before = max.saturating_sub(needed + 1).clamp(2.min(start), start.max(2)).min(start);
    let shown: String = text.chars().skip(start - before).collect();
    truncate(&format!("…{shown}"), max)
}

/// `text` cut or padded on the right to exactly `cells`.
pub(crate) fn pad(text: &str, cells: usize) -> String {
    let mut out = truncate(text, cells);
    out.extend(std::iter::repeat_n(' ', cells.saturating_sub(width(&out))));
    out
}

/// `text` in lines of at most `cells`, broken between words if possible.
pub(crate) fn wrap(text: &str, cells: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let mut word = word.to_owned();
            if !line.is_empty() && width(&line) + 1 + width(&word) > cells {
                lines.push(std::mem::take(&mut line));
            }
            while width(&word) > cells {
                let part: String = take_cells(word.chars(), cells).collect();
                if part.is_empty() {
                    break;
                }
                word.drain(..part.len());
                lines.push(part);
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
        lines.push(line);
    }
    lines
}

/// A time span in at most five cells.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 99.5 => format!("{s:.0} s"),
        s if s < 5970.0 => format!("{:.0} m", s / 60.0),
        s if s < 360_000.0 => format!("{:.0} h", s / 3600.0),
        s => format!("{:.0} d", s / 86_400.0),
    }
}

/// A running time span in at most four cells, without tenths, which would flicker.
pub(crate) fn elapsed(time: Duration) -> String {
    duration(Duration::from_secs(time.as_secs())).replace(".0", "")
}

/// A latency.
pub(crate) fn latency(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    if ms < 999.5 { format!("{ms:.0} ms") } else { format!("{:.1} s", ms / 1000.0) }
}

/// A rate in B-scans per second, or the time per B-scan if the rate is below 1.
pub(crate) fn rate(per_second: f32, wide: bool) -> String {
    if per_second > 0.0 && per_second < 0.95 {
        let seconds = 1.0 / per_second;
        let digits = usize::from(seconds < 9.95);
        return if wide { format!("{seconds:.digits$} s/B-scan") } else { format!("{seconds:.digits$} s each") };
    }
    if wide { format!("{per_second:.1} B-scan/s") } else { format!("{per_second:.1}/s") }
}

/// A progress bar of `cells` cells, filled to `share` (0 to 1) in eighths of a cell.
pub(crate) fn bar(share: f64, cells: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let filled = (share.clamp(0.0, 1.0) * cells as f64 * 8.0).round() as usize;
    let mut out = "█".repeat(filled / 8);
    out.push_str(EIGHTHS[filled % 8]);
    out.extend(std::iter::repeat_n('░', cells - filled.div_ceil(8)));
    out
}

/// Values as columns of eight heights, with blanks for missing values; `None` if all are missing.
pub(crate) fn sparkline(values: &[Option<f32>], cells: usize) -> Option<String> {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let known = || values.iter().flatten().copied();
    let (low, high) = (known().reduce(f32::min)?, known().reduce(f32::max)?);
    let column = |value: f32| {
        let share = if high > low { (value - low) / (high - low) } else { 0.5 };
        HEIGHTS[((share * 7.0).round() as usize).min(7)]
    };
    Some(bin_means(values, cells).into_iter().map(|v| v.map_or(' ', column)).collect())
}

/// Means of `values` in `bins` bins of equal size; `None` for a bin without values.
pub(crate) fn bin_means(values: &[Option<f32>], bins: usize) -> Vec<Option<f32>> {
    (0..bins)
        .map(|i| {
            let from = i * values.len() / bins;
            let to = ((i + 1) * values.len() / bins).max(from + 1).min(values.len());
            let known: Vec<f32> = values.get(from..to)?.iter().flatten().copied().collect();
            (!known.is_empty()).then(|| known.iter().sum::<f32>() / known.len() as f32)
        })
        .collect()
}

fn take_cells(chars: impl Iterator<Item = char>, cells: usize) -> impl Iterator<Item = char> {
    let mut used = 0;
    chars.take_while(move |c| {
        used += width(c.encode_utf8(&mut [0; 4]));
        used <= cells
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_work_is_told_by_the_time_of_a_bscan() {
        let check =
            |per_second, expected: [&str; 2]| assert_eq!([true, false].map(|wide| rate(per_second, wide)), expected);
        check(0.0, ["0.0 B-scan/s", "0.0/s"]);
        check(0.1, ["10 s/B-scan", "10 s each"]);
        check(0.4, ["2.5 s/B-scan", "2.5 s each"]);
        check(0.94, ["1.1 s/B-scan", "1.1 s each"]);
        check(0.96, ["1.0 B-scan/s", "1.0/s"]);
        check(4.1, ["4.1 B-scan/s", "4.1/s"]);
    }

    #[test]
    fn paths_lose_folders_before_letters() {
        let check = |text, max, expected: &str| {
            let out = shorten_path(text, max);
            assert_eq!(out, expected);
            assert!(width(&out) <= max);
        };
        check("a/b.png", 7, "a/b.png");
        check("2026/november/b.png", 8, "…/b.png");
        check("2026/november/long_b.png", 10, "long_b.png");
        check("2026/P0041_OD_macula.vol", 11, "P0041…a.vol");
        check("網膜スキャン.png", 9, "網膜….png");
        check("abcdefgh", 3, "ab…");
        check("abc", 0, "");
    }

    #[test]
    fn different_names_look_different() {
        let names = ["P0036_OD_line.png", "P0036_OS_line.png", "ward/P0036_OD_line.png", "P0036_OS_line.png", "a.png"];
        for max in [6, 8, 9, 12, 14] {
            let short = shorten_apart(&names, max);
            assert!(short.iter().all(|name| width(name) <= max), "{short:?}");
            assert_ne!(short[0], short[1], "{max}");
            assert_eq!((&short[1], short[4].as_str()), (&short[3], "a.png"));
        }
        assert_eq!(shorten_apart(&names[..2], 9), ["…_OD_lin…", "…_OS_lin…"]);
        assert_eq!(shorten_apart(&names[..2], 40), names[..2]);
    }

    #[test]
    fn every_text_fits_its_cells() {
        for cells in 0..24 {
            assert_eq!(width(&pad("網膜スキャン_右眼.png", cells)), cells);
            assert_eq!(width(&bar(0.37, cells)), cells);
        }
    }

    #[test]
    fn lines_part_between_words() {
        assert_eq!(wrap("a bc def\n\nghijklm", 4), ["a bc", "def", "", "ghij", "klm"]);
        assert_eq!(wrap("x", 0), ["x"]);
    }

    #[test]
    fn spans_stay_short() {
        let check = |s, expected| assert_eq!(duration(Duration::from_secs_f64(s)), expected);
        check(0.21, "0.2 s");
        check(12.4, "12 s");
        check(300.0, "5 m");
        check(7200.0, "2 h");
        assert_eq!(latency(Duration::from_millis(61)), "61 ms");
        assert_eq!(latency(Duration::from_millis(1900)), "1.9 s");
    }

    #[test]
    fn gaps_stay_gaps() {
        let values = [Some(1.0), Some(1.0), None, None, Some(2.0), Some(3.0)];
        assert_eq!(sparkline(&values, 3).as_deref(), Some("▁ ▆"));
        assert_eq!(sparkline(&values, 6).as_deref(), Some("▁▁  ▅█"));
        assert_eq!(sparkline(&[None, None], 2), None);
        assert_eq!(bin_means(&[], 2), [None, None]);
    }
}
