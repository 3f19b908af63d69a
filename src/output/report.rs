//! `report.pdf`: one page for a B-scan, a second one for what a volume or a circle adds, a last one for the follow-up.

use image::RgbImage;

use super::{
    canvas::PAPER,
    follow_up_page::follow_up_page,
    localizer::Localizer,
    page::{Align, HEIGHT, Page, Picture, Style, WIDTH, pdf},
    record::{LayerRecord, ReferenceRecord, ResultRecord},
};
use crate::{
    layer::{Boundary, EzConvention, Layer},
    measure::{
        Criterion, Judged, Outcome, ScanQuality, Verdict,
        enface::{COVERED, CentreSource, CircleProfile, Side, VolumeMeasures},
        reference::Standing,
    },
    scan::{Eye, Pattern, Provenance, Spacing},
    segment::SegmentedBScan,
};

pub(super) const MARGIN: f32 = 42.0;
const RIGHT: f32 = WIDTH - MARGIN;
const BODY: Style = Style::of(9.0);
const LINE: f32 = 13.0;
/// Most height of a B-scan's picture.
const PICTURE: f32 = 250.0;

/// A name and what it stands for.
type Fact = (&'static str, String);

/// What the pages are made of.
pub(super) struct Report<'a> {
    pub(super) record: &'a ResultRecord<'a>,
    /// The B-scan that is shown.
    pub(super) shown: &'a SegmentedBScan,
    /// The maps of a volume.
    pub(super) maps: Option<&'a RgbImage>,
    /// Where the B-scans lie, where that is known and the scanner took an image of the fundus.
    pub(super) localizer: Option<Localizer<'a>>,
}

impl Report<'_> {
    /// The pages as a PDF file.
    ///
    /// # Errors
    /// When the compressor fails.
    pub(super) fn pdf(&self) -> std::io::Result<Vec<u8>> {
        let mut pages = vec![self.first_page()];
        if let (Some(measures), Some(maps)) = (&self.record.volume, self.maps) {
            pages.push(volume_page(measures, self.record.reference.as_ref(), maps));
        }
        pages.extend(self.record.circle.as_ref().map(circle_page));
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
        page.text(RIGHT, 58.0, BODY.quiet(), Align::Right, &created);
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
            Verdict::Doubtful => Some("This scan is doubtful: look at the lines before you use them."),
            Verdict::NotARetina => Some("Nothing in this scan looks like the layers of a retina: it has no lines."),
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
            let (width, _) = localizer.draw(&mut page, (MARGIN, top), HEIGHT - 50.0 - top);
            let words = "fundus; the line of the B-scan above stands out";
            page.text(MARGIN + width + 10.0, top + 9.0, Style::of(7.5).quiet(), Align::Left, words);
        }
        page
    }

    /// How it was measured: what APOSTEL 2.0 asks a report to state (Aytulun et al., Neurology 2021;97:68).
    /// Returns where it ends.
    fn methods(&self, page: &mut Page, top: f32) -> f32 {
        let record = self.record;
        let small = Style::of(7.5).quiet();
        page.text(MARGIN, top, Style::of(8.0).bold(), Align::Left, "Methods");
        let ends = match record.ellipsoid_zone {
            EzConvention::WithOuterSegments => "at the RPE's own band, outer segments included",
            EzConvention::BandAlone => "below its bright band",
        };
        let program = format!("OCT-RLS {} with model {}", record.octrls, record.model.words());
        let lines = [
            format!("Segmentation: automatic, {program}, no correction by hand. All B-scans of the file."),
            "Thickness: vertical, along the A-scan; over all A-scans in which both boundaries were found.".to_owned(),
            "Names after the IN-OCT consensus; ONL with the myoid zone; retina from the ILM to Bruch's membrane."
                .to_owned(),
            format!("The ellipsoid zone ends {ends}."),
            "Quality: OSCAR-IB as measured; pathology (R) is not judged.".to_owned(),
            "Lateral distances as the file or the operator states them, without correction for the eye's length."
                .to_owned(),
            "Averaging, tracking, pupil and room light are not in what was read.".to_owned(),
        ];
        for (i, line) in lines.iter().enumerate() {
            page.text(MARGIN, top + 11.0 + 9.5 * i as f32, small, Align::Left, line);
        }
        top + 11.0 + 9.5 * lines.len() as f32
    }

    /// Pairs of facts, two a line.
    fn facts(&self) -> Vec<(Fact, Fact)> {
        let (record, scan) = (self.record, self.record.scan);
        let spacing = |s: Option<Spacing>, unknown: &str| {
            s.map_or_else(|| unknown.to_owned(), |s| format!("{:.2} \u{b5}m, from the {}", s.um, source(s.from)))
        };
        let eye = match scan.eye {
            Some(Eye::Right) => "right (OD)",
            Some(Eye::Left) => "left (OS)",
            None => "not known",
        };
        let size = format!("{} of {} x {}", scan.bscans, scan.width, scan.height);
        let ends = match record.ellipsoid_zone {
            EzConvention::WithOuterSegments => "with outer segments",
            EzConvention::BandAlone => "bright band alone",
        };
        let verdict = format!("{}, confidence {:.2}", record.verdict.words(), record.confidence);
        let facts = &record.quality.facts;
        let signal = match (facts.device_signal_db, facts.signal.snr_db) {
            (Some(db), _) => format!("{db:.0} dB, from the scanner"),
            (None, Some(db)) => format!("{db:.0} dB, as measured"),
            (None, None) => "not measured".to_owned(),
        };
        vec![
            (("Scan", shortened(&scan.path, 34)), ("Eye", eye.to_owned())),
            (("Format", scan.format.to_owned()), ("Pattern", pattern(scan.pattern).to_owned())),
            (("B-scans", size), ("Axial", spacing(scan.axial, "not known: thickness in pixels"))),
            (("Model", record.model.words()), ("Lateral", spacing(scan.lateral, "not known"))),
            (("Ellipsoid zone", ends.to_owned()), ("Verdict", verdict)),
            (("Signal", signal), ("OSCAR-IB", oscar_ib(&record.quality))),
        ]
    }

    /// The B-scan with its lines; returns where it ends.
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
        let x = MARGIN + size.0 + 12.0;
        let mut y = top + 10.0;
        if self.record.scan.bscans > 1 {
            page.text(x, y, BODY.quiet(), Align::Left, &format!("B-scan {}", self.shown.index));
            y += LINE;
        }
        for boundary in Boundary::ALL {
            let found = self.shown.surfaces.rows(boundary).iter().any(Option::is_some);
            // One line is white.
            page.fill((x - 1.0, y - 6.0), (16.0, 6.0), PAPER);
            page.fill((x, y - 5.0), (14.0, 4.0), boundary.colour());
            let style = if found { Style::of(8.0) } else { Style::of(8.0).quiet() };
            let note = if found { "" } else { ", not visible" };
            page.text(x + 20.0, y, style, Align::Left, &format!("{}{note}", boundary.name()));
            y += LINE;
        }
        top + size.1.max(y - top)
    }

    /// The table of thicknesses; returns where it ends.
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

/// The criteria that are not met, in letters and words.
fn oscar_ib(quality: &ScanQuality) -> String {
    let word = |j: &Judged| match j.criterion {
        Criterion::Obvious => "cut off",
        Criterion::Signal => "signal",
        Criterion::Centration => "centring",
        Criterion::Algorithm => "lines",
        Criterion::Retina => "pathology",
        Criterion::Illumination => "dark parts",
        Criterion::Beam => "beam",
    };
    let flagged: Vec<&str> = quality.criteria.iter().filter(|j| j.outcome == Outcome::Flagged).map(word).collect();
    if flagged.is_empty() { "no flag".to_owned() } else { format!("{}: {}", quality.flags, flagged.join(", ")) }
}

fn volume_page(measures: &VolumeMeasures, reference: Option<&ReferenceRecord>, maps: &RgbImage) -> Page {
    let mut page = Page::new();
    page.text(MARGIN, 58.0, Style::of(14.0).bold(), Align::Left, "Volume");
    let scale = ((RIGHT - MARGIN) / maps.width() as f32).min(430.0 / maps.height() as f32);
    let size = (scale * maps.width() as f32, scale * maps.height() as f32);
    let picture = Picture { width: maps.width(), height: maps.height(), pixels: maps.as_raw().clone(), coloured: true };
    page.picture((MARGIN, 70.0), size, picture);
    let mut y = 70.0 + size.1 + 24.0;
    let centre = match measures.centre.from {
        CentreSource::Fovea => "about the fovea",
        CentreSource::ScanMiddle => "about the middle of the scan (no fovea was found)",
    };
    page.text(MARGIN, y, BODY.bold(), Align::Left, &format!("ETDRS subfields {centre}, mean in \u{b5}m"));
    y += LINE + 2.0;
    let column = |i: usize| MARGIN + 92.0 + 42.0 * i as f32;
    for (i, field) in measures.etdrs.iter().flat_map(|g| &g.grid.subfields).take(9).enumerate() {
        page.text(column(i), y, BODY.quiet(), Align::Right, &field.at.name());
    }
    page.text(RIGHT, y, BODY.quiet(), Align::Right, "mm\u{b3}");
    page.rule((MARGIN, y + 4.0), (RIGHT, y + 4.0));
    for measured in &measures.etdrs {
        y += LINE;
        page.text(MARGIN, y + 4.0, BODY, Align::Left, measured.layer);
        for (i, field) in measured.grid.subfields.iter().enumerate() {
            // A subfield that is not covered is marked, not filled in.
            let mark = if field.coverage < COVERED { "*" } else { "" };
            let text = field.mean_um.map_or("-".to_owned(), |v| format!("{v:.0}{mark}"));
            let compared = reference.into_iter().flat_map(|r| &r.values);
            let standing = compared.into_iter().find(|c| c.layer == measured.layer && c.subfield == field.at);
            if let Some(colour) = standing.and_then(|c| shade(c.standing)) {
                page.fill((column(i) - 27.0, y - 5.0), (30.0, 12.0), colour);
            }
            page.text(column(i), y + 4.0, BODY, Align::Right, &text);
        }
        page.text(RIGHT, y + 4.0, BODY, Align::Right, &format!("{:.2}", measured.grid.volume_mm3));
    }
    y += LINE + 8.0;
    let note = "* covered by less than 95 %; the mean is over the covered part, volumes are of the covered part.";
    page.text(MARGIN, y, Style::of(8.0).quiet(), Align::Left, note);
    if let Some(reference) = reference {
        y += LINE;
        for (x, standing, words) in [(MARGIN, Standing::Below, "below"), (MARGIN + 58.0, Standing::Above, "above")] {
            page.fill((x, y - 7.0), (10.0, 9.0), shade(standing).unwrap_or(PAPER));
            page.text(x + 14.0, y, Style::of(8.0), Align::Left, words);
        }
        let words = format!("the reference (mean \u{b1} 1.96 SD): {}; {}", reference.name, reference.population);
        page.text(MARGIN + 120.0, y, Style::of(8.0), Align::Left, &words);
        y += LINE - 2.0;
        let source = format!("{}. Other devices and programs measure some micrometres more or less.", reference.source);
        page.text(MARGIN, y, Style::of(7.5).quiet(), Align::Left, &source);
    }
    if let Some(gcipl) = &measures.gcipl {
        let number = |v: Option<f32>| v.map_or("-".to_owned(), |v| format!("{v:.0}"));
        let (average, minimum) = (number(gcipl.average_um), number(gcipl.minimum_um));
        let text = format!("GCL+IPL in the elliptical annulus: average {average}, minimum {minimum} \u{b5}m");
        page.text(MARGIN, y + LINE, BODY, Align::Left, &text);
    }
    page
}

/// The ground under a value that is not within the reference.
const fn shade(standing: Standing) -> Option<[u8; 3]> {
    match standing {
        Standing::Below => Some([190, 215, 240]),
        Standing::Within => None,
        Standing::Above => Some([250, 215, 170]),
    }
}

fn circle_page(circle: &CircleProfile) -> Page {
    let mut page = Page::new();
    page.text(MARGIN, 58.0, Style::of(14.0).bold(), Align::Left, "Nerve fibres around the optic disc");
    let number = |v: Option<f32>| v.map_or("-".to_owned(), |v| format!("{v:.0}"));
    let facts = format!("circle of {:.2} mm radius, mean {} \u{b5}m", circle.radius_mm, number(circle.mean_um));
    page.text(MARGIN, 76.0, BODY, Align::Left, &facts);
    let (left, top, width, height) = (MARGIN + 24.0, 100.0, RIGHT - MARGIN - 24.0, 180.0);
    let most = circle.tsnit_um.iter().flatten().copied().fold(100.0, f32::max);
    let most = (most / 50.0).ceil() * 50.0;
    let level = |um: f32| top + height * (1.0 - um / most);
    for um in [0.0, 0.5 * most, most] {
        page.rule((left, level(um)), (left + width, level(um)));
        page.text(left - 4.0, level(um) + 3.0, Style::of(8.0).quiet(), Align::Right, &format!("{um:.0}"));
    }
    for (i, name) in ["T", "S", "N", "I", "T"].into_iter().enumerate() {
        let x = left + 0.25 * width * i as f32;
        page.text(x, top + height + 14.0, BODY.quiet(), Align::Centre, name);
    }
    let count = circle.tsnit_um.len().max(1) as f32;
    let point = |(i, um): (usize, &Option<f32>)| um.map(|um| (left + width * (i as f32 + 0.5) / count, level(um)));
    page.curve(circle.tsnit_um.iter().enumerate().map(point), 1.2, Boundary::NflGcl.colour());
    let mut y = top + height + 40.0;
    for quadrant in &circle.quadrants {
        let name = match quadrant.side {
            Side::Temporal => "temporal",
            Side::Superior => "superior",
            Side::Nasal => "nasal",
            _ => "inferior",
        };
        let text = format!("{} \u{b5}m, {:.0} % measured", number(quadrant.mean_um), 100.0 * quadrant.coverage);
        page.text(MARGIN, y, BODY.quiet(), Align::Left, name);
        page.text(MARGIN + 78.0, y, BODY, Align::Left, &text);
        y += LINE;
    }
    y += 10.0;
    page.text(MARGIN, y, BODY.quiet(), Align::Left, "clock hours");
    for (i, hour) in circle.clock_hours.iter().enumerate() {
        let x = MARGIN + 92.0 + 34.0 * i as f32;
        page.text(x, y, BODY.quiet(), Align::Right, &hour.hour.to_string());
        page.text(x, y + LINE, BODY, Align::Right, &number(hour.mean_um));
    }
    page
}

const fn source(from: Provenance) -> &'static str {
    match from {
        Provenance::Header => "file",
        Provenance::Sidecar => "sidecar",
        Provenance::Operator => "operator",
        Provenance::Format => "format",
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

/// The end of a long path, which says more than its start.
fn shortened(path: &str, most: usize) -> String {
    let count = path.chars().count();
    if count <= most {
        path.to_owned()
    } else {
        format!("...{}", path.chars().skip(count + 3 - most).collect::<String>())
    }
}
