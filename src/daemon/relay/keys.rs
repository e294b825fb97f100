//! Masking keys: "The masking key needs to be unpredictable" (RFC 6455 5.3), and a new one for each
//! frame of a client. A server masks nothing.

#[cfg(feature = "client")]
use std::io;

/// Keys drawn from the system at a time.
#[cfg(feature = "client")]
const POOL: usize = 64;

/// Where the masking keys of our frames come from.
#[derive(Debug)]
pub(crate) enum Keys {
    /// A server's: there are none.
    None,
    /// A client's: each is drawn from the system's randomness and used once.
    #[cfg(feature = "client")]
    Drawn(Box<Pool>),
}

#[derive(Debug)]
#[cfg(feature = "client")]
pub(crate) struct Pool {
    keys: [[u8; 4]; POOL],
    /// How many of them have been used.
    used: usize,
}

impl Keys {
    /// Keys for a client.
    ///
    /// # Errors
    ///
    /// The system has no randomness to give.
    #[cfg(feature = "client")]
    pub(crate) fn for_client() -> io::Result<Self> {
        let mut keys = [[0; 4]; POOL];
        getrandom::fill(keys.as_flattened_mut())?;
        Ok(Self::Drawn(Box::new(Pool { keys, used: 0 })))
    }

    /// The key of one frame.
    #[inline]
    pub(super) fn draw(&mut self) -> [u8; 4] {
        match self {
            Self::None => [0; 4],
            #[cfg(feature = "client")]
            Self::Drawn(pool) => pool.draw(),
        }
    }
}

#[cfg(feature = "client")]
impl Pool {
    fn draw(&mut self) -> [u8; 4] {
        if self.used == POOL {
            self.used = 0;
            if getrandom::fill(self.keys.as_flattened_mut()).is_err() {
                // What the system gave when we began it does not refuse later; if it did, a frame that
                // can be foreseen must not leave.
                std::process::abort();
            }
        }
        let key = self.keys.get(self.used).copied().unwrap_or_default();
        self.used += 1;
        key
    }
}
