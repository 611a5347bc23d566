//! What files in `/proc` hold, read so that a target can neither exhaust memory nor stop the reading.

use std::io::{BufRead, Cursor, Read};

use procfs::{FromBufRead, ProcResult, process::Status};

/// At most `LIMIT` bytes of a file whose size the target chooses.
pub(super) struct Bounded<const LIMIT: u64>(pub Vec<u8>);

impl<const LIMIT: u64> FromBufRead for Bounded<LIMIT> {
    fn from_buf_read<R: BufRead>(reader: R) -> ProcResult<Self> {
        let mut bytes = Vec::new();
        reader.take(LIMIT).read_to_end(&mut bytes)?;
        Ok(Self(bytes))
    }
}

/// `/proc/PID/status` of a process whose name may be no UTF-8, which `Status` refuses.
pub(super) struct LossyStatus(pub Status);

impl FromBufRead for LossyStatus {
    fn from_buf_read<R: BufRead>(reader: R) -> ProcResult<Self> {
        let Bounded(bytes) = Bounded::<0x1_0000>::from_buf_read(reader)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Self(Status::from_buf_read(Cursor::new(text))?))
    }
}
