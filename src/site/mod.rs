//! What a request that asks for no upgrade gets, and how a request's path is read.
//!
//! Floor 3; knows no connection: an answer is a `response` that the caller sends.

#[cfg(feature = "site")]
pub(crate) mod body;
#[cfg(feature = "site")]
pub(crate) mod cgi;
#[cfg(feature = "site")]
mod conditional;
#[cfg(feature = "site")]
pub(crate) mod console;
#[cfg(feature = "site")]
pub(crate) mod files;
#[cfg(feature = "site")]
mod listing;
#[cfg(feature = "site")]
mod media;
pub(crate) mod path;
#[cfg(feature = "site")]
pub(crate) mod response;
#[cfg(feature = "site")]
pub(crate) mod tree;
