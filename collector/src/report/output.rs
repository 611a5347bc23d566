//! A file that is there whole or not at all.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use super::error::ReportError;

#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    unfinished: PathBuf,
    file: BufWriter<File>,
}

impl Output {
    pub fn create(directory: &Path, name: &str) -> Result<Self, ReportError> {
        let path = directory.join(name);
        let unfinished = directory.join(format!("{name}.part"));
        let file = File::create(&unfinished).map_err(ReportError::write(&path))?;
        Ok(Self {
            path,
            unfinished,
            file: BufWriter::with_capacity(1 << 16, file),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The error that a failed write to it is.
    pub fn failed(&self, source: impl Into<io::Error>) -> ReportError {
        ReportError::write(&self.path)(source.into())
    }

    /// Puts it in the place of what was there.
    pub fn finish(mut self) -> Result<(), ReportError> {
        self.file
            .flush()
            .and_then(|()| fs::rename(&self.unfinished, &self.path))
            .map_err(ReportError::write(&self.path))
    }
}

impl Drop for Output {
    /// Leaves nothing unfinished; after [`Output::finish`] there is nothing.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.unfinished);
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
