//! Those of slowmap's values that the readers use.

#[path = "../../src/model/binary.rs"]
pub mod binary;
#[path = "../../src/model/process.rs"]
pub mod process;
#[path = "../../src/model/text.rs"]
pub mod text;
