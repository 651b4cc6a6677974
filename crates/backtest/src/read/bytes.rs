//! A file's bytes, unpacked.

use std::io::Read as _;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::error::{Error, Mistakes};

/// How every gzip file begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// How UTF-8 may begin, to no effect.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// The text of a file, without a byte-order mark; `-` is standard input. Gzip is
/// known by its first bytes, whatever the file is called.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, Error> {
    let unreadable =
        |cause: std::io::Error| Mistakes::whole(file, format!("cannot be read: {cause}"));
    let mut raw = if file.as_os_str() == "-" {
        let mut raw = Vec::new();
        let read = std::io::stdin().read_to_end(&mut raw);
        read.map_err(unreadable).map(|_| raw)?
    } else {
        std::fs::read(file).map_err(unreadable)?
    };
    if raw.starts_with(&GZIP) {
        let mut text = Vec::new();
        MultiGzDecoder::new(raw.as_slice())
            .read_to_end(&mut text)
            .map_err(|cause| {
                Mistakes::whole(
                    file,
                    format!("is no whole gzip file ({cause}); pack it again"),
                )
            })?;
        raw = text;
    }
    if raw.starts_with(b"\xff\xfe") || raw.starts_with(b"\xfe\xff") {
        return Err(Mistakes::whole(file, "is UTF-16; save it as UTF-8"));
    }
    if raw.starts_with(BOM) {
        raw.drain(..BOM.len());
    }
    Ok(raw)
}
