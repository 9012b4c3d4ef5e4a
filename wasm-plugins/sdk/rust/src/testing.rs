//! A fake host for native tests (`cargo test`) of code that uses this crate.

use std::cell::RefCell;

use serde_json::Value;

/// A request that the code under test sent to the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// HTTP method.
    pub method: String,
    /// Path and query, without the host's origin.
    pub path: String,
    /// JSON body; `Null` when there was none.
    pub body: Value,
}

type Host = Box<dyn FnMut(Request) -> (u16, Value)>;

const ORIGIN: &str = "http://host.test";

thread_local! {
    static HOST: RefCell<Option<Host>> = const { RefCell::new(None) };
}

/// Answers all further host calls of this thread with the status and JSON body from `answer`.
pub fn answer_with(answer: impl FnMut(Request) -> (u16, Value) + 'static) {
    HOST.with_borrow_mut(|host| *host = Some(Box::new(answer)));
}

pub(crate) fn config_value(key: &str) -> Option<String> {
    (key == "host_url").then(|| ORIGIN.to_owned())
}

pub(crate) fn send(
    method: &str,
    url: &str,
    body: Option<Vec<u8>>,
) -> Result<(u16, Vec<u8>), String> {
    let request = Request {
        method: method.to_owned(),
        path: url.strip_prefix(ORIGIN).unwrap_or(url).to_owned(),
        body: match body {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| error.to_string())?,
            None => Value::Null,
        },
    };
    HOST.with_borrow_mut(|host| {
        let host = host.as_mut().ok_or("call testing::answer_with first")?;
        let (status, body) = host(request);
        Ok((status, body.to_string().into_bytes()))
    })
}

pub(crate) fn set_error(text: &str) {
    eprintln!("{text}");
}
