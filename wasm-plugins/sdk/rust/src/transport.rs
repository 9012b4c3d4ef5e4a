//! The calls into Extism. Outside WebAssembly, [`crate::testing`] replaces them.

#[cfg(target_arch = "wasm32")]
mod extism {
    use extism_pdk::{config, http, HttpRequest, Memory};

    pub fn config_value(key: &str) -> Option<String> {
        config::get(key).ok().flatten()
    }

    pub fn send(method: &str, url: &str, body: Option<Vec<u8>>) -> Result<(u16, Vec<u8>), String> {
        let mut request = HttpRequest::new(url)
            .with_method(method)
            .with_header("Accept", "application/json");
        if body.is_some() {
            request = request.with_header("Content-Type", "application/json");
        }
        let response = http::request(&request, body).map_err(|error| error.to_string())?;
        let reply = (response.status_code(), response.body());
        response.into_memory().free();
        Ok(reply)
    }

    pub fn set_error(text: &str) {
        if let Ok(memory) = Memory::from_bytes(text) {
            // SAFETY: the offset is that of a live block, which the host owns from now on.
            unsafe { extism_pdk::extism::error_set(memory.offset()) };
        }
    }
}

#[cfg(target_arch = "wasm32")]
pub(crate) use extism::{config_value, send, set_error};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::{config_value, send, set_error};
