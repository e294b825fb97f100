//! The answer of the redirecting port: the same address at the main port.

use crate::handshake::{Header, Reject, Request};

/// The port that goes without saying.
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;

/// A complete response: 301 to `scheme` and `port`, host, path and query as they were asked for.
///
/// # Errors
///
/// [`Reject::HostMissing`]: HTTP/1.0 may leave the host out, and then there is nowhere to go.
pub(super) fn response(
    request: &Request<'_>,
    scheme: &str,
    port: u16,
    extra: &[Header],
) -> Result<Vec<u8>, Reject> {
    let host = request.host().ok_or(Reject::HostMissing)?.host;
    let default = if scheme == "https" {
        HTTPS_PORT
    } else {
        HTTP_PORT
    };
    let port = match port {
        port if port == default => String::new(),
        port => format!(":{port}"),
    };
    let query = request
        .query()
        .map_or_else(String::new, |query| format!("?{query}"));
    let location = format!("{scheme}://{host}{port}{}{query}", request.path());
    let body = format!("this is at {location}\n");
    let response = format!(
        "HTTP/1.1 301 Moved Permanently\r\n\
         Location: {location}\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\n\
         Connection: close\r\n",
        body.len()
    );
    let mut response = response.into_bytes();
    for header in extra {
        header.write(&mut response);
    }
    response.extend_from_slice(b"\r\n");
    if request.method() != "HEAD" {
        response.extend_from_slice(body.as_bytes());
    }
    Ok(response)
}
