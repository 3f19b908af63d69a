//! `report.pdf`: a page for a B-scan, one for a volume or a circle, and one for the follow-up.

use image::RgbImage;

use super::{
    canvas::PAPER,
    circle_page::circle_page,
    follow_up_page::follow_up_page,
    localizer::Localizer,
    page::{Align, HEIGHT, Page, Picture, Style, WIDTH, pdf},
    record::{DeviceRecord, LayerRecord, ResultRecord},
    volume_page::volume_page,
};
use octrls_core::{
    layer::{Boundary, EzConvention, Layer},
    measure::{Criterion, CriterionResult, Outcome, ScanQuality, Verdict},
    scan::{Eye, Pattern, Provenance, Spacing},
    segment::SegmentedBScan,
};

pub(super) const MARGIN: f32 = 42.0;
pub(super) const RIGHT: f32 = WIDTH - MARGIN;
pub(super) const BODY: Style = Style::of(9.0);
pub(super) const LINE: f32 = 13.0;
/// Largest height of the B-scan image, in points.
const PICTURE: f32 = 250.0;

/// A label and its value.
type Fact = (&'static str, String);

/// The content of the report.
pub(super) struct Report<'a> {
    pub(super) record: &'a ResultRecord<'a>,
    /// The B-scan shown on the first page.
    pub(super) shown: &'a SegmentedBScan,
    /// Thickness maps of a volume.
    pub(super) maps: Option<&'a RgbImage>,
    /// The fundus image with the B-scans, if the scanner took one.
    pub(super) localizer: Option<Localizer<'a>>,
}

impl Report<'_> {
    /// Encodes the report as a PDF file.
    ///
    /// # Errors
    /// If compression fails.
    pub(super) fn pdf(&self) -> std::io::Result<Vec<u8>> {
        let mut pages = vec![self.first_page()];
        if let (Some(measures), Some(maps)) = (&self.record.volume, self.maps) {
            pages.push(volume_page(measures, self.record.reference.as_ref(), maps));
        }
        let compared = self.record.circle_reference.as_ref();
        let localizer = self.localizer.as_ref();
        pages.extend(self.record.circle.as_ref().map(|circle| circle_page(circle, compared, localizer)));
        pages.extend(self.record.follow_up.as_ref().map(follow_up_page));
        let count = pages.len();
        for (i, page) in pages.iter_mut().enumerate() {
            let y = HEIGHT - 30.0;
            page.rule((MARGIN, y - 12.0), (RIGHT, y - 12.0));
            let note = format!("Research use only, not a medical device. OCT-RLS {}", self.record.octrls);
            page.text(MARGIN, y, Style::of(8.0).quiet(), Align::Left, &note);
            page.text(RIGHT, y, Style::of(8.0).quiet(), Align::Right, &format!("page {} of {count}", i + 1));
        }
        pdf(pages, "OCT retinal layer report")
    }

    fn first_page(&self) -> Page {
        let mut page = Page::new();
        let record = self.record;
        page.text(MARGIN, 58.0, Style::of(18.0).bold(), Align::Left, "Retinal layers");
        let created = record.created.strftime("%Y-%m-%d %H:%M UTC").to_string();
        page.text(RIGHT, 58.0, BODY.quiet(), Align::Right, &format!("report created {created}"));
        page.rule((MARGIN, 68.0), (RIGHT, 68.0));
        let mut y = 86.0;
        for (left, right) in self.facts() {
            for (x, (name, value)) in [(MARGIN, left), (0.5 * WIDTH + 10.0, right)] {
                page.text(x, y, BODY.quiet(), Align::Left, name);
                page.text(x + 78.0, y, BODY, Align::Left, &value);
            }
            y += LINE;
        }
        y += 6.0;
        let warning = match record.verdict {
            Verdict::Good => None,
            Verdict::Doubtful => Some("This scan is doubtful: check the lines before you use them."),
            Verdict::NotARetina => Some("This scan shows no layers of a retina; it has no lines."),
        };
        if let Some(words) = warning {
            page.text(MARGIN, y, BODY.bold(), Align::Left, words);
            y += LINE;
        }
        y = self.picture(&mut page, y);
        y = self.layers(&mut page, y + 22.0);
        y = self.methods(&mut page, y + 20.0);
        if let Some(localizer) = &self.localizer {
            let top = y + 4.0;
            localizer.draw_with_words(&mut page, (MARGIN, top), HEIGHT - 50.0 - top);
        }
        page
    }

    /// The methods, as required of a report by APOSTEL 2.0 (Aytulun et al., Neurology 2021;97:68). Returns the lower
    /// edge.
    fn methods(&self, page: &mut Page, top: f32) -> f32 {
        let record = self.record;
        let small = Style::of(7.5).quiet();
        page.text(MARGIN, top, Style::of(8.0).bold(), Align::Left, "Methods");
        let ends = match record.ellipsoid_zone {
            EzConvention::WithOuterSegments => "at the RPE band and includes the outer segments",
            EzConvention::BandAlone => "below its bright band",
        };
        let program = format!("OCT-RLS {} with model {}", record.octrls, record.model.words());
        let lines = [
            format!("Segmentation: automatic, {program}, not corrected by hand. Includes all B-scans that were read."),
            "Thickness: vertical, along the A-scan; averaged over the A-scans with both boundaries.".to_owned(),
            "Names: IN-OCT consensus. The ONL includes the myoid zone. Retina: ILM to Bruch's membrane.".to_owned(),
            format!("The ellipsoid zone ends {ends}."),
            "Quality: OSCAR-IB, measured automatically; pathology (R) is not judged.".to_owned(),
            "Lateral distances: as stated by the file or the operator, not corrected for the length of the eye."
                .to_owned(),
            "Not known from the scan: averaging, tracking, pupil size and room light.".to_owned(),
        ];
        let lines = lines.into_iter().chain(self.device_lines()).collect::<Vec<_>>();
        for (i, line) in lines.iter().enumerate() {
            page.text(MARGIN, top + 11.0 + 9.5 * i as f32, small, Align::Left, line);
        }
        top + 11.0 + 9.5 * lines.len() as f32
    }

    /// The mean difference from the scanner's own lines, if the file has any.
    fn device_lines(&self) -> Option<String> {
        let number = |record: &DeviceRecord| Some(format!("{} {:.1}", record.boundary, record.mean_absolute?));
        let all: Vec<String> = self.record.device.iter().filter_map(number).collect();
        let unit = if self.record.scan.axial.is_some() { "\u{b5}m" } else { "px" };
        let words = format!("Mean absolute difference from the scanner's own lines, {unit}: {}.", all.join(", "));
        (!all.is_empty()).then_some(words)
    }

    /// Label and value pairs, two per line.
    fn facts(&self) -> Vec<(Fact, Fact)> {
        let (record, scan) = (self.record, self.record.scan);
        let spacing = |s: Option<Spacing>, unknown: &str| {
            s.map_or_else(|| unknown.to_owned(), |s| format!("{:.2} \u{b5}m, from the {}", s.um, source(s.from)))
        };
        let known = |what: &str, from: Option<Provenance>| match from {
            Some(from) => format!("{what}, from the {}", source(from)),
            None => "not known".to_owned(),
        };
        let eye = match scan.eye {
            Some(Eye::Right) => known("right (OD)", scan.eye_from),
            Some(Eye::Left) => known("left (OS)", scan.eye_from),
            None => "not known".to_owned(),
        };
        let places = match scan.places {
            Some(Provenance::Convention) => "by convention of the format, not stated".to_owned(),
            from => known("known", from),
        };
        let acquired = scan.acquired.as_ref().map(|at| at.replace('T', " "));
        let unknown = || "not stated".to_owned();
        let size = format!("{} of {} x {}", scan.bscans, scan.width, scan.height);
        let verdict = format!("{}, confidence {:.2}", record.verdict.words(), record.confidence);
        let facts = &record.quality.facts;
        let signal = match (facts.device_signal_db, facts.signal.snr_db) {
            (Some(db), _) => format!("{db:.0} dB, from the scanner"),
            (None, Some(db)) => format!("{db:.0} dB, measured"),
            (None, None) => "not measured".to_owned(),
        };
        vec![
            (("Scan", shortened(&scan.path, 34)), ("Eye", eye)),
            (
                ("Acquired", acquired.unwrap_or_else(unknown)),
                ("Pattern", known(pattern(scan.pattern), scan.pattern_from)),
            ),
            (("Scanner", shortened(&scan.device.clone().unwrap_or_else(unknown), 34)), ("Positions", places)),
            (("Format", scan.format.to_string()), ("Axial", spacing(scan.axial, "not known; thickness in pixels"))),
            (("B-scans", size), ("Lateral", spacing(scan.lateral, "not known"))),
            (("Model", record.model.words()), ("Verdict", verdict)),
            (("Signal", signal), ("OSCAR-IB", oscar_ib(&record.quality))),
        ]
    }

    /// Draws the B-scan with its lines; returns the lower edge.
    fn picture(&self, page: &mut Page, top: f32) -> f32 {
        let scan = &self.shown.bscan;
        let legend = 92.0;
        let room = RIGHT - MARGIN - legend;
        let scale = (room / scan.width as f32).min(PICTURE / scan.height as f32);
        let size = (scale * scan.width as f32, scale * scan.height as f32);
        let pixels = scan.intensity.iter().map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
        let picture = Picture { width: scan.width as u32, height: scan.height as u32, pixels, coloured: false };
        page.picture((MARGIN, top), size, picture);
        for boundary in Boundary::ALL {
            let rows = self.shown.surfaces.rows(boundary);
            let point =
                |(x, row): (usize, &Option<f32>)| row.map(|row| (MARGIN + scale * (x as f32 + 0.5), top + scale * row));
            page.curve(rows.iter().enumerate().map(point), 0.7, boundary.colour());
        }
        self.scale_bars(page, (MARGIN, top + size.1), scale);
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
            page.fill((x - 1.0, y - 6.0), (16.0, 6.0), PAPER);
            page.fill((x, y - 5.0), (14.0, 4.0), boundary.colour());
            let style = if found { Style::of(8.0) } else { Style::of(8.0).quiet() };
            let note = if found { "" } else { ", not visible" };
            page.text(x + 20.0, y, style, Align::Left, &format!("{}{note}", boundary.name()));
            y += LINE;
        }
        top + size.1.max(y - top)
    }

    /// Draws scale bars of 200 micrometres in depth and 1 mm along the scan, where the spacings are known. `corner` is
    /// the picture's lower left corner.
    fn scale_bars(&self, page: &mut Page, corner: (f32, f32), scale: f32) {
        const DEPTH_UM: f32 = 200.0;
        const ACROSS_UM: f32 = 1000.0;
        const BAR: [u8; 3] = [255, 255, 255];
        let style = Style::of(6.5).white();
        let (x, y) = (corner.0 + 6.0, corner.1 - 6.0);
        let points = |um: f32, spacing: Option<Spacing>| spacing.map(|s| scale * um / s.um as f32);
        if let Some(height) = points(DEPTH_UM, self.record.scan.axial) {
            page.fill((x, y - height), (1.0, height), BAR);
            page.text(x + 4.0, y - height + 5.0, style, Align::Left, "200 \u{b5}m");
        }
        if let Some(width) = points(ACROSS_UM, self.record.scan.lateral) {
            page.fill((x, y), (width, 1.0), BAR);
            page.text(x + 4.0, y - 3.0, style, Align::Left, "1 mm");
        }
    }

    /// Draws the table of thicknesses; returns the lower edge.
    fn layers(&self, page: &mut Page, top: f32) -> f32 {
        let unit = if self.record.scan.axial.is_some() { "\u{b5}m" } else { "px" };
        let columns = [250.0, 310.0, 370.0, 430.0, 510.0];
        page.text(MARGIN, top, BODY.bold(), Align::Left, &format!("Thickness, {unit}"));
        for (x, name) in columns.into_iter().zip(["mean", "SD", "min", "max", "measured"]) {
            page.text(x, top, BODY.quiet(), Align::Right, name);
        }
        page.rule((MARGIN, top + 4.0), (RIGHT, top + 4.0));
        for (i, layer) in self.record.layers.iter().enumerate() {
            let y = top + 18.0 + LINE * i as f32;
            let name = Layer::ALL.get(i).map_or("retina, ILM to Bruch's membrane", |l| l.long_name());
            page.text(MARGIN, y, BODY, Align::Left, name);
            for (x, value) in columns.into_iter().zip(figures(layer)) {
                page.text(x, y, BODY, Align::Right, &value);
            }
        }
        top + 18.0 + LINE * self.record.layers.len() as f32
    }
}

fn figures(layer: &LayerRecord) -> [String; 5] {
    let number = |v: Option<f32>| v.map_or("-".to_owned(), |v| format!("{v:.1}"));
    let LayerRecord { mean, sd, min, max, coverage, .. } = *layer;
    [number(mean), number(sd), number(min), number(max), format!("{:.0} %", 100.0 * coverage)]
}

/// The failed criteria as letters and words.
fn oscar_ib(quality: &ScanQuality) -> String {
    let word = |j: &CriterionResult| match (j.criterion, j.measure) {
        (Criterion::Obvious, "coverage") => "coverage",
        (Criterion::Obvious, _) => "cut off",
        (Criterion::Signal, "contrast") => "contrast",
        (Criterion::Signal, _) => "signal",
        (Criterion::Centration, _) => "centring",
        (Criterion::Algorithm, "confidence") => "confidence",
        (Criterion::Algorithm, _) => "lines",
        (Criterion::Retina, _) => "pathology",
        (Criterion::Illumination, _) => "dark parts",
        (Criterion::Beam, _) => "beam",
    };
    let flagged: Vec<&str> = quality.criteria.iter().filter(|j| j.outcome == Outcome::Flagged).map(word).collect();
    if flagged.is_empty() { "no flag".to_owned() } else { format!("{}: {}", quality.flags, flagged.join(", ")) }
}

const fn source(from: Provenance) -> &'static str {
    match from {
        Provenance::Header => "file",
        Provenance::Sidecar => "sidecar",
        Provenance::Operator => "operator",
        Provenance::Format => "format",
        Provenance::Name => "file's name",
        Provenance::Convention => "format's convention",
    }
}

const fn pattern(pattern: Pattern) -> &'static str {
    match pattern {
        Pattern::Line => "line",
        Pattern::RasterVolume => "volume",
        Pattern::Radial => "radial",
        Pattern::Circle => "circle",
        Pattern::Unknown => "not known",
    }
}

/// A mean rounded to whole micrometres.
pub(super) fn whole(um: Option<f32>) -> String {
    um.map_or("-".to_owned(), |um| format!("{um:.0}"))
}

/// The end of a long path, which tells more than its start.
fn shortened(path: &str, most: usize) -> String {
    let count = path.chars().count();
    if count <= most {
        path.to_owned()
    } else {
        format!("...{}", path.chars().skip(count + 3 - most).collect::<String>())
    }
}
