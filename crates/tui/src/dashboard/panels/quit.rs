//! The question before work is left.
//!
//! ```text
//! ┏ Quit? ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
//! ┃ 2 scans in work, 4 wait.               ┃
//! ┃                                        ┃
//! ┃ d      finish them, then quit          ┃
//! ┃ a      stop now; they start anew …     ┃
//! ┃ Esc n  stay                            ┃
//! ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//! ```

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::popup;
use crate::dashboard::{
    keymap::{self, Context},
    scene::Scene,
    text,
};

pub(crate) fn draw(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let counts = scene.model.counts();
    let running = if counts.running == 1 { "1 scan is".into() } else { format!("{} scans are", counts.running) };
    let waiting = counts.waiting + counts.retry;
    let wait = match waiting {
        0 => ".".into(),
        1 => ", 1 waits for the next start.".into(),
        n => format!(", {n} wait for the next start."),
    };
    let mut lines = vec![Line::from(format!("{running} in work{wait}")), Line::default()];
    lines.extend(keymap::help(Context::Quit).into_iter().filter(|l| !l.keys.starts_with("Ctrl")).map(|line| {
        let keys = Span::styled(text::fit(&line.keys, 7), scene.theme.key());
        Line::from(vec![keys, Span::raw(line.text)])
    }));
    let width = lines.iter().map(Line::width).max().unwrap_or(0) as u16 + 4;
    let inner = popup(scene, "Quit?", (width, lines.len() as u16 + 2), area, buf);
    for (line, y) in lines.iter().zip(inner.top()..inner.bottom()) {
        buf.set_line(inner.x, y, line, inner.width);
    }
}
