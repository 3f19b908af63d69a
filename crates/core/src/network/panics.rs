//! Turns panics of dependencies into errors.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
};

thread_local! {
    /// Whether a panic on this thread is expected and its message not printed.
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; the error is the message of its panic.
pub(super) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown reason").to_owned()
    })
}

/// As [`catch`], but a panic prints no message.
pub(super) fn catch_silently<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    // The hook belongs to the whole process, so it is replaced once and asks which threads are silent.
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let hook = take_hook();
        set_hook(Box::new(move |info| {
            if !SILENT.get() {
                hook(info);
            }
        }));
    });
    let before = SILENT.replace(true);
    let result = catch(work);
    SILENT.set(before);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        assert_eq!(catch_silently(|| 3), Ok(3));
        assert_eq!(catch_silently(|| panic!("number {}", 4)).map(|()| 0), Err("number 4".to_owned()));
        assert!(!SILENT.get());
    }
}
