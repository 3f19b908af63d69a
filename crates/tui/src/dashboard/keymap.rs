//! The key bindings that input, hint bar and help share. The operator may choose other keys.

use std::borrow::Cow;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{custom_key::CustomKey, panel::Panel};

/// An action of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Quit,
    Interrupt,
    Help,
    Pause,
    FocusNext,
    FocusPrevious,
    Focus(Panel),
    Zoom,
    Details,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    PreviousBScan,
    NextBScan,
    PreviousLayer,
    NextLayer,
    Overlay,
    Crop,
    Magnify,
    Reduce,
    PanLeft,
    PanRight,
    PanUp,
    PanDown,
    Map,
    Filter,
    FindNext,
    FindPrevious,
    Sort,
    ReverseSort,
    LogLevel,
    Errors,
    Follow,
    NextToReview,
    OnlyToReview,
    AcceptScan,
    RejectScan,
    Comment,
    Retry,
    Rescan,
    OpenReport,
    CopyPath,
    CopyFolder,
    Mouse,
    Stop,
    Drain,
    Abort,
    Accept,
    Close,
    Redraw,
    Suspend,
}

impl Action {
    /// The actions whose keys can be chosen, by name.
    pub(super) const NAMED: [(&'static str, Self); 40] = [
        ("quit", Self::Quit),
        ("help", Self::Help),
        ("pause", Self::Pause),
        ("next-panel", Self::FocusNext),
        ("previous-panel", Self::FocusPrevious),
        ("zoom", Self::Zoom),
        ("details", Self::Details),
        ("up", Self::Up),
        ("down", Self::Down),
        ("page-up", Self::PageUp),
        ("page-down", Self::PageDown),
        ("first", Self::Home),
        ("last", Self::End),
        ("previous-bscan", Self::PreviousBScan),
        ("next-bscan", Self::NextBScan),
        ("previous-layer", Self::PreviousLayer),
        ("next-layer", Self::NextLayer),
        ("overlay", Self::Overlay),
        ("crop", Self::Crop),
        ("magnify", Self::Magnify),
        ("reduce", Self::Reduce),
        ("map", Self::Map),
        ("filter", Self::Filter),
        ("find-next", Self::FindNext),
        ("find-previous", Self::FindPrevious),
        ("sort", Self::Sort),
        ("reverse-sort", Self::ReverseSort),
        ("log-level", Self::LogLevel),
        ("errors", Self::Errors),
        ("follow", Self::Follow),
        ("next-to-review", Self::NextToReview),
        ("accept", Self::AcceptScan),
        ("reject", Self::RejectScan),
        ("comment", Self::Comment),
        ("retry", Self::Retry),
        ("rescan", Self::Rescan),
        ("open", Self::OpenReport),
        ("copy", Self::CopyPath),
        ("mouse", Self::Mouse),
        ("stop", Self::Stop),
    ];
}

/// Which key bindings are active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyContext {
    Main,
    Help,
    Filter,
    /// A text that is typed for its own sake.
    Text,
    Quit,
}

/// A key with its modifiers.
pub(super) type Key = (KeyCode, KeyModifiers);

/// An action and its keys.
#[derive(Clone, Debug)]
struct Binding {
    keys: Cow<'static, [Key]>,
    action: Action,
    /// Text in the hint bar; neighbours with the same text are merged. Empty: not in the bar.
    hint: &'static str,
    /// Text in the help; neighbours with the same text are merged.
    help: &'static str,
}

/// Keys as printed, and their text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyHelp {
    pub(crate) keys: String,
    pub(crate) text: &'static str,
}

const NONE: KeyModifiers = KeyModifiers::NONE;

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

const INTERRUPT: Binding = bind(&[ctrl('c')], Action::Interrupt, "", "finish, quit; again: now");
/// [`INTERRUPT`] where help does not list it.
const HIDDEN_INTERRUPT: Binding = bind(&[ctrl('c')], Action::Interrupt, "", "");
const PANEL: &str = "go to a panel";
const NEXT_PANEL: &str = "next, previous panel";
const MOVE: &str = "move in the panel";
const BSCAN: &str = "previous, next B-scan";
const LAYER: &str = "previous, next layer";
const MAGNIFY: &str = "magnify the B-scan";
const PAN: &str = "move what is magnified";
const SORT: &str = "sort by, other way round";
const FIND: &str = "next, previous in the log";
const REVIEW: &str = "accept, reject, comment";
const TO_REVIEW: &str = "to review: next, only";
const COPY: &str = "copy path, result folder";
const LOG: &str = "errors only; level of log";

static MAIN: &[Binding] = &[
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
    bind(&[ch('R')], Action::Retry, "retry", "retry from quarantine"),
    bind(&[ch('r')], Action::Rescan, "", "look for files now"),
    bind(&[ch('O')], Action::OpenReport, "", "open the report"),
    bind(&[ch('y')], Action::CopyPath, "", COPY),
    bind(&[ch('Y')], Action::CopyFolder, "", COPY),
    bind(&[ch('M')], Action::Mouse, "", "mouse on or off"),
    bind(&[ch('D')], Action::Stop, "", "stop the watcher"),
    bind(&[key(KeyCode::Esc)], Action::Close, "", "end zoom, clear filter"),
    bind(&[ctrl('l')], Action::Redraw, "", "draw the screen anew"),
    bind(&[ctrl('z')], Action::Suspend, "", "suspend; fg returns"),
    INTERRUPT,
];

static HELP: &[Binding] = &[
    bind(&[key(KeyCode::Esc), ch('?'), ch('q'), key(KeyCode::F(1)), key(KeyCode::Enter)], Action::Close, "close", ""),
    bind(&[key(KeyCode::Up), ch('k')], Action::Up, "scroll", ""),
    bind(&[key(KeyCode::Down), ch('j')], Action::Down, "scroll", ""),
    HIDDEN_INTERRUPT,
];

static FILTER: &[Binding] = &[
    bind(&[key(KeyCode::Enter)], Action::Accept, "keep", ""),
    bind(&[key(KeyCode::Esc)], Action::Close, "clear", ""),
    bind(&[key(KeyCode::Up)], Action::Up, "move", ""),
    bind(&[key(KeyCode::Down)], Action::Down, "move", ""),
    HIDDEN_INTERRUPT,
];

static TEXT: &[Binding] = &[
    bind(&[key(KeyCode::Enter)], Action::Accept, "send", ""),
    bind(&[key(KeyCode::Esc)], Action::Close, "cancel", ""),
    HIDDEN_INTERRUPT,
];

static QUIT: &[Binding] = &[
    bind(&[ch('d')], Action::Drain, "drain", "finish running scans, then stop"),
    bind(&[ch('a')], Action::Abort, "abort", "stop now; running scans start over later"),
    bind(&[key(KeyCode::Esc), ch('n')], Action::Close, "cancel", "cancel"),
    HIDDEN_INTERRUPT,
];

/// The keys in force.
#[derive(Clone, Debug)]
pub(crate) struct Keymap {
    main: Vec<Binding>,
}

impl Default for Keymap {
    fn default() -> Self {
        Self { main: MAIN.to_vec() }
    }
}

impl Keymap {
    /// The keys with those of the operator. An action has its own keys no longer, and no other action has the new one.
    pub(crate) fn with(custom: &[CustomKey]) -> Self {
        let mut keymap = Self::default();
        for (i, CustomKey { action, key, .. }) in custom.iter().enumerate() {
            let is_first = !custom[..i].iter().any(|earlier| earlier.action == *action);
            for binding in &mut keymap.main {
                let mut keys = binding.keys.to_vec();
                if binding.action == *action {
                    keys.retain(|_| !is_first);
                    keys.push(*key);
                } else {
                    keys.retain(|other| other != key);
                }
                binding.keys = keys.into();
            }
        }
        keymap
    }

    fn table(&self, context: KeyContext) -> &[Binding] {
        match context {
            KeyContext::Main => &self.main,
            KeyContext::Help => HELP,
            KeyContext::Filter => FILTER,
            KeyContext::Text => TEXT,
            KeyContext::Quit => QUIT,
        }
    }

    /// What `event` means in `context`.
    pub(crate) fn action(&self, context: KeyContext, event: KeyEvent) -> Option<Action> {
        // Only some terminals report Shift with capitals and symbols.
        let modifiers = match event.code {
            KeyCode::Char(_) | KeyCode::BackTab => event.modifiers - KeyModifiers::SHIFT,
            _ => event.modifiers,
        };
        let found = self.table(context).iter().find(|b| b.keys.contains(&(event.code, modifiers)));
        found.map(|b| b.action)
    }

    /// The first key of `action` in `context`, as printed; empty if it has none.
    pub(crate) fn key_of(&self, context: KeyContext, action: Action) -> String {
        let binding = self.table(context).iter().find(|binding| binding.action == action);
        binding.and_then(|binding| binding.keys.first()).map(|key| key_name(*key)).unwrap_or_default()
    }

    /// The lines of the hint bar, most important first.
    pub(crate) fn hints(&self, context: KeyContext) -> Vec<KeyHelp> {
        self.grouped(context, |b| b.hint, 1)
    }

    /// The lines of the help, or of the quit question.
    pub(crate) fn help(&self, context: KeyContext) -> Vec<KeyHelp> {
        self.grouped(context, |b| b.help, usize::MAX)
    }

    /// The bindings with a text, with up to `most` keys each; neighbours of the same text are one line.
    fn grouped(&self, context: KeyContext, text: impl Fn(&Binding) -> &'static str, most: usize) -> Vec<KeyHelp> {
        self.table(context)
            .chunk_by(|a, b| text(a) == text(b))
            .filter(|group| !text(&group[0]).is_empty())
            .map(|group| {
                let most = if group.len() > 2 { 1 } else { most };
                let all: Vec<String> =
                    group.iter().flat_map(|b| b.keys.iter().take(most)).map(|key| key_name(*key)).collect();
                // More than four keys are a range of digits.
                let keys = match &all[..] {
                    [first, .., last] if all.len() > 4 => format!("{first}-{last}"),
                    _ => all.join(" "),
                };
                KeyHelp { keys, text: text(&group[0]) }
            })
            .filter(|line| !line.keys.is_empty())
            .collect()
    }
}

pub(super) fn key_name((code, modifiers): Key) -> String {
    let plain = match code {
        KeyCode::Char(' ') => "space".into(),
        KeyCode::Char(c) if modifiers.contains(KeyModifiers::CONTROL) => c.to_ascii_uppercase().to_string(),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::Up => "↑".into(),
        KeyCode::Down => "↓".into(),
        KeyCode::Left => "←".into(),
        KeyCode::Right => "→".into(),
        KeyCode::PageUp => "PgUp".into(),
        KeyCode::PageDown => "PgDn".into(),
        KeyCode::BackTab => "S-Tab".into(),
        KeyCode::F(n) => format!("F{n}"),
        code => format!("{code:?}"),
    };
    if modifiers.contains(KeyModifiers::CONTROL) {
        format!("Ctrl-{plain}")
    } else if modifiers.contains(KeyModifiers::SHIFT) {
        format!("Shift-{plain}")
    } else {
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_has_two_actions() {
        let keymap = Keymap::default();
        for context in [KeyContext::Main, KeyContext::Help, KeyContext::Filter, KeyContext::Text, KeyContext::Quit] {
            let mut seen = Vec::new();
            for key in keymap.table(context).iter().flat_map(|b| b.keys.iter()) {
                assert!(!seen.contains(key), "{key:?} twice in {context:?}");
                seen.push(*key);
            }
        }
    }

    #[test]
    fn the_help_explains_every_key() {
        assert!(MAIN.iter().all(|b| !b.help.is_empty()));
        let help = Keymap::default().help(KeyContext::Main);
        let find = |keys: &str| help.iter().find(|l| l.keys == keys).map(|l| l.text);
        assert_eq!(find("1-7"), Some(PANEL));
        assert_eq!(find("↑ k ↓ j"), Some(MOVE));
        assert_eq!(find("H J K L"), Some(PAN));
        assert_eq!(find("Ctrl-C"), Some(INTERRUPT.help));
    }

    #[test]
    fn neighbours_with_the_same_text_share_a_hint() {
        let hints = Keymap::default().hints(KeyContext::Main);
        assert_eq!(hints[0], KeyHelp { keys: "q".into(), text: "quit" });
        assert!(hints.contains(&KeyHelp { keys: "← →".into(), text: "B-scan" }));
        assert!(hints.contains(&KeyHelp { keys: "1-7".into(), text: "panel" }));
    }

    #[test]
    fn shift_is_ignored_with_characters() {
        let keymap = Keymap::default();
        let event = KeyEvent::new(KeyCode::Char('R'), KeyModifiers::SHIFT);
        assert_eq!(keymap.action(KeyContext::Main, event), Some(Action::Retry));
        let event = KeyEvent::new(KeyCode::Char('x'), KeyModifiers::ALT);
        assert_eq!(keymap.action(KeyContext::Main, event), None);
    }

    #[test]
    fn the_operator_chooses_keys() {
        let custom: Vec<CustomKey> =
            ["pause=p", "pause=F5", "zoom=q", "quit=ctrl-q"].map(|text| text.parse().unwrap()).into();
        let keymap = Keymap::with(&custom);
        let action = |code, modifiers| keymap.action(KeyContext::Main, KeyEvent::new(code, modifiers));
        assert_eq!(action(KeyCode::Char('p'), NONE), Some(Action::Pause));
        assert_eq!(action(KeyCode::F(5), NONE), Some(Action::Pause));
        assert_eq!(action(KeyCode::Char(' '), NONE), None);
        assert_eq!(action(KeyCode::Char('q'), NONE), Some(Action::Zoom));
        assert_eq!(action(KeyCode::Char('q'), KeyModifiers::CONTROL), Some(Action::Quit));
        assert_eq!(keymap.hints(KeyContext::Main)[0].keys, "Ctrl-Q");
        assert!("sing=p".parse::<CustomKey>().unwrap_err().contains("'sing' is none of quit,"));
        assert!("pause=F99".parse::<CustomKey>().unwrap_err().contains("no key"));
        assert_eq!("pause=ctrl-p".parse::<CustomKey>().unwrap().to_string(), "pause=Ctrl-P");
    }

    #[test]
    fn every_named_action_has_a_key() {
        for (name, action) in Action::NAMED {
            assert!(MAIN.iter().any(|binding| binding.action == action), "{name}");
        }
    }
}
