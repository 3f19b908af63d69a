//! Panel 2: the selected B-scan with its boundaries.
//!
//! ```text
//! ┌ 2 B-scan · 31/49 P0041_OD.vol OD ─── conf. 0.93 · crop · lines all ┐
//! │▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀│
//! │  ━ILM ━NFL/GCL ━IPL/INL ━INL/OPL ━OPL/ONL ━ONL/EZ ━EZ/RPE ━RPE/BM  │
//! └────────────────────────────────────────────────────────────────────┘
//! ```

use octrls_core::{layer::Boundary, measure::Verdict, scan::Eye};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::frame::PanelTitle;
use crate::{
    dashboard::{
        images::{ImageCache, Overlay},
        keymap::{self, Action, KeyContext},
        panel::Panel,
        render_context::RenderContext,
        text,
        theme::Colours,
        view::Popup,
        widgets::centered_message,
    },
    state::{ScanRecord, ScanState},
};

pub(crate) fn draw(ctx: &RenderContext, images: &mut ImageCache, area: Rect, buf: &mut Buffer) -> PanelTitle {
    let segmented = ctx.bscan.and_then(|(_, bscan)| bscan.segmented.as_ref());
    match segmented {
        Some(bscan) if !images.is_off() => {
            let legend = legend(ctx, usize::from(area.width)).filter(|_| area.height >= 10);
            let height = area.height - u16::from(legend.is_some());
            let covered = matches!(ctx.view.popup, Some(Popup::Help { .. } | Popup::Quit));
            images.draw(bscan, ctx.view.render_style, covered, ctx.theme, Rect { height, ..area }, buf);
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
    if let (Some((index, _)), Some(total)) = (ctx.bscan, scan.bscan_count()) {
        words.push(format!("{}/{total}", index + 1));
    }
    if let Some(eye) = laterality(scan) {
        words.push(eye.into());
    }
    let options = match ctx.bscan {
        Some((_, bscan)) if bscan.segmented.is_some() && !images.is_off() => {
            let render_style = ctx.view.render_style;
            let crop = if render_style.crop { "crop" } else { "whole" };
            let lines = format!("lines {}", render_style.overlay.word());
            let measurements = &bscan.measurements;
            let verdict = match measurements.verdict {
                Verdict::Good => String::new(),
                worse => format!("{} · ", worse.words()),
            };
            format!("{verdict}conf. {:.2} · {crop} · {lines}", measurements.confidence)
        }
        _ => String::new(),
    };
    // Shorten the name to make room for the options, but keep it readable.
    let fixed = words.iter().map(|w| text::width(w) + 1).sum::<usize>() + 18;
    let with_options = width.saturating_sub(fixed + text::width(&options));
    let (room, right) =
        if with_options >= 10 { (with_options, options) } else { (width.saturating_sub(fixed), String::new()) };
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

/// The names of the drawn boundaries in their colours, if all fit.
fn legend(ctx: &RenderContext, width: usize) -> Option<Line<'static>> {
    let render_style = ctx.view.render_style;
    let text_mode = ctx.theme.colours() == Colours::None;
    let drawn: Vec<Boundary> = match render_style.overlay {
        Overlay::All => Boundary::ALL.into_iter().filter(|b| !render_style.crop || *b != Boundary::Csb).collect(),
        Overlay::Layer => vec![render_style.layer.upper(), render_style.layer.lower()],
        Overlay::None => return None,
    };
    let mut spans = Vec::new();
    for boundary in drawn {
        let mark = match boundary {
            _ if !text_mode => "━".to_owned(),
            Boundary::Csb => "=".to_owned(),
            _ => format!("{} ", boundary.index() + 1),
        };
        spans.push(Span::styled(format!("{mark}{}", boundary.name().replace('_', "/")), ctx.theme.boundary(boundary)));
        spans.push(Span::raw(" "));
    }
    spans.pop();
    let line = Line::from(spans);
    (line.width() <= width).then_some(line)
}

/// Draws the reason why there is no image.
fn draw_reason(ctx: &RenderContext, images: &ImageCache, area: Rect, buf: &mut Buffer) {
    let theme = ctx.theme;
    let (message, style) = match (ctx.scan, ctx.bscan) {
        (None, _) => ("the current B-scan appears here".into(), theme.dim()),
        (Some(scan), None) => match &scan.state {
            ScanState::Quarantined { code, reason } => {
                let retry = keymap::key_of(KeyContext::Main, Action::Retry);
                (format!("✗ quarantined · {code}\n\n{reason}\n\npress {retry} to retry"), theme.error())
            }
            ScanState::Retry { code, reason, .. } => {
                (format!("↻ retry · attempt {} · {code}\n\n{reason}", scan.attempt), theme.warning())
            }
            ScanState::Running => ("reading the first B-scan".into(), theme.dim()),
            ScanState::Seen => ("waiting until the file stops changing".into(), theme.dim()),
            ScanState::Queued => ("waiting for a worker".into(), theme.dim()),
            ScanState::Known => ("the same content was processed before; its results are kept".into(), theme.dim()),
            ScanState::Vanished => ("the file vanished before it was processed".into(), theme.dim()),
            ScanState::Done => ("its B-scans are no longer in memory; the results are on disk".into(), theme.dim()),
        },
        (Some(_), Some(_)) if images.is_off() => ("images are off (--image)".into(), theme.dim()),
        (Some(_), Some(_)) => (
            format!("its image is no longer in memory\n\nits values are in panel {}", Panel::Layers.number()),
            theme.dim(),
        ),
    };
    centered_message(&message, style, area, buf);
}
