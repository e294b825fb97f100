//! The system's randomness.

use std::io;

/// Fills `bytes` from the system's source, one system call for each time it is asked: nothing is held
/// back that a fork could hand out twice.
///
/// # Errors
///
/// The source cannot be opened (a chroot without `/dev`), or there is none on this system.
#[cfg(unix)]
pub(super) fn system(bytes: &mut [u8]) -> io::Result<()> {
    use std::fs::File;
    use std::io::Read;
    use std::sync::OnceLock;

    static SOURCE: OnceLock<File> = OnceLock::new();

    let mut source = match SOURCE.get() {
        Some(source) => source,
        None => {
            let opened = File::open("/dev/urandom")?;
            SOURCE.get_or_init(|| opened)
        }
    };
    source.read_exact(bytes)
}

/// There is no source that the standard library reaches.
#[cfg(not(unix))]
pub(super) fn system(_bytes: &mut [u8]) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "no source of randomness is known here: name one with Options::random",
    ))
}

#[cfg(all(test, unix))]
mod tests {
    use super::system;

    #[test]
    fn what_is_drawn_differs() {
        let mut drawn = [[0; 16]; 8];
        for bytes in &mut drawn {
            system(bytes).unwrap();
        }
        drawn.sort_unstable();
        assert!(drawn.windows(2).all(|two| two[0] != two[1]), "{drawn:?}");
    }
}
