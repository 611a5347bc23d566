//! What a command answers on stdout.

use std::io::{self, Write as _};

use crate::failure::Failure;

/// Writes it whole. Who reads only the beginning (`| head`) has what he wants: no failure.
pub fn write(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Other(error.into()))
        }
        _ => Ok(()),
    }
}
