//! `calls.parquet`: the same table for query engines, compressed with ZSTD.

use std::{path::Path, sync::Arc};

use parquet::{
    basic::{Compression, LogicalType, Repetition, Type as PhysicalType, ZstdLevel},
    column::writer::ColumnWriterImpl,
    data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int64Type},
    errors::{ParquetError, Result},
    file::{
        properties::WriterProperties,
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::types::{Type, TypePtr},
};

use super::columns::{COLUMNS, Column, Value};
use crate::{
    model::recorded::RecordedWrite,
    report::{error::ReportError, output::Output},
};

/// Rows that are kept in memory until they are written: some ten megabytes.
const ROW_GROUP: usize = 32_768;

#[derive(Debug)]
pub struct CallsParquet {
    writer: SerializedFileWriter<Output>,
    columns: Vec<Cells>,
    rows: usize,
    /// Of a cell that is made; used again for the next one.
    text: String,
}

/// A column of the row group in the making. For each row its level: 1 where there is a value, 0 where it is not known.
#[derive(Debug)]
enum Cells {
    Integers(Vec<i64>, Vec<i16>),
    Booleans(Vec<bool>),
    Texts(Vec<ByteArray>, Vec<i16>),
}

impl CallsParquet {
    pub fn create(directory: &Path) -> std::result::Result<Self, ReportError> {
        let output = Output::create(directory, "calls.parquet")?;
        let path = directory.join("calls.parquet");
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(concat!("slowmap ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let writer = schema()
            .and_then(|schema| SerializedFileWriter::new(output, schema, Arc::new(properties)))
            .map_err(|error| ReportError::write(&path)(error.into()))?;
        Ok(Self {
            writer,
            columns: COLUMNS.iter().map(Cells::of).collect(),
            rows: 0,
            text: String::new(),
        })
    }

    pub fn add(&mut self, write: &RecordedWrite) -> std::result::Result<(), ReportError> {
        for (column, cells) in COLUMNS.iter().zip(&mut self.columns) {
            cells.push(column, write, &mut self.text);
        }
        self.rows += 1;
        if self.rows == ROW_GROUP {
            self.write_row_group()?;
        }
        Ok(())
    }

    pub fn finish(mut self) -> std::result::Result<(), ReportError> {
        self.write_row_group()?;
        let path = self.writer.inner().path().to_owned();
        let output = self.writer.into_inner();
        output
            .map_err(|error| ReportError::write(&path)(error.into()))?
            .finish()
    }

    fn write_row_group(&mut self) -> std::result::Result<(), ReportError> {
        if self.rows == 0 {
            return Ok(());
        }
        self.rows = 0;
        let written = write_row_group(&mut self.writer, &mut self.columns);
        written.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: ParquetError) -> ReportError {
        self.writer.inner().failed(error)
    }
}

fn write_row_group(writer: &mut SerializedFileWriter<Output>, columns: &mut [Cells]) -> Result<()> {
    let mut group = writer.next_row_group()?;
    for cells in columns {
        let Some(mut column) = group.next_column()? else {
            break;
        };
        cells.write(&mut column)?;
        column.close()?;
    }
    group.close()?;
    Ok(())
}

impl Cells {
    fn of(column: &Column) -> Self {
        match column.value {
            Value::Integer(_) => Self::Integers(Vec::new(), Vec::new()),
            Value::Boolean(_) => Self::Booleans(Vec::new()),
            Value::Text(_) | Value::Made(_) => Self::Texts(Vec::new(), Vec::new()),
        }
    }

    fn push(&mut self, column: &Column, write: &RecordedWrite, made: &mut String) {
        match (self, &column.value) {
            (Self::Integers(values, levels), Value::Integer(value)) => {
                let value = value(write).map(|value| i64::try_from(value).unwrap_or(i64::MAX));
                levels.push(value.is_some().into());
                values.extend(value);
            }
            (Self::Booleans(values), Value::Boolean(value)) => values.push(value(write)),
            (Self::Texts(values, levels), Value::Text(value)) => {
                push_text(values, levels, value(write));
            }
            (Self::Texts(values, levels), Value::Made(make)) => {
                made.clear();
                let value = make(write, made).map(|()| &**made);
                push_text(values, levels, value);
            }
            _ => {} // Both are of the same column.
        }
    }

    /// Leaves no cell behind.
    fn write(&mut self, column: &mut SerializedColumnWriter<'_>) -> Result<()> {
        match self {
            Self::Integers(values, levels) => {
                write_column(column.typed::<Int64Type>(), values, Some(levels))
            }
            Self::Booleans(values) => write_column(column.typed::<BoolType>(), values, None),
            Self::Texts(values, levels) => {
                write_column(column.typed::<ByteArrayType>(), values, Some(levels))
            }
        }
    }
}

fn push_text(values: &mut Vec<ByteArray>, levels: &mut Vec<i16>, value: Option<&str>) {
    levels.push(value.is_some().into());
    let next = value.map(|text| shared(values.last(), text));
    values.extend(next);
}

/// A text that is the same as in the row before is not copied: most are.
fn shared(before: Option<&ByteArray>, text: &str) -> ByteArray {
    match before {
        Some(before) if before.data() == text.as_bytes() => before.clone(),
        _ => ByteArray::from(text),
    }
}

fn write_column<T: DataType>(
    column: &mut ColumnWriterImpl<'_, T>,
    values: &mut Vec<T::T>,
    levels: Option<&mut Vec<i16>>,
) -> Result<()> {
    column.write_batch(values, levels.as_deref().map(Vec::as_slice), None)?;
    values.clear();
    if let Some(levels) = levels {
        levels.clear();
    }
    Ok(())
}

fn schema() -> Result<TypePtr> {
    let fields = COLUMNS.iter().map(field).collect::<Result<_>>()?;
    let schema = Type::group_type_builder("calls").with_fields(fields);
    Ok(Arc::new(schema.build()?))
}

fn field(column: &Column) -> Result<TypePtr> {
    let (physical, logical, repetition) = match column.value {
        Value::Integer(_) => (PhysicalType::INT64, None, Repetition::OPTIONAL),
        Value::Boolean(_) => (PhysicalType::BOOLEAN, None, Repetition::REQUIRED),
        Value::Text(_) | Value::Made(_) => {
            let text = Some(LogicalType::String);
            (PhysicalType::BYTE_ARRAY, text, Repetition::OPTIONAL)
        }
    };
    let field = Type::primitive_type_builder(column.name, physical)
        .with_logical_type(logical)
        .with_repetition(repetition);
    Ok(Arc::new(field.build()?))
}
