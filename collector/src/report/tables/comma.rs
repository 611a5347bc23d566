//! `calls.csv`: RFC 4180, with a line of names first. What is not known is an empty cell.

use std::path::Path;

use csv::{Writer, WriterBuilder};

use super::columns::{COLUMNS, Value};
use crate::{
    model::recorded::RecordedWrite,
    report::{error::ReportError, output::Output},
};

/// As large as that of the file below, which then takes what it is given as it is.
const BUFFER: usize = 1 << 16;

#[derive(Debug)]
pub struct CallsCsv {
    writer: Writer<Output>,
    /// Of a cell that is made; used again for the next one.
    text: String,
}

impl CallsCsv {
    pub fn create(directory: &Path) -> Result<Self, ReportError> {
        let output = Output::create(directory, "calls.csv")?;
        let mut writer = WriterBuilder::new()
            .buffer_capacity(BUFFER)
            .from_writer(output);
        let names = writer.write_record(COLUMNS.iter().map(|column| column.name));
        names.map_err(|error| writer.get_ref().failed(error))?;
        Ok(Self {
            writer,
            text: String::new(),
        })
    }

    pub fn add(&mut self, write: &RecordedWrite) -> Result<(), ReportError> {
        let written = self.write(write);
        written.map_err(|error| self.writer.get_ref().failed(error))
    }

    fn write(&mut self, write: &RecordedWrite) -> csv::Result<()> {
        let mut number = itoa::Buffer::new();
        for column in COLUMNS {
            match column.value {
                Value::Integer(value) => {
                    let digits = value(write).map(|value| number.format(value));
                    self.writer.write_field(digits.unwrap_or_default())?;
                }
                Value::Boolean(value) => {
                    let text = if value(write) { "true" } else { "false" };
                    self.writer.write_field(text)?;
                }
                Value::Text(value) => self.writer.write_field(value(write).unwrap_or_default())?,
                Value::Made(make) => {
                    self.text.clear();
                    let text = make(write, &mut self.text).map(|()| &*self.text);
                    self.writer.write_field(text.unwrap_or_default())?;
                }
            }
        }
        // The end of the row.
        self.writer.write_record(None::<&[u8]>)
    }

    pub fn finish(mut self) -> Result<(), ReportError> {
        let flushed = self.writer.flush();
        flushed.map_err(|error| self.writer.get_ref().failed(error))?;
        match self.writer.into_inner() {
            Ok(output) => output.finish(),
            // It was flushed before.
            Err(error) => {
                let source = std::io::Error::other(error.error().to_string());
                Err(error.into_inner().get_ref().failed(source))
            }
        }
    }
}
