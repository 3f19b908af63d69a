//! Keys that the operator chooses.

use std::{fmt, str::FromStr};

use ratatui::crossterm::event::{KeyCode, KeyModifiers};

use super::keymap::{Action, Key, key_name};

const NONE: KeyModifiers = KeyModifiers::NONE;

/// A key of the operator's own, as in `pause=p`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomKey {
    name: &'static str,
    pub(super) action: Action,
    pub(super) key: Key,
}

impl FromStr for CustomKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, key) = text.split_once('=').ok_or("expected ACTION=KEY")?;
        let known = Action::NAMED.into_iter().find(|(known, _)| *known == name);
        let (name, action) = known.ok_or_else(|| {
            let names: Vec<&str> = Action::NAMED.iter().map(|(name, _)| *name).collect();
            format!("'{name}' is none of {}", names.join(", "))
        })?;
        let key = parse_key(key).ok_or_else(|| format!("'{key}' is no key such as p, space, F5 or ctrl-p"))?;
        Ok(Self { name, action, key })
    }
}

impl fmt::Display for CustomKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, key_name(self.key))
    }
}

/// The key with a name as [`key_name`] prints it, or in words.
fn parse_key(text: &str) -> Option<Key> {
    let lower = text.to_lowercase();
    let (rest, modifiers) = match lower.strip_prefix("ctrl-") {
        Some(rest) => (rest, KeyModifiers::CONTROL),
        None => (lower.as_str(), NONE),
    };
    let mut chars = text.chars();
    let code = match (chars.next(), chars.next()) {
        (Some(c), None) => KeyCode::Char(c),
        _ => match rest {
            "space" => KeyCode::Char(' '),
            "tab" => KeyCode::Tab,
            "enter" => KeyCode::Enter,
            "esc" => KeyCode::Esc,
            "up" => KeyCode::Up,
            "down" => KeyCode::Down,
            "left" => KeyCode::Left,
            "right" => KeyCode::Right,
            "pgup" => KeyCode::PageUp,
            "pgdn" => KeyCode::PageDown,
            "home" => KeyCode::Home,
            "end" => KeyCode::End,
            "del" => KeyCode::Delete,
            "ins" => KeyCode::Insert,
            other => {
                let number = other.strip_prefix('f').and_then(|n| n.parse().ok()).filter(|n| (1..=12).contains(n));
                let single = || other.chars().next().filter(|_| other.chars().count() == 1).map(KeyCode::Char);
                number.map(KeyCode::F).or_else(single)?
            }
        },
    };
    Some((code, modifiers))
}
