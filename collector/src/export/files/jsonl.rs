//! A file of JSON objects, one a line, in which every line is whole at any time.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use serde::Serialize;

#[derive(Debug)]
pub struct JsonLines {
    file: File,
    /// Length of the whole lines, in bytes.
    length: u64,
    line: Vec<u8>,
}

impl JsonLines {
    /// Empties the file if it exists.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        file.set_len(0)?;
        Ok(Self {
            file,
            length: 0,
            line: Vec::new(),
        })
    }

    /// With one system call, so that a line is there or not. Slow writes are rare enough for that.
    pub fn write(&mut self, record: &impl Serialize) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, record)?;
        self.line.push(b'\n');
        if let Err(error) = self.file.write_all(&self.line) {
            // A full disk leaves half a line, which must not stay in front of the next one.
            self.file.set_len(self.length)?;
            return Err(error);
        }
        self.length += self.line.len() as u64;
        Ok(())
    }
}
