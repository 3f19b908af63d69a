//! The table of key bindings that input, hint bar and help share.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::panel::Panel;

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
    Map,
    Filter,
    LogLevel,
    Errors,
    Follow,
    Retry,
    Rescan,
    Stop,
    Drain,
    Abort,
    Accept,
    Close,
}

/// Which key bindings are active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyContext {
    Main,
    Help,
    Filter,
    Quit,
}

/// An action and its keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    keys: &'static [(KeyCode, KeyModifiers)],
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

const fn key(code: KeyCode) -> (KeyCode, KeyModifiers) {
    (code, NONE)
}

const fn ch(c: char) -> (KeyCode, KeyModifiers) {
    (KeyCode::Char(c), NONE)
}

const fn bind(
    keys: &'static [(KeyCode, KeyModifiers)],
    action: Action,
    hint: &'static str,
    help: &'static str,
) -> Binding {
    Binding { keys, action, hint, help }
}

const INTERRUPT: Binding = bind(
    &[(KeyCode::Char('c'), KeyModifiers::CONTROL)],
    Action::Interrupt,
    "",
    "finish running scans and quit; again: stop now",
);
/// [`INTERRUPT`] where help does not list it.
const HIDDEN_INTERRUPT: Binding = Binding { help: "", ..INTERRUPT };
const PANEL: &str = "go to a panel";
const MOVE: &str = "move in the focused panel";
const BSCAN: &str = "previous, next B-scan of the scan";
const LAYER: &str = "previous, next layer";

static MAIN: &[Binding] = &[
    bind(&[ch('q')], Action::Quit, "quit", "quit (asks if scans are running), or detach"),
    bind(&[ch('?'), key(KeyCode::F(1))], Action::Help, "help", "this help"),
    bind(&[ch(' ')], Action::Pause, "pause", "pause or resume"),
    bind(&[ch('1')], Action::Focus(Panel::Queue), "panel", PANEL),
    bind(&[ch('2')], Action::Focus(Panel::Preview), "panel", PANEL),
    bind(&[ch('3')], Action::Focus(Panel::Layers), "panel", PANEL),
    bind(&[ch('4')], Action::Focus(Panel::Profile), "panel", PANEL),
    bind(&[ch('5')], Action::Focus(Panel::Map), "panel", PANEL),
    bind(&[ch('6')], Action::Focus(Panel::Throughput), "panel", PANEL),
    bind(&[ch('7')], Action::Focus(Panel::Log), "panel", PANEL),
    bind(&[key(KeyCode::Tab)], Action::FocusNext, "", "next panel, previous panel"),
    bind(&[key(KeyCode::BackTab)], Action::FocusPrevious, "", "next panel, previous panel"),
    bind(&[ch('z'), key(KeyCode::Enter)], Action::Zoom, "zoom", "zoom the panel to full screen, or back"),
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
    bind(&[ch('f')], Action::Follow, "follow", "follow the running scan, on or off"),
    bind(&[ch('/')], Action::Filter, "filter", "filter scans by path or state"),
    bind(&[ch('o')], Action::Overlay, "overlay", "boundaries: all, selected layer, none"),
    bind(&[ch('c')], Action::Crop, "crop", "show ILM to Bruch's membrane, or the whole B-scan"),
    bind(&[ch('m')], Action::Map, "map", "map of the selected layer, or of the retina"),
    bind(&[ch('e')], Action::Errors, "errors", "show errors only, or the whole log"),
    bind(&[ch('l')], Action::LogLevel, "", "log level: all, warnings and errors, errors"),
    bind(&[ch('R')], Action::Retry, "retry", "retry the selected quarantined scan"),
    bind(&[ch('r')], Action::Rescan, "", "check the watched folders now"),
    bind(&[ch('D')], Action::Stop, "", "stop the watcher (asks how)"),
    bind(&[key(KeyCode::Esc)], Action::Close, "", "end zoom, clear filter"),
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

static QUIT: &[Binding] = &[
    bind(&[ch('d')], Action::Drain, "drain", "finish running scans, then stop"),
    bind(&[ch('a')], Action::Abort, "abort", "stop now; running scans start over later"),
    bind(&[key(KeyCode::Esc), ch('n')], Action::Close, "cancel", "cancel"),
    HIDDEN_INTERRUPT,
];

const fn table(context: KeyContext) -> &'static [Binding] {
    match context {
        KeyContext::Main => MAIN,
        KeyContext::Help => HELP,
        KeyContext::Filter => FILTER,
        KeyContext::Quit => QUIT,
    }
}

/// What `event` means in `context`.
pub(crate) fn action(context: KeyContext, event: KeyEvent) -> Option<Action> {
    // Only some terminals report Shift with capitals and symbols.
    let modifiers = match event.code {
        KeyCode::Char(_) | KeyCode::BackTab => event.modifiers - KeyModifiers::SHIFT,
        _ => event.modifiers,
    };
    let found = table(context).iter().find(|b| b.keys.contains(&(event.code, modifiers)));
    found.map(|b| b.action)
}

/// The first key of `action` in `context`, as printed; empty if it has none.
pub(crate) fn key_of(context: KeyContext, action: Action) -> String {
    let binding = table(context).iter().find(|binding| binding.action == action);
    binding.and_then(|binding| binding.keys.first()).map(|key| key_name(*key)).unwrap_or_default()
}

/// The lines of the hint bar, most important first.
pub(crate) fn hints(context: KeyContext) -> Vec<KeyHelp> {
    grouped(table(context), |b| b.hint, |b| &b.keys[..1])
}

/// The lines of the help, or of the quit question.
pub(crate) fn help(context: KeyContext) -> Vec<KeyHelp> {
    grouped(table(context), |b| b.help, |b| b.keys)
}

fn grouped(
    table: &'static [Binding],
    text: impl Fn(&Binding) -> &'static str,
    keys: impl Fn(&Binding) -> &'static [(KeyCode, KeyModifiers)],
) -> Vec<KeyHelp> {
    table
        .chunk_by(|a, b| text(a) == text(b))
        .filter(|group| !text(&group[0]).is_empty())
        .map(|group| {
            let all: Vec<String> = group.iter().flat_map(&keys).map(|k| key_name(*k)).collect();
            // More than four keys are a range of digits.
            let keys = match &all[..] {
                [first, .., last] if all.len() > 4 => format!("{first}-{last}"),
                _ => all.join(" "),
            };
            KeyHelp { keys, text: text(&group[0]) }
        })
        .collect()
}

fn key_name((code, modifiers): (KeyCode, KeyModifiers)) -> String {
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
        KeyCode::BackTab => "Shift-Tab".into(),
        KeyCode::F(n) => format!("F{n}"),
        code => format!("{code:?}"),
    };
    if modifiers.contains(KeyModifiers::CONTROL) { format!("Ctrl-{plain}") } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_has_two_actions() {
        for context in [KeyContext::Main, KeyContext::Help, KeyContext::Filter, KeyContext::Quit] {
            let mut seen = Vec::new();
            for key in table(context).iter().flat_map(|b| b.keys) {
                assert!(!seen.contains(key), "{key:?} twice in {context:?}");
                seen.push(*key);
            }
        }
    }

    #[test]
    fn the_help_explains_every_key() {
        assert!(MAIN.iter().all(|b| !b.help.is_empty()));
        let help = help(KeyContext::Main);
        let find = |keys: &str| help.iter().find(|l| l.keys == keys).map(|l| l.text);
        assert_eq!(find("1-7"), Some(PANEL));
        assert_eq!(find("↑ k ↓ j"), Some(MOVE));
        assert_eq!(find("Ctrl-C"), Some(INTERRUPT.help));
    }

    #[test]
    fn neighbours_with_the_same_text_share_a_hint() {
        let hints = hints(KeyContext::Main);
        assert_eq!(hints[0], KeyHelp { keys: "q".into(), text: "quit" });
        assert!(hints.contains(&KeyHelp { keys: "← →".into(), text: "B-scan" }));
        assert!(hints.contains(&KeyHelp { keys: "1-7".into(), text: "panel" }));
    }

    #[test]
    fn shift_is_ignored_but_control_is_not() {
        let press = |c, modifiers| action(KeyContext::Main, KeyEvent::new(KeyCode::Char(c), modifiers));
        assert_eq!(press('R', KeyModifiers::SHIFT), Some(Action::Retry));
        assert_eq!(press('?', KeyModifiers::SHIFT), Some(Action::Help));
        assert_eq!(press('c', NONE), Some(Action::Crop));
        assert_eq!(press('c', KeyModifiers::CONTROL), Some(Action::Interrupt));
        assert_eq!(press('q', KeyModifiers::CONTROL), None);
    }
}
