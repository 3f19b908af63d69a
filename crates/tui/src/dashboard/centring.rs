//! States the fovea by hand, on the map.

use octrls_core::{measure::enface::ThicknessMap, scan::Place};
use ratatui::layout::Position;

use super::{app::App, keymap::Edit, panel::Panel, panels::place_on_map};
use crate::{Controls, LedgerChange, archive::OpenedResult};

/// Millimetres of a step and of a long one.
const STEP_MM: f64 = 0.05;
const FAR_MM: f64 = 0.5;

impl App {
    /// The selected scan's result, if it was opened again.
    fn opened(&self) -> Option<&OpenedResult> {
        self.view.selected.and_then(|id| self.shelf.result(id)).map(AsRef::as_ref)
    }

    /// Shows the map on the full screen with a cross at the present centre.
    pub(super) fn start_centring(&mut self) {
        if self.reviewable().is_none() {
            return;
        }
        self.view.focus_panel(Panel::Map);
        self.view.zoomed = true;
        self.view.following = false;
        let centre = self.opened().filter(|opened| opened.maps.is_some()).and_then(|opened| opened.result.centre());
        match centre {
            Some(centre) => self.view.centring = Some(centre.place),
            None if self.opened().is_none() => self.say("reading its results; press the key again"),
            None => self.say("it has no map; `octrls recentre` states the middle of a circle"),
        }
    }

    pub(super) fn move_centre(&mut self, edit: Edit) {
        let (right, down) = match edit {
            Edit::Left => (-STEP_MM, 0.0),
            Edit::Right => (STEP_MM, 0.0),
            Edit::Up => (0.0, -STEP_MM),
            Edit::Down => (0.0, STEP_MM),
            Edit::FarLeft => (-FAR_MM, 0.0),
            Edit::FarRight => (FAR_MM, 0.0),
            Edit::FarUp => (0.0, -FAR_MM),
            Edit::FarDown => (0.0, FAR_MM),
            _ => return,
        };
        if let Some(Place { x, y }) = self.view.centring {
            self.put_centre(Place { x: x + right, y: y + down });
        }
    }

    /// Moves the cross, but not out of the scanned area.
    fn put_centre(&mut self, place: Place) {
        let maps = self.opened().and_then(|opened| opened.maps.as_ref());
        let Some((low, high)) = maps.and_then(|maps| maps.first()).map(ThicknessMap::extent) else { return };
        self.view.centring = Some(Place { x: place.x.clamp(low.x, high.x), y: place.y.clamp(low.y, high.y) });
    }

    /// Moves the cross to a cell.
    pub(super) fn centre_at(&mut self, at: Position) {
        let area = self.areas.iter().find(|area| area.panel == Panel::Map).map(|area| area.area);
        let maps = self.opened().and_then(|opened| opened.maps.as_ref());
        let place = area.zip(maps.and_then(|maps| maps.first())).and_then(|(area, map)| place_on_map(map, area, at));
        if let Some(place) = place {
            self.put_centre(place);
        }
    }

    /// States the centre where the cross is.
    pub(super) fn state_centre(&mut self, controls: &dyn Controls) {
        // Micrometres are enough.
        let rounded = |mm: f64| (mm * 1000.0).round() / 1000.0;
        let centre = self.view.centring.take().map(|Place { x, y }| Place { x: rounded(x), y: rounded(y) });
        self.recentre(centre, controls);
    }

    /// Withdraws what was stated, so that the fovea is looked for again.
    pub(super) fn withdraw_centre(&mut self, controls: &dyn Controls) {
        self.view.centring = None;
        self.recentre(None, controls);
    }

    fn recentre(&mut self, centre: Option<Place>, controls: &dyn Controls) {
        let Some((_, path)) = self.reviewable() else { return };
        controls.change_ledger(LedgerChange::Recentre { path, centre });
        self.say(if centre.is_some() { "stating the centre" } else { "withdrawing the stated centre" });
    }
}
