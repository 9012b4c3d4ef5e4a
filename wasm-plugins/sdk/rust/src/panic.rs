//! Turns a panic's message into the error that the host records.

use std::panic::PanicHookInfo;
use std::sync::Once;

/// Makes the message and location of a panic the Extism error. Otherwise the host sees only a trap
/// and its backtrace.
///
/// Decoding an [`Input`](crate::Input) calls this, so only functions without one need to.
pub fn set_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(report)));
}

fn report(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let text = match info.location() {
        Some(at) => format!("panicked at {}:{}: {message}", at.file(), at.line()),
        None => format!("panicked: {message}"),
    };
    crate::transport::set_error(&text);
}
