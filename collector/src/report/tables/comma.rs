//! `calls.csv`: RFC 4180, with a line of names first. What is not known is an empty cell.

use std::path::Path;

use csv::{ByteRecord, Writer};

use super::columns::{COLUMNS, Value};
use crate::{
    model::recorded::RecordedWrite,
    report::{error::ReportError, output::Output},
};

#[derive(Debug)]
pub struct CallsCsv {
    writer: Writer<Output>,
    row: ByteRecord,
}

impl CallsCsv {
    pub fn create(directory: &Path) -> Result<Self, ReportError> {
        let mut writer = Writer::from_writer(Output::create(directory, "calls.csv")?);
        let names = writer.write_record(COLUMNS.iter().map(|column| column.name));
        names.map_err(|error| writer.get_ref().failed(error))?;
        Ok(Self {
            writer,
            row: ByteRecord::new(),
        })
    }

    pub fn add(&mut self, write: &RecordedWrite) -> Result<(), ReportError> {
        self.row.clear();
        let mut number = itoa::Buffer::new();
        for column in COLUMNS {
            match column.value {
                Value::Integer(value) => {
                    let digits = value(write).map(|value| number.format(value));
                    self.row.push_field(digits.unwrap_or_default().as_bytes());
                }
                Value::Boolean(value) => {
                    self.row
                        .push_field(if value(write) { b"true" } else { b"false" })
                }
                Value::Text(value) => {
                    let text = value(write).unwrap_or_default();
                    self.row.push_field(text.as_bytes());
                }
            }
        }
        let written = self.writer.write_byte_record(&self.row);
        written.map_err(|error| self.writer.get_ref().failed(error))
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
