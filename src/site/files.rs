//! Files and directories as responses.

use std::ffi::OsString;
use std::path::Path;

use nix::errno::Errno;

use crate::handshake::{Reject, Request};
use crate::sys::beneath::{self, Kind};

use super::conditional::{Validators, Verdict};
use super::listing;
use super::media;
use super::path::{self, Names};
use super::response::{Body, Response};
use super::tree::{Programs, Tree};

/// What a directory is shown as.
const INDEX: &str = "index.html";

/// A directory whose files are served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Files<'c> {
    /// Absolute.
    pub(crate) dir: &'c Path,
    /// Whether a directory without an index is listed.
    pub(crate) lists: bool,
    /// What is not shown although it lies there.
    pub(crate) programs: Programs<'c>,
}

impl Files<'_> {
    /// The answer to a request.
    ///
    /// # Errors
    ///
    /// 405 for a method other than GET and HEAD, 400 or 403 for a path that is none of ours to look up,
    /// 404 where there is nothing to be shown.
    pub(crate) fn answer(&self, request: &Request<'_>) -> Result<Response, Reject> {
        if !matches!(request.method(), "GET" | "HEAD") {
            return Err(Reject::Method);
        }
        let names = Names::parse(request.path())?;
        let tree = Tree::open(self.dir, self.programs).map_err(path::reject)?;
        if let Some(names) = names.directory()? {
            return self.directory(&tree, names, request);
        }
        let names = names.all()?;
        let found = tree.look(names).map_err(path::reject)?;
        match beneath::kind(&found) {
            Kind::Directory => Ok(redirect(request)),
            Kind::File | Kind::Other => file(&tree, names, request).map_err(path::reject),
        }
    }

    fn directory(
        &self,
        tree: &Tree,
        names: &[OsString],
        request: &Request<'_>,
    ) -> Result<Response, Reject> {
        let found = tree.look(names).map_err(path::reject)?;
        if beneath::kind(&found) != Kind::Directory {
            return Err(Reject::NotFound);
        }
        let index: Vec<OsString> = names.iter().cloned().chain([INDEX.into()]).collect();
        match file(tree, &index, request) {
            Err(Errno::ENOENT) if self.lists => {
                listing::response(tree, names, request.path()).map_err(path::reject)
            }
            answer => answer.map_err(path::reject),
        }
    }
}

/// To the same with a slash, where its relative references are right. The path is one that has led to
/// a directory, so it names no other host.
fn redirect(request: &Request<'_>) -> Response {
    let query = request.query().map(|query| format!("?{query}"));
    let place = format!("{}/{}", request.path(), query.unwrap_or_default());
    Response::new(301, "Moved Permanently")
        .field("Location", &place)
        .text(format!("this is at {place}\n"))
}

fn file(tree: &Tree, names: &[OsString], request: &Request<'_>) -> nix::Result<Response> {
    let (file, stat) = tree.read(names)?;
    let len = u64::try_from(stat.st_size).map_err(|_| Errno::EOVERFLOW)?;
    let validators = Validators::new(stat.st_mtime, stat.st_mtime_nsec, len);
    let media = names.last().map_or("", |name| media::type_of(name));
    let known = |response: Response| {
        response
            .field("Last-Modified", validators.last_modified())
            .field("ETag", validators.etag())
            .field("Accept-Ranges", "bytes")
    };
    let shown = |response: Response, from, len| {
        known(response)
            .field("Content-Type", media)
            .field("X-Content-Type-Options", "nosniff")
            .body(Body::File { file, from, len })
    };
    Ok(match validators.judge(request, len) {
        Verdict::Whole => shown(Response::new(200, "OK"), 0, len),
        Verdict::Part { first, last } => {
            let part = Response::new(206, "Partial Content")
                .field("Content-Range", format_args!("bytes {first}-{last}/{len}"));
            shown(part, first, last - first + 1)
        }
        Verdict::NotModified => known(Response::new(304, "Not Modified")),
        Verdict::PreconditionFailed => known(Response::new(412, "Precondition Failed"))
            .text("the file is not the one that the request is about\n".to_owned()),
        Verdict::Unsatisfiable => known(Response::new(416, "Range Not Satisfiable"))
            .field("Content-Range", format_args!("bytes */{len}"))
            .text(format!("the file has {len} bytes\n")),
    })
}
