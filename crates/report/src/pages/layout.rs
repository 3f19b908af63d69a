//! Margins, styles, colours and numbers that the pages of the report share.

use octrls_core::measure::reference::Standing;

use crate::pdf::{Page, Style, WIDTH};

/// Left edge of the text, in points.
pub(super) const MARGIN: f32 = 42.0;
/// Right edge of the text.
pub(super) const RIGHT: f32 = WIDTH - MARGIN;
/// Style of most text.
pub(super) const BODY: Style = Style::of(9.0);
/// Distance of lines in the body style.
pub(super) const LINE: f32 = 13.0;

/// Note on every comparison with a reference group.
pub(super) const OTHER_DEVICES: &str = "Results of other devices and programs differ by a few micrometres.";

/// Background colour of a value outside the reference range.
pub(super) const fn shade(standing: Standing) -> Option<[u8; 3]> {
    match standing {
        Standing::Below => Some([190, 215, 240]),
        Standing::Within => None,
        Standing::Above => Some([250, 215, 170]),
    }
}

/// Marks a value outside the reference range by a dark edge, below or above it, which a grey print shows too.
pub(super) fn draw_edge(page: &mut Page, (x, y): (f32, f32), (width, height): (f32, f32), standing: Option<Standing>) {
    const EDGE: f32 = 1.2;
    const COLOUR: [u8; 3] = [40, 40, 40];
    match standing {
        Some(Standing::Below) => page.fill((x, y + height - EDGE), (width, EDGE), COLOUR),
        Some(Standing::Above) => page.fill((x, y), (width, EDGE), COLOUR),
        Some(Standing::Within) | None => {}
    }
}

/// A mean in whole micrometres; a dash if it is not known.
pub(super) fn micrometres(um: Option<f32>) -> String {
    um.map_or("-".to_owned(), |um| format!("{um:.0}"))
}

/// What the numbers behind the sign \u{b1} are.
pub(super) const UNCERTAINTY_LEGEND: &str = "\u{b1}: half of the 95 % interval.";

/// A mean with half of its 95 % interval, in whole micrometres; a dash if it is not known.
pub(super) fn with_half_width(um: Option<f32>, half_width_um: Option<f32>) -> String {
    let half_width = um.and(half_width_um).map_or(String::new(), |um| format!("\u{b1}{um:.0}"));
    format!("{}{half_width}", micrometres(um))
}

/// The date of a moment as in results.
pub(super) fn day(moment: &str) -> &str {
    moment.split('T').next().unwrap_or(moment)
}

/// The name of a measure for readers.
pub(super) fn measure_label(measure: &str) -> String {
    let parts: Vec<&str> = measure.split('/').collect();
    let layer =
        |key: &str| key.replace('_', "+").to_uppercase().replace("RETINA", "retina").replace("CHOROID", "choroid");
    match parts.as_slice() {
        ["mean", of] => format!("{}, whole scan", layer(of)),
        ["etdrs", of, "grid"] => format!("{}, ETDRS grid", layer(of)),
        ["gcc", at] => format!("GCC {at}"),
        ["circle", "nfl", sector @ ("t" | "ts" | "ns" | "n" | "ni" | "ti")] => {
            format!("NFL around the disc, {}", sector.to_uppercase())
        }
        ["gcipl", at] => format!("GCL+IPL {}", at.replace('_', "-")),
        ["etdrs" | "circle", of, at] => format!("{} {at}", layer(of)),
        _ => measure.to_owned(),
    }
}
