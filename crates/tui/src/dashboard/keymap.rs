//! The key bindings that input, hint bar and help share. The operator may choose other keys.

mod tables;

use std::borrow::Cow;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::custom_key::CustomKey;

pub(crate) use super::action::{Action, Edit};
use tables::{CENTRE, CORRECT, FILTER, HELP, MAIN, QUIT, TEXT};

/// Which key bindings are active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyContext {
    Main,
    Help,
    Filter,
    /// A text that is typed for its own sake.
    Text,
    Quit,
    /// Lines are corrected.
    Correct,
    /// The fovea is stated on the map.
    Centre,
}

#[cfg(test)]
impl KeyContext {
    const ALL: [Self; 7] = [Self::Main, Self::Help, Self::Filter, Self::Text, Self::Quit, Self::Correct, Self::Centre];
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
            KeyContext::Correct => CORRECT,
            KeyContext::Centre => CENTRE,
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
    use super::{
        tables::{INTERRUPT, MOVE, NONE, PAN, PANEL},
        *,
    };

    #[test]
    fn no_key_has_two_actions() {
        let keymap = Keymap::default();
        for context in KeyContext::ALL {
            let mut seen = Vec::new();
            for key in keymap.table(context).iter().flat_map(|b| b.keys.iter()) {
                assert!(!seen.contains(key), "{key:?} twice in {context:?}");
                seen.push(*key);
            }
        }
    }

    #[test]
    fn the_help_explains_every_key() {
        assert!(MAIN.iter().chain(CORRECT).all(|b| !b.help.is_empty()));
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
