//! The first page of the report: verdict and findings, the scan, one B-scan with its lines, thicknesses, lesions and
//! methods.

use octrls_core::{
    layer::{Boundary, EzConvention, Layer},
    measure::{ChoroidVisibility, Criterion, CriterionResult, Outcome, ScanQuality, enface::Coverage},
    scan::{Clock, Eye, Pattern, Provenance, Spacing},
    segment::SegmentedBScan,
};

use super::{
    headline::headline,
    layout::{BODY, LINE, MARGIN, RIGHT},
    lesion_table::LesionTable,
    localizer::Localizer,
};
use crate::{
    device::DeviceRecord,
    drawing::{drawn_lines, lesions_in, tinted},
    images::BACKGROUND,
    pdf::{Align, HEIGHT, Page, Picture, PictureKind, Style, WIDTH, shortened, wrapped},
    record::{LayerRecord, ResultRecord},
};

/// Largest height of the B-scan image with a headline of one line and no table of lesions, in points.
const IMAGE_HEIGHT: f32 = 250.0;
/// Smallest height to which headline and lesions reduce it.
const MIN_IMAGE_HEIGHT: f32 = 170.0;
/// Length of the dashes of an inferred line, in points.
const DASH: f32 = 3.0;
/// Smallest room for the fundus image, in points.
const MIN_LOCALIZER: f32 = 60.0;

/// Left edge of a fact's value, from the left edge of its label.
const VALUE: f32 = 78.0;
/// Left edge of the right column of facts.
const SECOND_COLUMN: f32 = 0.5 * WIDTH + 10.0;
/// Width of a value in the left column.
const VALUE_WIDTH: f32 = SECOND_COLUMN - MARGIN - VALUE - 6.0;

/// A label and its value.
type Fact = (&'static str, String);

/// The content of the first page.
pub(super) struct BScanPage<'a> {
    pub(super) record: &'a ResultRecord<'a>,
    /// The B-scan shown.
    pub(super) shown: &'a SegmentedBScan,
    /// The fundus image with the B-scans, if the scanner took one.
    pub(super) localizer: Option<&'a Localizer<'a>>,
}

/// The first page as drawn.
pub(super) struct FirstPage {
    pub(super) page: Page,
    /// Whether there was room for the fundus image.
    pub(super) has_localizer: bool,
}

impl BScanPage<'_> {
    /// Draws the page.
    pub(super) fn draw(&self) -> FirstPage {
        let mut page = Page::new();
        let record = self.record;
        page.text(MARGIN, 58.0, Style::of(18.0).bold(), Align::Left, "Retinal layers");
        page.rule((MARGIN, 68.0), (RIGHT, 68.0));
        let mut y = 86.0;
        for (i, words) in headline(record).iter().enumerate() {
            let style = if i == 0 { Style::of(10.0).bold() } else { BODY };
            for line in wrapped(words, style, RIGHT - MARGIN) {
                page.text(MARGIN, y, style, Align::Left, &line);
                y += LINE;
            }
        }
        for note in &record.notes {
            for line in wrapped(&note.words.replace(" um", " \u{b5}m"), BODY, RIGHT - MARGIN) {
                page.text(MARGIN, y, BODY, Align::Left, &line);
                y += LINE;
            }
        }
        y += 4.0;
        let facts_top = y;
        for (left, right) in self.facts() {
            for (x, (name, value)) in [(MARGIN, left), (SECOND_COLUMN, right)] {
                page.text(x, y, BODY.quiet(), Align::Left, name);
                page.text(x + VALUE, y, BODY, Align::Left, &value);
            }
            y += LINE;
        }
        let lesions = LesionTable::of(record);
        let added = facts_top - 103.0 + lesions.as_ref().map_or(0.0, LesionTable::height);
        let image_height = (IMAGE_HEIGHT - added).max(MIN_IMAGE_HEIGHT);
        y = self.draw_bscan(&mut page, y + 6.0, image_height);
        if let Some(lesions) = lesions {
            y = lesions.draw(&mut page, y + 20.0);
        }
        y = self.draw_thickness(&mut page, y + 22.0);
        y = self.draw_methods(&mut page, y + 20.0);
        let top = y + 4.0;
        let room = HEIGHT - 50.0 - top;
        let localizer = self.localizer.filter(|_| room >= MIN_LOCALIZER);
        if let Some(localizer) = localizer {
            localizer.draw_with_caption(&mut page, (MARGIN, top), room);
        }
        FirstPage { page, has_localizer: localizer.is_some() }
    }

    /// The methods, as required of a report by APOSTEL 2.0 (Aytulun et al., Neurology 2021;97:68). Returns the lower
    /// edge.
    fn draw_methods(&self, page: &mut Page, top: f32) -> f32 {
        let record = self.record;
        let small = Style::of(7.5).quiet();
        page.text(MARGIN, top, Style::of(8.0).bold(), Align::Left, "Methods");
        let ends = match record.ellipsoid_zone {
            EzConvention::WithOuterSegments => "at the RPE band and includes the outer segments",
            EzConvention::BandAlone => "below its bright band",
        };
        let program = format!("OCT-RLS {} with model {}", record.octrls, record.model.label());
        let lines = [
            format!("Segmentation: automatic, {program}, not corrected by hand. Includes all B-scans that were read."),
            format!("Thickness: vertical, along the A-scan; averaged over the A-scans with both boundaries. {}.", Coverage::LEGEND),
            "Names: IN-OCT consensus. The ONL includes the myoid zone. Retina: ILM to Bruch's membrane.".to_owned(),
            format!("The ellipsoid zone ends {ends}."),
            "Where the choroid's end cannot be seen (dashed), it is inferred from where it can; its figures include both."
                .to_owned(),
            "Quality: OSCAR-IB, measured automatically; pathology (R) is not judged.".to_owned(),
            match &record.scaled {
                None => "Lateral distances: as stated by the file or the operator, not corrected for the length of the eye.",
                Some(_) => "Lateral distances: as stated by the file or the operator; scaled by axial length where it says so.",
            }
            .to_owned(),
        ];
        let lines = lines.into_iter().chain(self.settings()).chain(self.device_difference()).collect::<Vec<_>>();
        for (i, line) in lines.iter().enumerate() {
            page.text(MARGIN, top + 11.0 + 9.5 * i as f32, small, Align::Left, line);
        }
        top + 11.0 + 9.5 * lines.len() as f32
    }

    /// How the scanner was set, and what the program did not find in what it read.
    fn settings(&self) -> Vec<String> {
        let settings = &self.record.scan.settings;
        let (known, unknown) = (settings.known(), settings.unknown());
        let stated = (!known.is_empty()).then(|| format!("Stated by the file: {}.", known.join(", ")));
        let never = ["tracking", "pupil size", "room light"];
        let missing: Vec<&str> = unknown.into_iter().chain(never).collect();
        let width = RIGHT - MARGIN;
        let small = Style::of(7.5);
        let paragraphs = stated.into_iter().chain([format!("Not in what was read: {}.", missing.join(", "))]);
        paragraphs.flat_map(|words| wrapped(&words, small, width)).collect()
    }

    /// The mean difference from the scanner's own lines, if the file has any.
    fn device_difference(&self) -> Option<String> {
        let number = |record: &DeviceRecord| Some(format!("{} {:.1}", record.label, record.mean_absolute?));
        let all: Vec<String> = self.record.device.iter().filter_map(number).collect();
        let unit = if self.record.scan.axial.is_some() { "\u{b5}m" } else { "px" };
        let words = format!("Mean absolute difference from the scanner's own lines, {unit}: {}.", all.join(", "));
        (!all.is_empty()).then_some(words)
    }

    /// Label and value pairs, two per line.
    fn facts(&self) -> Vec<(Fact, Fact)> {
        let (record, scan) = (self.record, self.record.scan);
        let spacing = |s: Option<Spacing>, unknown: &str| {
            s.map_or_else(|| unknown.to_owned(), |s| format!("{:.2} \u{b5}m, from the {}", s.um, source_name(s.from)))
        };
        let known = |what: &str, from: Option<Provenance>| match from {
            Some(from) => format!("{what}, from the {}", source_name(from)),
            None => "not known".to_owned(),
        };
        let eye = match scan.eye {
            Some(Eye::Right) => known("right (OD)", scan.eye_from),
            Some(Eye::Left) => known("left (OS)", scan.eye_from),
            None => "not known".to_owned(),
        };
        let places = match scan.places {
            Some(Provenance::Convention) => "by convention of the format, not stated".to_owned(),
            Some(Provenance::Default) => "known, scaled by a default".to_owned(),
            from => known("known", from),
        };
        let clock = |clock| if clock == Some(Clock::Utc) { "UTC" } else { "local time" };
        let acquired = scan.acquired.as_ref().map(|at| format!("{}, {}", at.replace('T', " "), clock(scan.clock)));
        let unknown = || "not stated".to_owned();
        let device = scan.device.as_deref().map_or_else(unknown, |name| shortened(name, BODY, VALUE_WIDTH));
        let size = format!("{} of {} x {}", scan.bscans, scan.width, scan.height);
        let verdict = format!("lines {}, confidence {:.2}", record.verdict.words(), record.confidence);
        let facts = &record.quality.facts;
        let signal = match (facts.device_signal_db, facts.signal.snr_db) {
            (Some(db), _) => format!("{db:.0} dB, from the scanner"),
            (None, Some(db)) => format!("{db:.0} dB, measured"),
            (None, None) => "not measured".to_owned(),
        };
        vec![
            (("Scan", shortened(&scan.path, BODY, VALUE_WIDTH)), ("Eye", eye)),
            (
                ("Acquired", acquired.unwrap_or_else(unknown)),
                ("Pattern", known(pattern_name(scan.pattern), scan.pattern_from)),
            ),
            (("Scanner", device), ("Positions", places)),
            (("Format", scan.format.to_string()), ("Axial", spacing(scan.axial, "not known; thickness in pixels"))),
            (("B-scans", size), ("Lateral", spacing(scan.lateral, "not known"))),
            (("Model", record.model.label()), ("Verdict", verdict)),
            (("Signal", signal), ("OSCAR-IB", oscar_ib(&record.quality))),
        ]
    }

    /// Draws the B-scan with its lines and lesions, at most `height` high; returns the lower edge.
    fn draw_bscan(&self, page: &mut Page, top: f32, height: f32) -> f32 {
        let scan = &self.shown.bscan;
        let legend = 92.0;
        let room = RIGHT - MARGIN - legend;
        let scale = (room / scan.width as f32).min(height / scan.height as f32);
        let size = (scale * scan.width as f32, scale * scan.height as f32);
        page.picture((MARGIN, top), size, self.picture());
        for line in drawn_lines(&self.shown.surfaces, (DASH / scale).round().max(1.0) as usize) {
            let point =
                |(x, row): (usize, &Option<f32>)| row.map(|row| (MARGIN + scale * (x as f32 + 0.5), top + scale * row));
            page.curve(line.rows.iter().enumerate().map(point), 0.7, line.colour);
        }
        self.draw_scale_bars(page, (MARGIN, top + size.1), scale);
        let x = MARGIN + size.0 + 12.0;
        let mut y = top + 10.0;
        if self.record.scan.bscans > 1 {
            // Counted from 1 for readers; files count from 0.
            let words = format!("B-scan {} of {}", self.shown.index + 1, self.record.scan.bscans);
            page.text(x, y, BODY.quiet(), Align::Left, &words);
            y += LINE;
        }
        for boundary in Boundary::ALL {
            let found = self.shown.surfaces.rows(boundary).iter().any(Option::is_some);
            // A dark frame, since one of the colours is white.
            page.fill((x - 1.0, y - 6.0), (16.0, 6.0), BACKGROUND);
            page.fill((x, y - 5.0), (14.0, 4.0), boundary.colour());
            let style = if found { Style::of(8.0) } else { Style::of(8.0).quiet() };
            let visible = ChoroidVisibility::of(&self.shown.surfaces).share();
            let note = match visible {
                _ if !found => ", not found".to_owned(),
                Some(share) if boundary == Boundary::Csb => format!(", {:.0} % visible", 100.0 * share),
                _ => String::new(),
            };
            page.text(x + 20.0, y, style, Align::Left, &format!("{}{note}", boundary.label()));
            y += LINE;
        }
        for lesion in self.shown.lesions.as_ref().map(lesions_in).unwrap_or_default() {
            page.fill((x, y - 7.0), (14.0, 8.0), lesion.colour());
            page.text(x + 20.0, y, Style::of(8.0), Align::Left, lesion.name());
            y += LINE;
        }
        top + size.1.max(y - top)
    }

    /// The B-scan, with a tint where it shows lesions.
    fn picture(&self) -> Picture {
        let scan = &self.shown.bscan;
        let pixels = tinted(scan, self.shown.lesions.as_ref());
        let (width, height) = (scan.width as u32, scan.height as u32);
        match &self.shown.lesions {
            Some(_) => Picture { width, height, pixels: pixels.flatten().collect(), kind: PictureKind::Coloured },
            None => Picture { width, height, pixels: pixels.map(|[grey, ..]| grey).collect(), kind: PictureKind::Grey },
        }
    }

    /// Draws scale bars of 200 micrometres in depth and 1 mm along the scan, where the spacings are known. `corner` is
    /// the picture's lower left corner.
    fn draw_scale_bars(&self, page: &mut Page, corner: (f32, f32), scale: f32) {
        const DEPTH_UM: f32 = 200.0;
        const ACROSS_UM: f32 = 1000.0;
        const BAR_COLOUR: [u8; 3] = [255, 255, 255];
        let style = Style::of(6.5).white();
        let (x, y) = (corner.0 + 6.0, corner.1 - 6.0);
        let points = |um: f32, spacing: Option<Spacing>| spacing.map(|s| scale * um / s.um as f32);
        if let Some(height) = points(DEPTH_UM, self.record.scan.axial) {
            page.fill((x, y - height), (1.0, height), BAR_COLOUR);
            page.text(x + 4.0, y - height + 5.0, style, Align::Left, "200 \u{b5}m");
        }
        if let Some(width) = points(ACROSS_UM, self.record.scan.lateral) {
            page.fill((x, y), (width, 1.0), BAR_COLOUR);
            page.text(x + 4.0, y - 3.0, style, Align::Left, "1 mm");
        }
    }

    /// Draws the table of thicknesses; returns the lower edge.
    fn draw_thickness(&self, page: &mut Page, top: f32) -> f32 {
        let unit = if self.record.scan.axial.is_some() { "\u{b5}m" } else { "px" };
        let columns = [240.0, 290.0, 345.0, 395.0, 445.0, 515.0];
        page.text(MARGIN, top, BODY.bold(), Align::Left, &format!("Thickness, {unit}"));
        for (x, name) in columns.into_iter().zip(["mean", "\u{b1} (95 %)", "SD", "min", "max", "measured"]) {
            page.text(x, top, BODY.quiet(), Align::Right, name);
        }
        page.rule((MARGIN, top + 4.0), (RIGHT, top + 4.0));
        for (i, layer) in self.record.layers.iter().enumerate() {
            let y = top + 18.0 + LINE * i as f32;
            let visible = self.record.choroid_visible.map(|share| 100.0 * share);
            let name = match (Layer::ALL.get(i), visible) {
                (Some(Layer::Choroid), Some(visible)) => format!("choroid, end visible in {visible:.0} % of A-scans"),
                (Some(layer), _) => layer.long_name().to_owned(),
                (None, _) => "retina, ILM to Bruch's membrane".to_owned(),
            };
            page.text(MARGIN, y, BODY, Align::Left, &name);
            for (x, value) in columns.into_iter().zip(formatted(layer)) {
                page.text(x, y, BODY, Align::Right, &value);
            }
        }
        top + 18.0 + LINE * self.record.layers.len() as f32
    }
}

fn formatted(layer: &LayerRecord) -> [String; 6] {
    let number = |v: Option<f32>| v.map_or("-".to_owned(), |v| format!("{v:.1}"));
    let LayerRecord { mean, sd, min, max, coverage, half_width, .. } = *layer;
    let mark = Coverage::of(coverage).mark();
    let mean = format!("{}{mark}", number(mean));
    [mean, number(half_width), number(sd), number(min), number(max), format!("{:.0} %", 100.0 * coverage)]
}

/// The failed criteria as letters and words.
fn oscar_ib(quality: &ScanQuality) -> String {
    let word = |j: &CriterionResult| match (j.criterion, j.measure) {
        (Criterion::Obvious, "coverage") => "coverage",
        (Criterion::Obvious, "axial_um") => "axial spacing",
        (Criterion::Obvious, "lateral_um") => "lateral spacing",
        (Criterion::Obvious, "retina_um") => "thickness of the retina",
        (Criterion::Obvious, _) => "cut off",
        (Criterion::Signal, "contrast") => "contrast",
        (Criterion::Signal, _) => "signal",
        (Criterion::Centration, "fovea_confidence") => "no clear fovea",
        (Criterion::Centration, _) => "centring",
        (Criterion::Algorithm, "confidence") => "confidence",
        (Criterion::Algorithm, _) => "lines",
        (Criterion::Retina, _) => "pathology",
        (Criterion::Illumination, _) => "dark parts",
        (Criterion::Beam, _) => "beam",
        (Criterion::Choroid, _) => "choroid",
    };
    let flagged = quality.criteria.iter().filter(|j| j.outcome == Outcome::Flagged && j.criterion.letter().is_some());
    let flagged: Vec<&str> = flagged.map(word).collect();
    if flagged.is_empty() { "no flag".to_owned() } else { format!("{}: {}", quality.flags, flagged.join(", ")) }
}

const fn source_name(from: Provenance) -> &'static str {
    match from {
        Provenance::Header => "file",
        Provenance::Sidecar => "sidecar",
        Provenance::Operator => "operator",
        Provenance::Format => "format",
        Provenance::Name => "file's name",
        Provenance::Convention => "format's convention",
        Provenance::Default => "default for any eye",
    }
}

const fn pattern_name(pattern: Pattern) -> &'static str {
    match pattern {
        Pattern::Line => "line",
        Pattern::RasterVolume => "volume",
        Pattern::Radial => "radial",
        Pattern::Circle => "circle",
        Pattern::Unknown => "not known",
    }
}
