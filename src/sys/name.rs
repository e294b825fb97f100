//! The name of an address.
#![expect(unsafe_code, reason = "getnameinfo")]

use std::ffi::CStr;
use std::net::{IpAddr, SocketAddr};

use nix::libc;
use nix::sys::socket::{SockaddrLike, SockaddrStorage};

/// The longest name there is (RFC 1035 2.3.4), and its NUL.
const MAX_NAME_LEN: usize = 254;

/// The name that the system's resolver knows for an address: from its hosts file, by DNS, or whatever
/// else it is configured for. Blocks as long as that takes. `None` if there is none, or if it could be
/// mistaken for something else than a name: whoever has the address writes what is found there.
pub(crate) fn of(address: IpAddr) -> Option<String> {
    let address = SockaddrStorage::from(SocketAddr::new(address, 0));
    let mut name = [0_u8; MAX_NAME_LEN];
    // SAFETY: both buffers are as long as is said and live through the call; no service is asked for.
    let failed = unsafe {
        libc::getnameinfo(
            address.as_ptr(),
            address.len(),
            name.as_mut_ptr().cast(),
            libc::socklen_t::try_from(name.len()).ok()?,
            std::ptr::null_mut(),
            0,
            libc::NI_NAMEREQD,
        )
    };
    if failed != 0 {
        return None;
    }
    let name = CStr::from_bytes_until_nul(&name).ok()?.to_str().ok()?;
    let name = name.strip_suffix('.').unwrap_or(name);
    is_name(name).then(|| name.to_owned())
}

/// Labels of letters, digits, hyphens and underscores with dots between them, the last no number, as in
/// every spelling of an address.
fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let mut bytes = label.bytes();
        !label.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_labels_and_no_address() {
        for name in ["localhost", "a.example", "1-2.dsl_3.example", "4.a"] {
            assert!(is_name(name), "{name}");
        }
        for text in [
            "",
            ".",
            "a..b",
            "a b",
            "a/b",
            "a;b",
            "192.0.2.1",
            "127.1",
            "1",
            "::1",
            "ü",
            "a\nb",
        ] {
            assert!(!is_name(text), "{text}");
        }
    }
}
