//! The console: one page that connects back to the address it came from, and talks to the service.
//!
//! The page is the same bytes for every request: nothing a client sends is echoed, so there is nothing
//! to inject. What the service sends is shown as text, and the policy in the response's head lets
//! nothing run or load but the page's own script and style.

use crate::handshake::Header;

/// The page: HTML with its style and script inside, and no reference to anything else.
const PAGE: &[u8] = include_bytes!("console.html");

/// The head up to the length. The two hashes are of what stands between the tags of `style` and
/// `script` in [`PAGE`]; a test holds them. `connect-src 'self'` covers the WebSocket of the page's own
/// host and port in browsers since 2022, so that nothing of the request is needed to name it.
const HEAD: &str = "\
HTTP/1.1 200 OK\r\n\
Content-Type: text/html; charset=utf-8\r\n\
Content-Security-Policy: default-src 'none'; \
script-src 'sha256-G1tDXHpESAkIfnIyk/pZy/+MVoELAxFnIxll2WwaQMI='; \
style-src 'sha256-a2XUJUQUjFXYpH3PBKM8QxBeLdUC0lJDUhuzhD7TI3U='; \
connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n\
X-Content-Type-Options: nosniff\r\n\
Referrer-Policy: no-referrer\r\n\
Cache-Control: no-store\r\n\
Connection: close\r\n\
Content-Length: ";

/// Appends the whole response to `out`: status line, head and page; for `HEAD` the same without the
/// page (RFC 9110 9.3.2). `extra` are lines that the operator adds.
///
/// `method` is `GET` or `HEAD`, in capitals: what else there is, the caller has refused with 405.
pub fn response(method: &str, extra: &[Header], out: &mut Vec<u8>) {
    out.extend_from_slice(HEAD.as_bytes());
    out.extend_from_slice(PAGE.len().to_string().as_bytes());
    out.extend_from_slice(b"\r\n");
    for header in extra {
        header.write(out);
    }
    out.extend_from_slice(b"\r\n");
    if method != "HEAD" {
        out.extend_from_slice(PAGE);
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};

    use super::*;

    fn response_to(method: &str) -> String {
        let mut out = Vec::new();
        response(method, &[], &mut out);
        String::from_utf8(out).unwrap()
    }

    fn field<'a>(head: &'a str, name: &str) -> &'a str {
        let values: Vec<_> = head
            .lines()
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .collect();
        assert_eq!(values.len(), 1, "{name} stands once in {head}");
        values[0]
    }

    /// What stands between the only `<tag>` and `</tag>`.
    fn element<'a>(page: &'a str, tag: &str) -> &'a str {
        let (_, rest) = page.split_once(&format!("<{tag}>")).unwrap();
        let (inside, rest) = rest.split_once(&format!("</{tag}>")).unwrap();
        assert!(!rest.contains(&format!("<{tag}")), "one {tag} only");
        inside
    }

    #[test]
    fn the_policy_allows_the_pages_own_script_and_style_and_nothing_else() {
        let response = response_to("GET");
        let (head, page) = response.split_once("\r\n\r\n").unwrap();
        let hash = |tag| {
            let digest = Sha256::digest(element(page, tag));
            format!("{tag}-src 'sha256-{}'", STANDARD.encode(digest))
        };
        let expected = [
            "default-src 'none'".to_owned(),
            hash("script"),
            hash("style"),
            "connect-src 'self'".to_owned(),
            "base-uri 'none'".to_owned(),
            "form-action 'none'".to_owned(),
            "frame-ancestors 'none'".to_owned(),
        ];
        assert_eq!(field(head, "Content-Security-Policy"), expected.join("; "));
    }

    #[test]
    fn the_page_refers_to_nothing_outside_itself() {
        let page = std::str::from_utf8(PAGE).unwrap();
        for reference in [
            "src=", "href=", "url(", "@import", "import(", "fetch(", "://",
        ] {
            assert!(!page.contains(reference), "{reference}");
        }
    }

    #[test]
    fn the_page_never_makes_markup_of_text() {
        let page = std::str::from_utf8(PAGE).unwrap();
        for sink in [
            "innerHTML",
            "outerHTML",
            "insertAdjacent",
            "document.write",
            "eval(",
            "style=",
        ] {
            assert!(!page.contains(sink), "{sink}");
        }
    }

    #[test]
    fn get_is_answered_with_the_page_and_its_length() {
        let response = response_to("GET");
        let (head, page) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"));
        assert_eq!(page.as_bytes(), PAGE);
        assert_eq!(field(head, "Content-Length"), PAGE.len().to_string());
        assert_eq!(field(head, "Content-Type"), "text/html; charset=utf-8");
        assert_eq!(field(head, "X-Content-Type-Options"), "nosniff");
        assert_eq!(field(head, "Referrer-Policy"), "no-referrer");
        assert_eq!(field(head, "Cache-Control"), "no-store");
        assert_eq!(field(head, "Connection"), "close");
    }

    #[test]
    fn head_is_answered_with_the_same_head_alone() {
        let whole = response_to("GET");
        let (head, _) = whole.split_once("\r\n\r\n").unwrap();
        assert_eq!(response_to("HEAD"), format!("{head}\r\n\r\n"));
    }
}
