//! Panel 2: the selected B-scan with its boundaries and lesions.
//!
//! ```text
//! ┌ 2 B-scan · 31/49 P0041_OD.vol OD ─── conf. 0.93 · crop · lines all ┐
//! │▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀│
//! │  ━ILM ━NFL/GCL ━IPL/INL ━INL/OPL ━OPL/ONL ━ONL/EZ ━EZ/RPE ━RPE/BM  │
//! │good · ■SRF 0.031 mm², 62 µm  no EZ                                 │
//! └────────────────────────────────────────────────────────────────────┘
//! ```

use octrls_core::{layer::Boundary, measure::Verdict, scan::Eye, segment::SegmentedBScan};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::{findings, frame::PanelTitle};
use crate::{
    dashboard::{
        correcting::Correction,
        images::{ImageCache, Overlay, has_lifted_rpe},
        keymap::{Action, KeyContext},
        panel::Panel,
        render_context::RenderContext,
        text,
        view::Popup,
        widgets::centered_message,
    },
    state::{ScanRecord, ScanState},
};

/// Rows from which the findings of a B-scan and of its scan may fill two lines each.
const TALL: u16 = 12;
/// Cells of a name that can be read.
const MIN_NAME: usize = 10;
/// Rows below which there is room for one line only.
const LOW: u16 = 8;

pub(crate) fn draw(ctx: &RenderContext, images: &mut ImageCache, area: Rect, buf: &mut Buffer) -> PanelTitle {
    let segmented = ctx.bscan.and_then(|(_, bscan)| bscan.segmented.as_ref());
    let whole = area;
    let area = match &ctx.view.correction {
        Some(correction) => draw_correction(ctx, correction, area, buf),
        None => draw_findings(ctx, images.is_text(ctx.theme), area, buf),
    };
    let area = if segmented.is_some() { draw_missing_image(ctx, area, buf) } else { area };
    match segmented {
        Some(bscan) if !images.is_off() => {
            let text_mode = images.is_text(ctx.theme);
            let legend = legend(ctx, bscan, text_mode, usize::from(area.width)).filter(|_| whole.height >= 10);
            let height = area.height - u16::from(legend.is_some());
            let covered = matches!(ctx.view.popup, Some(Popup::Help { .. } | Popup::Details { .. } | Popup::Quit));
            images.draw(bscan, ctx.view.bscan_style(), covered, ctx.theme, Rect { height, ..area }, buf);
            if let Some(legend) = legend {
                let indent = area.width.saturating_sub(legend.width() as u16) / 2;
                buf.set_line(area.x + indent, area.bottom() - 1, &legend, area.width - indent);
            }
        }
        _ => draw_reason(ctx, images, area, buf),
    }
    title(ctx, images, usize::from(area.width))
}

fn title(ctx: &RenderContext, images: &ImageCache, width: usize) -> PanelTitle {
    let Some(scan) = ctx.scan else { return PanelTitle::default() };
    let mut words = Vec::new();
    if let (Some((index, _)), Some(total)) = (ctx.bscan, ctx.bscan_count()) {
        words.push(format!("{}/{total}", index + 1));
    }
    if let Some(eye) = laterality(scan) {
        words.push(eye.into());
    }
    let options = match ctx.bscan {
        Some((_, bscan)) if bscan.segmented.is_some() && !images.is_off() => {
            let render_style = ctx.view.bscan_style();
            let crop = if render_style.crop { "crop" } else { "whole" };
            let lines = format!("lines {}", render_style.overlay.word());
            let measurements = &bscan.measurements;
            let verdict = match measurements.verdict {
                Verdict::Good => String::new(),
                worse => format!("{} · ", worse.words()),
            };
            let magnified = match render_style.window.magnification() {
                1 => String::new(),
                times => format!("×{times} · "),
            };
            let first = match ctx.view.correction {
                Some(_) => format!("{magnified}correct lines"),
                None => format!("{magnified}{verdict}conf. {:.2}", measurements.confidence),
            };
            let longer = format!("{first} · {crop}");
            let longest = if ctx.view.correction.is_some() { longer.clone() } else { format!("{longer} · {lines}") };
            vec![longest, longer, first]
        }
        _ => Vec::new(),
    };
    // Shorten the name to make room for the options, but keep it readable; then leave out the least important ones.
    let fixed = words.iter().map(|w| text::width(w) + 1).sum::<usize>() + 18;
    let room_beside = |options: &String| width.saturating_sub(fixed + text::width(options));
    let right = options.into_iter().find(|options| room_beside(options) >= MIN_NAME).unwrap_or_default();
    let room = room_beside(&right);
    words.insert(words.len().min(1), text::shorten_path(&scan.name, room));
    PanelTitle { left: words.join(" "), right }
}

/// `OD` or `OS`.
fn laterality(scan: &ScanRecord) -> Option<&'static str> {
    let known = scan.header.as_ref().and_then(|h| h.eye).or_else(|| scan.summary.as_ref().and_then(|s| s.eye));
    known.map(|eye| match eye {
        Eye::Right => "OD",
        Eye::Left => "OS",
    })
}

/// Says at the top of `area` why the lines are drawn without the scan's pixels; returns the area below.
fn draw_missing_image(ctx: &RenderContext, area: Rect, buf: &mut Buffer) -> Rect {
    let reason = ctx.result().and_then(|result| result.without_pixels.as_deref());
    let Some(reason) = reason.filter(|_| area.height > LOW) else { return area };
    let words = text::truncate(&format!("no image: {reason}"), usize::from(area.width));
    buf.set_string(area.x, area.y, words, ctx.theme.warning());
    Rect { y: area.y + 1, height: area.height - 1, ..area }
}

/// Draws what is corrected at the bottom of `area`; returns the area above it.
fn draw_correction(ctx: &RenderContext, correction: &Correction, area: Rect, buf: &mut Buffer) -> Rect {
    let mut line = String::new();
    for part in correction.words() {
        let next = if line.is_empty() { part } else { format!("{line} · {part}") };
        if text::width(&next) > usize::from(area.width) {
            break;
        }
        line = next;
    }
    let height = area.height.saturating_sub(1);
    buf.set_string(area.x, area.y + height, line, ctx.theme.strong());
    Rect { height, ..area }
}

/// Draws the lesions and findings at the bottom of `area`; returns the area above them.
fn draw_findings(ctx: &RenderContext, letters: bool, area: Rect, buf: &mut Buffer) -> Rect {
    let rows = if area.height >= TALL { 2 } else { 1 };
    let mut lines = findings::lines(ctx, letters, usize::from(area.width), rows);
    if area.height < LOW {
        lines.truncate(1);
    }
    let height = area.height.saturating_sub(lines.len() as u16);
    for (line, y) in lines.iter().zip(area.top() + height..area.bottom()) {
        buf.set_line(area.x, y, line, area.width);
    }
    Rect { height, ..area }
}

/// The names of the drawn boundaries in their colours, if all fit; with the outer edge of the RPE and an inferred end of
/// the choroid, if these fit too.
fn legend(ctx: &RenderContext, bscan: &SegmentedBScan, text_mode: bool, width: usize) -> Option<Line<'static>> {
    let render_style = ctx.view.render_style;
    let drawn: Vec<Boundary> = match render_style.overlay {
        Overlay::All => Boundary::ALL.into_iter().filter(|b| !render_style.crop || *b != Boundary::Csb).collect(),
        Overlay::Layer => vec![render_style.layer.upper(), render_style.layer.lower()],
        Overlay::None => return None,
    };
    let with = |mark: String, name: &str, boundary| {
        Span::styled(format!("{mark}{} ", name.replace('_', "/")), ctx.theme.boundary(boundary))
    };
    let named = |boundary: Boundary| {
        let mark = match boundary {
            _ if !text_mode => "━".to_owned(),
            Boundary::Csb => "=".to_owned(),
            _ => format!("{} ", boundary.index() + 1),
        };
        with(mark, boundary.label(), boundary)
    };
    let mut extra = Vec::new();
    if text_mode && drawn.contains(&Boundary::RpeBm) && has_lifted_rpe(bscan) {
        extra.push(with("~".to_owned(), "lifted RPE", Boundary::RpeBm));
    }
    if drawn.contains(&Boundary::Csb) && bscan.surfaces.csb_visible().flatten().any(|visible| !visible) {
        extra.push(with(if text_mode { "-" } else { "╌" }.to_owned(), "inferred", Boundary::Csb));
    }
    let lines = [extra, Vec::new()].map(|extra| drawn.iter().copied().map(named).chain(extra).collect::<Line>());
    // The last name ends with a gap.
    lines.into_iter().find(|line| line.width() <= width + 1)
}

/// Draws the reason why there is no image.
fn draw_reason(ctx: &RenderContext, images: &ImageCache, area: Rect, buf: &mut Buffer) {
    let theme = ctx.theme;
    let (message, style) = match (ctx.scan, ctx.bscan) {
        (None, _) => ("the current B-scan appears here".into(), theme.dim()),
        (Some(scan), None) => match &scan.state {
            ScanState::Quarantined { code, reason } => {
                let retry = ctx.keys.key_of(KeyContext::Main, Action::Retry);
                (format!("✗ quarantined · {code}\n\n{reason}\n\npress {retry} to retry"), theme.error())
            }
            ScanState::Retry { code, reason, .. } => {
                (format!("↻ retry · attempt {} · {code}\n\n{reason}", scan.attempt), theme.warning())
            }
            ScanState::Running => ("reading the first B-scan".into(), theme.dim()),
            ScanState::Seen => ("waiting until the file stops changing".into(), theme.dim()),
            ScanState::Queued => ("waiting for a worker".into(), theme.dim()),
            ScanState::Vanished => ("the file vanished before it was processed".into(), theme.dim()),
            ScanState::Done | ScanState::Known => reason_of_finished(ctx, scan),
            ScanState::Interrupted => ("the watcher ended while it worked on this scan".into(), theme.warning()),
            ScanState::Expired => ("its results were removed because of their age".into(), theme.dim()),
        },
        (Some(_), Some(_)) if images.is_off() => ("images are off (--image)".into(), theme.dim()),
        (Some(scan), Some(_)) if scan.state.is_finished() => reason_of_finished(ctx, scan),
        (Some(_), Some(_)) => (
            format!("its image returns when the scan is done\n\nits values are in panel {}", Panel::Layers.number()),
            theme.dim(),
        ),
    };
    centered_message(&message, style, area, buf);
}

/// Why a finished scan shows no image.
fn reason_of_finished(ctx: &RenderContext, scan: &ScanRecord) -> (String, Style) {
    let known = if scan.state == ScanState::Known { "the same content was processed before\n\n" } else { "" };
    match ctx.shelf.failure(scan.id) {
        Some(reason) => (format!("{known}its results cannot be shown\n\n{reason}"), ctx.theme.warning()),
        None if ctx.shelf.is_reading(scan.id) => (format!("{known}reading its results"), ctx.theme.dim()),
        None => (format!("{known}its results are on disk"), ctx.theme.dim()),
    }
}
