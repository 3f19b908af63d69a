//! The keys of each context.

use std::borrow::Cow;

use ratatui::crossterm::event::{KeyCode, KeyModifiers};

use super::{Action, Binding, Edit, Key};
use crate::dashboard::panel::Panel;

pub(super) const NONE: KeyModifiers = KeyModifiers::NONE;

const fn key(code: KeyCode) -> Key {
    (code, NONE)
}

const fn ch(c: char) -> Key {
    (KeyCode::Char(c), NONE)
}

const fn ctrl(c: char) -> Key {
    (KeyCode::Char(c), KeyModifiers::CONTROL)
}

const fn shift(code: KeyCode) -> Key {
    (code, KeyModifiers::SHIFT)
}

const fn bind(keys: &'static [Key], action: Action, hint: &'static str, help: &'static str) -> Binding {
    Binding { keys: Cow::Borrowed(keys), action, hint, help }
}

pub(super) const INTERRUPT: Binding = bind(&[ctrl('c')], Action::Interrupt, "", "finish, quit; again: now");
/// [`INTERRUPT`] where help does not list it.
const HIDDEN_INTERRUPT: Binding = bind(&[ctrl('c')], Action::Interrupt, "", "");
pub(super) const PANEL: &str = "go to a panel";
const NEXT_PANEL: &str = "next, previous panel";
pub(super) const MOVE: &str = "move in the panel";
const BSCAN: &str = "previous, next B-scan";
const LAYER: &str = "previous, next layer";
const MAGNIFY: &str = "magnify the B-scan";
pub(super) const PAN: &str = "move what is magnified";
const SORT: &str = "sort by, other way round";
const FIND: &str = "next, previous in the log";
const REVIEW: &str = "accept, reject, comment";
const TO_REVIEW: &str = "to review: next, only";
const FILES: &str = "open report; copy path";
const LOG: &str = "errors only; level of log";
const BY_HAND: &str = "correct lines; fovea";

pub(super) static MAIN: &[Binding] = &[
    bind(&[ch('q')], Action::Quit, "quit", "quit, or detach"),
    bind(&[ch('?'), key(KeyCode::F(1))], Action::Help, "help", "this help"),
    bind(&[ch(' ')], Action::Pause, "pause", "pause or resume"),
    bind(&[ch('1')], Action::Focus(Panel::Queue), "panel", PANEL),
    bind(&[ch('2')], Action::Focus(Panel::Preview), "panel", PANEL),
    bind(&[ch('3')], Action::Focus(Panel::Layers), "panel", PANEL),
    bind(&[ch('4')], Action::Focus(Panel::Profile), "panel", PANEL),
    bind(&[ch('5')], Action::Focus(Panel::Map), "panel", PANEL),
    bind(&[ch('6')], Action::Focus(Panel::Throughput), "panel", PANEL),
    bind(&[ch('7')], Action::Focus(Panel::Log), "panel", PANEL),
    bind(&[key(KeyCode::Tab)], Action::FocusNext, "", NEXT_PANEL),
    bind(&[key(KeyCode::BackTab)], Action::FocusPrevious, "", NEXT_PANEL),
    bind(&[ch('z')], Action::Zoom, "zoom", "full screen, or back"),
    bind(&[key(KeyCode::Enter), ch('i')], Action::Details, "details", "details of the scan"),
    bind(&[key(KeyCode::Up), ch('k')], Action::Up, "move", MOVE),
    bind(&[key(KeyCode::Down), ch('j')], Action::Down, "move", MOVE),
    bind(&[key(KeyCode::PageUp)], Action::PageUp, "", "page up, page down"),
    bind(&[key(KeyCode::PageDown)], Action::PageDown, "", "page up, page down"),
    bind(&[key(KeyCode::Home)], Action::Home, "", "first, last"),
    bind(&[key(KeyCode::End)], Action::End, "", "first, last"),
    bind(&[key(KeyCode::Left)], Action::PreviousBScan, "B-scan", BSCAN),
    bind(&[key(KeyCode::Right)], Action::NextBScan, "B-scan", BSCAN),
    bind(&[ch('[')], Action::PreviousLayer, "layer", LAYER),
    bind(&[ch(']')], Action::NextLayer, "layer", LAYER),
    bind(&[ch('f')], Action::Follow, "follow", "follow the running scan"),
    bind(&[ch('/')], Action::Filter, "filter", "filter scans; find in log"),
    bind(&[ch('n')], Action::FindNext, "", FIND),
    bind(&[ch('N')], Action::FindPrevious, "", FIND),
    bind(&[ch('s')], Action::Sort, "sort", SORT),
    bind(&[ch('S')], Action::ReverseSort, "", SORT),
    bind(&[ch('o')], Action::Overlay, "overlay", "lines: all, layer, none"),
    bind(&[ch('c')], Action::Crop, "crop", "retina, or whole B-scan"),
    bind(&[ch('+'), ch('=')], Action::Magnify, "", MAGNIFY),
    bind(&[ch('-')], Action::Reduce, "", MAGNIFY),
    bind(&[ch('H'), shift(KeyCode::Left)], Action::PanLeft, "", PAN),
    bind(&[ch('J'), shift(KeyCode::Down)], Action::PanDown, "", PAN),
    bind(&[ch('K'), shift(KeyCode::Up)], Action::PanUp, "", PAN),
    bind(&[ch('L'), shift(KeyCode::Right)], Action::PanRight, "", PAN),
    bind(&[ch('m')], Action::Map, "map", "map of layer or retina"),
    bind(&[ch('e')], Action::Errors, "errors", LOG),
    bind(&[ch('l')], Action::LogLevel, "", LOG),
    bind(&[ch('v')], Action::NextToReview, "review", TO_REVIEW),
    bind(&[ch('V')], Action::OnlyToReview, "", TO_REVIEW),
    bind(&[ch('a')], Action::AcceptScan, "", REVIEW),
    bind(&[ch('x')], Action::RejectScan, "", REVIEW),
    bind(&[ch('C')], Action::Comment, "", REVIEW),
    bind(&[ch('E')], Action::Correct, "", BY_HAND),
    bind(&[ch('F')], Action::StateCentre, "", BY_HAND),
    bind(&[ch('R')], Action::Retry, "retry", "retry from quarantine"),
    bind(&[ch('r')], Action::Rescan, "", "look for files now"),
    bind(&[ch('O')], Action::OpenReport, "", FILES),
    bind(&[ch('y')], Action::CopyPath, "", FILES),
    bind(&[ch('Y')], Action::CopyFolder, "", FILES),
    bind(&[ch('M')], Action::Mouse, "", "mouse on or off"),
    bind(&[ch('D')], Action::Stop, "", "stop the watcher"),
    bind(&[key(KeyCode::Esc)], Action::Close, "", "end zoom, clear filter"),
    bind(&[ctrl('l')], Action::Redraw, "", "draw the screen anew"),
    bind(&[ctrl('z')], Action::Suspend, "", "suspend; fg returns"),
    INTERRUPT,
];

pub(super) static HELP: &[Binding] = &[
    bind(&[key(KeyCode::Esc), ch('?'), ch('q'), key(KeyCode::F(1)), key(KeyCode::Enter)], Action::Close, "close", ""),
    bind(&[key(KeyCode::Up), ch('k')], Action::Up, "scroll", ""),
    bind(&[key(KeyCode::Down), ch('j')], Action::Down, "scroll", ""),
    HIDDEN_INTERRUPT,
];

pub(super) static FILTER: &[Binding] = &[
    bind(&[key(KeyCode::Enter)], Action::Accept, "keep", ""),
    bind(&[key(KeyCode::Esc)], Action::Close, "clear", ""),
    bind(&[key(KeyCode::Up)], Action::Up, "move", ""),
    bind(&[key(KeyCode::Down)], Action::Down, "move", ""),
    HIDDEN_INTERRUPT,
];

pub(super) static TEXT: &[Binding] = &[
    bind(&[key(KeyCode::Enter)], Action::Accept, "send", ""),
    bind(&[key(KeyCode::Esc)], Action::Close, "cancel", ""),
    HIDDEN_INTERRUPT,
];

pub(super) static QUIT: &[Binding] = &[
    bind(&[ch('d')], Action::Drain, "drain", "finish running scans, then stop"),
    bind(&[ch('a')], Action::Abort, "abort", "stop now; running scans start over later"),
    bind(&[key(KeyCode::Esc), ch('n')], Action::Close, "cancel", "cancel"),
    HIDDEN_INTERRUPT,
];

const CURSOR: &str = "move the cursor";
const FAR: &str = "move far";
const ROWS: &str = "move stretch or cursor";
const LINE: &str = "previous, next line";
const COPY_LINE: &str = "copy it from a neighbour";
const GONE: &str = "absent; cannot be seen";
const UNDO: &str = "undo, redo";

/// The keys while lines are corrected.
pub(super) static CORRECT: &[Binding] = &[
    bind(&[ch('?'), key(KeyCode::F(1))], Action::Help, "help", "this help"),
    bind(&[ch('[')], Action::Edit(Edit::PreviousLine), "line", LINE),
    bind(&[ch(']')], Action::Edit(Edit::NextLine), "line", LINE),
    bind(&[ch(' ')], Action::Edit(Edit::Mark), "stretch", "begin or end a stretch"),
    bind(&[key(KeyCode::Up), ch('k')], Action::Edit(Edit::Up), "move", ROWS),
    bind(&[key(KeyCode::Down), ch('j')], Action::Edit(Edit::Down), "move", ROWS),
    bind(&[key(KeyCode::Left), ch('h')], Action::Edit(Edit::Left), "", CURSOR),
    bind(&[key(KeyCode::Right), ch('l')], Action::Edit(Edit::Right), "", CURSOR),
    bind(&[ch('p')], Action::Edit(Edit::Point), "point", "redraw through points"),
    bind(&[ch('u')], Action::Edit(Edit::Undo), "undo", UNDO),
    bind(&[ch('U'), ctrl('r')], Action::Edit(Edit::Redo), "", UNDO),
    bind(&[ch('w'), ctrl('s')], Action::Edit(Edit::Save), "save", "save the corrections"),
    bind(&[key(KeyCode::Esc), ch('q')], Action::Edit(Edit::Leave), "leave", "cancel, or leave"),
    bind(&[ch('H'), shift(KeyCode::Left)], Action::Edit(Edit::FarLeft), "", FAR),
    bind(&[ch('L'), shift(KeyCode::Right)], Action::Edit(Edit::FarRight), "", FAR),
    bind(&[ch('K'), shift(KeyCode::Up)], Action::Edit(Edit::FarUp), "", FAR),
    bind(&[ch('J'), shift(KeyCode::Down)], Action::Edit(Edit::FarDown), "", FAR),
    bind(&[ch('a')], Action::Edit(Edit::All), "all", "the whole line"),
    bind(&[key(KeyCode::Enter)], Action::Edit(Edit::Finish), "", "keep the redrawn line"),
    bind(&[key(KeyCode::Backspace)], Action::Edit(Edit::DropPoint), "", "drop the last point"),
    bind(&[ch('g')], Action::Edit(Edit::Snap), "snap", "follow the image, or not"),
    bind(&[ch('<'), ch(',')], Action::Edit(Edit::CopyPrevious), "copy", COPY_LINE),
    bind(&[ch('>'), ch('.')], Action::Edit(Edit::CopyNext), "copy", COPY_LINE),
    bind(&[ch('x')], Action::Edit(Edit::Absent), "absent", GONE),
    bind(&[ch('d')], Action::Edit(Edit::Unseen), "unseen", GONE),
    bind(&[key(KeyCode::PageUp)], Action::PreviousBScan, "", BSCAN),
    bind(&[key(KeyCode::PageDown)], Action::NextBScan, "", BSCAN),
    bind(&[ch('+'), ch('=')], Action::Magnify, "magnify", MAGNIFY),
    bind(&[ch('-')], Action::Reduce, "magnify", MAGNIFY),
    bind(&[ch('o')], Action::Overlay, "", "lines: all, layer, none"),
    bind(&[ch('c')], Action::Crop, "", "retina, or whole B-scan"),
    bind(&[ch('M')], Action::Mouse, "", "mouse on or off"),
    bind(&[ctrl('l')], Action::Redraw, "", "draw the screen anew"),
    bind(&[ctrl('z')], Action::Suspend, "", "suspend; fg returns"),
    INTERRUPT,
];

/// The keys while the fovea is stated.
pub(super) static CENTRE: &[Binding] = &[
    bind(&[key(KeyCode::Up), ch('k')], Action::Edit(Edit::Up), "move", CURSOR),
    bind(&[key(KeyCode::Down), ch('j')], Action::Edit(Edit::Down), "move", CURSOR),
    bind(&[key(KeyCode::Left), ch('h')], Action::Edit(Edit::Left), "move", CURSOR),
    bind(&[key(KeyCode::Right), ch('l')], Action::Edit(Edit::Right), "move", CURSOR),
    bind(&[ch('K'), shift(KeyCode::Up)], Action::Edit(Edit::FarUp), "far", FAR),
    bind(&[ch('J'), shift(KeyCode::Down)], Action::Edit(Edit::FarDown), "far", FAR),
    bind(&[ch('H'), shift(KeyCode::Left)], Action::Edit(Edit::FarLeft), "far", FAR),
    bind(&[ch('L'), shift(KeyCode::Right)], Action::Edit(Edit::FarRight), "far", FAR),
    bind(&[key(KeyCode::Enter)], Action::Accept, "state it here", ""),
    bind(&[ch('x')], Action::FindCentre, "look for it again", ""),
    bind(&[key(KeyCode::Esc), ch('q')], Action::Close, "cancel", ""),
    HIDDEN_INTERRUPT,
];
