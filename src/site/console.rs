//! The console: one page that connects back to the address it came from, and talks to the service.
//!
//! The page is the same bytes for every request: nothing a client sends is echoed, so there is nothing
//! to inject. What the service sends is shown as text, and the policy in the response's head lets
//! nothing run or load but the page's own script and style.

use super::response::{Body, Response};

/// The page: HTML with its style and script inside, and no reference to anything else.
const PAGE: &[u8] = include_bytes!("console.html");

/// The two hashes are of what stands between the tags of `style` and `script` in [`PAGE`]; a test holds
/// them. `connect-src 'self'` covers the WebSocket of the page's own host and port in browsers since
/// 2022, so that nothing of the request is needed to name it.
const POLICY: &str = "default-src 'none'; \
script-src 'sha256-G1tDXHpESAkIfnIyk/pZy/+MVoELAxFnIxll2WwaQMI='; \
style-src 'sha256-a2XUJUQUjFXYpH3PBKM8QxBeLdUC0lJDUhuzhD7TI3U='; \
connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The answer to a GET.
pub(crate) fn response() -> Response {
    Response::new(200, "OK")
        .field("Content-Type", "text/html; charset=utf-8")
        .field("Content-Security-Policy", POLICY)
        .field("X-Content-Type-Options", "nosniff")
        .field("Referrer-Policy", "no-referrer")
        .field("Cache-Control", "no-store")
        .body(Body::Bytes(PAGE.into()))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};

    use super::*;

    fn head() -> String {
        let mut out = Vec::new();
        response().write_head(false, &[], &mut out);
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
        let head = head();
        let page = std::str::from_utf8(PAGE).unwrap();
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
        assert_eq!(field(&head, "Content-Security-Policy"), expected.join("; "));
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
    fn the_page_is_sent_as_a_page_and_not_kept() {
        let head = head();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"));
        assert_eq!(field(&head, "Content-Length"), PAGE.len().to_string());
        assert_eq!(field(&head, "Content-Type"), "text/html; charset=utf-8");
        assert_eq!(field(&head, "X-Content-Type-Options"), "nosniff");
        assert_eq!(field(&head, "Referrer-Policy"), "no-referrer");
        assert_eq!(field(&head, "Cache-Control"), "no-store");
        assert_eq!(field(&head, "Connection"), "close");
    }
}
