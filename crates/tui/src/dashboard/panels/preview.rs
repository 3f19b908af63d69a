//! Panel 2: the selected B-scan with its boundaries.
//!
//! ```text
//! ┌ 2 B-scan · 31/49 P0041_OD.vol OD ───── half blocks · crop · all ┐
//! │ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ │
//! │ ━ILM ━NFL/GCL ━IPL/INL ━INL/OPL ━OPL/ONL ━ONL/EZ ━EZ/RPE ━RPE/BM │
//! └─────────────────────────────────────────────────────────────────┘
//! ```

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::{Title, sentence};
use crate::{
    dashboard::{
        bscan_image::Overlay, image_cache::Pictures, render_context::RenderContext, text, theme::Colours, view::Popup,
    },
    state::{Scan, State},
};
use octrls_core::{layer::Boundary, measure::Verdict, scan::Eye};

pub(crate) fn draw(scene: &RenderContext, pictures: &mut Pictures, area: Rect, buf: &mut Buffer) -> Title {
    let picture = scene.frame.and_then(|(_, frame)| frame.full.as_ref());
    match picture {
        Some(bscan) if !pictures.off() => {
            let legend = legend(scene, usize::from(area.width)).filter(|_| area.height >= 10);
            let height = area.height - u16::from(legend.is_some());
            let covered = matches!(scene.view.popup, Some(Popup::Help(_) | Popup::Quit));
            pictures.draw(bscan, scene.view.look, covered, scene.theme, Rect { height, ..area }, buf);
            if let Some(legend) = legend {
                let indent = area.width.saturating_sub(legend.width() as u16) / 2;
                buf.set_line(area.x + indent, area.bottom() - 1, &legend, area.width - indent);
            }
        }
        _ => explain(scene, pictures, area, buf),
    }
    title(scene, pictures, usize::from(area.width))
}

fn title(scene: &RenderContext, pictures: &Pictures, width: usize) -> Title {
    let Some(scan) = scene.scan else { return Title { left: String::new(), right: String::new() } };
    let mut words = Vec::new();
    if let (Some((index, _)), Some(total)) = (scene.frame, scan.bscans()) {
        words.push(format!("{}/{total}", index + 1));
    }
    if let Some(eye) = eye(scan) {
        words.push(eye.into());
    }
    let options = match scene.frame {
        Some((_, frame)) if frame.full.is_some() && !pictures.off() => {
            let look = scene.view.look;
            let crop = if look.crop { "crop" } else { "whole" };
            let lines = format!("lines {}", look.overlay.word());
            let figures = &frame.figures;
            let verdict = match figures.verdict {
                Verdict::Good => String::new(),
                worse => format!("{} · ", worse.words()),
            };
            format!("{verdict}conf. {:.2} · {crop} · {lines}", figures.confidence)
        }
        _ => String::new(),
    };
    // Shorten the name to make room for the options, but keep it readable.
    let fixed = words.iter().map(|w| text::width(w) + 1).sum::<usize>() + 18;
    let with_options = width.saturating_sub(fixed + text::width(&options));
    let (room, right) =
        if with_options >= 10 { (with_options, options) } else { (width.saturating_sub(fixed), String::new()) };
    words.insert(words.len().min(1), text::path(&scan.name, room));
    Title { left: words.join(" "), right }
}

fn eye(scan: &Scan) -> Option<&'static str> {
    let known = scan.header.as_ref().and_then(|h| h.eye).or_else(|| scan.summary.as_ref().and_then(|s| s.eye));
    known.map(|eye| match eye {
        Eye::Right => "OD",
        Eye::Left => "OS",
    })
}

/// The names of the drawn boundaries in their colours, if all fit.
fn legend(scene: &RenderContext, width: usize) -> Option<Line<'static>> {
    let look = scene.view.look;
    let text_mode = scene.theme.colours() == Colours::None;
    let drawn: Vec<Boundary> = match look.overlay {
        Overlay::All => Boundary::ALL.into_iter().filter(|b| !look.crop || *b != Boundary::Csb).collect(),
        Overlay::Layer => vec![look.layer.upper(), look.layer.lower()],
        Overlay::None => return None,
    };
    let mut spans = Vec::new();
    for boundary in drawn {
        let mark = match boundary {
            _ if !text_mode => "━".to_owned(),
            Boundary::Csb => "=".to_owned(),
            _ => format!("{} ", boundary.index() + 1),
        };
        spans
            .push(Span::styled(format!("{mark}{}", boundary.name().replace('_', "/")), scene.theme.boundary(boundary)));
        spans.push(Span::raw(" "));
    }
    spans.pop();
    let line = Line::from(spans);
    (line.width() <= width).then_some(line)
}

/// Draws the reason why there is no image.
fn explain(scene: &RenderContext, pictures: &Pictures, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let (words, style) = match (scene.scan, scene.frame) {
        (None, _) => ("the current B-scan appears here".into(), theme.quiet()),
        (Some(scan), None) => match &scan.state {
            State::Quarantined { code, reason } => {
                let words = format!("✗ quarantined · {code}\n\n{reason}\n\npress R to retry");
                (words, theme.bad())
            }
            State::Retry { code, reason, .. } => {
                (format!("↻ retry · attempt {} · {code}\n\n{reason}", scan.attempt), theme.warn())
            }
            State::Running => ("reading the first B-scan".into(), theme.quiet()),
            State::Seen => ("waiting until the file stops changing".into(), theme.quiet()),
            State::Queued => ("waiting for a worker".into(), theme.quiet()),
            State::Known => ("the same content was processed before; its results are kept".into(), theme.quiet()),
            State::Vanished => ("the file vanished before it was processed".into(), theme.quiet()),
            State::Done => ("its B-scans are no longer in memory; the results are on disk".into(), theme.quiet()),
        },
        (Some(_), Some(_)) if pictures.off() => ("images are off (--image)".into(), theme.quiet()),
        (Some(_), Some(_)) => ("its image is no longer in memory\n\nits values are in panel 3".into(), theme.quiet()),
    };
    sentence(&words, style, area, buf);
}
