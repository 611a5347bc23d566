//! Which words of a function's frame hold pointers that it still needs: what the garbage collector goes by
//! (`src/runtime/stkframe.go` in Go's own tree).

use crate::{golang::scalar, model::binary::VirtualAddress};

use super::Function;

/// `abi.PCDATA_StackMapIndex` and `abi.FUNCDATA_ArgsPointerMaps` and those after it.
const PCDATA_STACK_MAP: usize = 1;
const FUNCDATA_ARGUMENTS: usize = 0;
const FUNCDATA_LOCALS: usize = 1;
const FUNCDATA_OBJECTS: usize = 2;
/// `runtime.stackmap`: how many maps, how many bits in each; the maps follow.
const MAPS: u64 = 8;
/// `runtime.stackObjectRecord`
const OBJECT_SIZE: u64 = 16;
/// Far more than a frame has; a damaged table may claim any number.
const MAX_OBJECTS: u64 = 4096;

/// A word of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameWord {
    /// So many words below where the frame keeps its caller's frame pointer.
    Local(u64),
    /// So many words from where the function's arguments begin, above its return address.
    Argument(u64),
}

/// What a function has to do with a word of its frame while it calls another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It is a pointer, and needed after the call.
    Live,
    /// It is in a variable whose address was taken: needed if any pointer into that is. The variable begins so many words
    /// below this word, and has so many words.
    InObject { below: u64, words: u64 },
    /// Anything may be there.
    Dead,
}

impl Function<'_> {
    /// What a word of the frame is at a call; `call` is an address within the call's instruction. `None`: the tables do not
    /// say.
    pub fn liveness(&self, call: u64, word: FrameWord) -> Option<Liveness> {
        let index = u64::try_from(self.pcdata(PCDATA_STACK_MAP, call)?).ok()?;
        let is_live = match word {
            FrameWord::Local(below) => {
                self.bit(FUNCDATA_LOCALS, index, |bits| bits.checked_sub(below))
            }
            FrameWord::Argument(above) => self.bit(FUNCDATA_ARGUMENTS, index, |_| Some(above)),
        };
        Some(match is_live {
            Some(true) => Liveness::Live,
            _ => self.object(word).unwrap_or(Liveness::Dead),
        })
    }

    /// The bit of a map that `position` names, given how many there are.
    fn bit(&self, kind: usize, index: u64, position: impl Fn(u64) -> Option<u64>) -> Option<bool> {
        let maps = self.function_data(kind)?;
        let head = self.table.image.read(maps, MAPS)?;
        let (count, bits) = (
            scalar::u32_at(head, 0)?,
            u64::from(scalar::u32_at(head, 4)?),
        );
        let position = position(bits).filter(|position| *position < bits)?;
        if index >= u64::from(count) {
            return None;
        }
        let byte = index
            .checked_mul(bits.div_ceil(8))?
            .checked_add(position / 8)?;
        let address = maps.0.checked_add(MAPS)?.checked_add(byte)?;
        let byte = self.table.image.read(VirtualAddress(address), 1)?.first()?;
        Some(byte >> (position % 8) & 1 == 1)
    }

    fn object(&self, word: FrameWord) -> Option<Liveness> {
        let place = match word {
            FrameWord::Local(below) => i64::try_from(below).ok()?.checked_mul(-8)?,
            FrameWord::Argument(above) => i64::try_from(above).ok()?.checked_mul(8)?,
        };
        let holding = |record: &[u8]| {
            let offset = i64::from(scalar::i32_at(record, 0)?);
            let size = u64::try_from(scalar::i32_at(record, 4)?).ok()?;
            let within = u64::try_from(place.checked_sub(offset)?).ok()?;
            // What is above the return address are arguments, what is below locals.
            let is_of_its_kind = (offset < 0) == (place < 0);
            (is_of_its_kind && within < size).then_some(Liveness::InObject {
                below: within / 8,
                words: size.div_ceil(8),
            })
        };
        let size = usize::try_from(OBJECT_SIZE).ok()?;
        self.objects()?.chunks_exact(size).find_map(holding)
    }

    fn objects(&self) -> Option<&[u8]> {
        let list = self.function_data(FUNCDATA_OBJECTS)?;
        let count = self.table.image.word(list)?.min(MAX_OBJECTS);
        let first = VirtualAddress(list.0.checked_add(8)?);
        self.table
            .image
            .read(first, count.checked_mul(OBJECT_SIZE)?)
    }
}
