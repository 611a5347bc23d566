//! Tables that give a value for each address of a function: pairs of variable-length deltas, first of the
//! value (zigzag), then of the address.

use crate::golang::scalar;

/// The value at `target`, an offset from the function's entry; `None` beyond the table's end. Each run of the table that it
/// passes takes one of `fuel`; without, it gives up.
pub fn value_at(mut table: &[u8], quantum: u64, target: u64, fuel: &mut u32) -> Option<i32> {
    let (mut value, mut end, mut first) = (-1i32, 0u64, true);
    loop {
        *fuel = fuel.checked_sub(1)?;
        let (delta, length) = scalar::varint(table)?;
        if delta == 0 && !first {
            return None;
        }
        first = false;
        value = value.wrapping_add(zigzag(delta));
        table = table.get(length..)?;
        let (advance, length) = scalar::varint(table)?;
        table = table.get(length..)?;
        end = end.checked_add(advance.checked_mul(quantum)?)?;
        if target < end {
            return Some(value);
        }
    }
}

/// Deltas are 32 bits wide; what is wider was damaged and is cut, as Go's own reader does.
#[expect(clippy::cast_possible_truncation, reason = "32-bit by definition")]
fn zigzag(delta: u64) -> i32 {
    let delta = delta as u32;
    ((delta >> 1) as i32) ^ -((delta & 1) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Value 7 for 4 bytes, then 5 for 300 bytes.
    const TABLE: &[u8] = &[16, 4, 3, 0xac, 0x02, 0];

    fn value_of(table: &[u8], quantum: u64, target: u64) -> Option<i32> {
        value_at(table, quantum, target, &mut 100)
    }

    #[test]
    fn each_address_has_the_value_of_its_run() {
        assert_eq!(value_of(TABLE, 1, 0), Some(7));
        assert_eq!(value_of(TABLE, 1, 3), Some(7));
        assert_eq!(value_of(TABLE, 1, 4), Some(5));
        assert_eq!(value_of(TABLE, 1, 303), Some(5));
        assert_eq!(value_of(TABLE, 1, 304), None);
        assert_eq!(value_of(TABLE, 4, 1215), Some(5));
    }

    #[test]
    fn a_table_cut_short_gives_nothing() {
        for end in 0..TABLE.len() {
            assert_eq!(value_of(&TABLE[..end], 1, 400), None);
        }
        assert_eq!(value_of(&[0xff; 64], 1, 0), None);
    }

    #[test]
    fn runs_of_no_length_are_not_gone_through_for_ever() {
        let (table, mut fuel) = ([2, 0].repeat(1_000), 100);
        assert_eq!(value_at(&table, 1, 0, &mut fuel), None);
        assert_eq!(fuel, 0);
    }
}
