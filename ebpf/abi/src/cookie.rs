//! The attach cookie: what a probe's hit means, decided when it is attached.

/// What a hit means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    GrowthEnter = 0,
    GrowthExit = 1,
    AssistEnter = 2,
    AssistExit = 3,
    Deschedule = 4,
    Resume = 5,
    StopWorldEnter = 6,
    StopWorldExit = 7,
    WriteEnter = 8,
    WriteExit = 9,
    Fatal = 10,
}

/// In a register field: the probe does not know that argument.
pub const NO_REGISTER: u8 = 0xff;

const CONDITION_PRESENT: u64 = 0x80;
const CONDITION_TAKEN: u64 = 0x10;

/// Bits 0..32: probe number; 32..40: condition (bit 7 present, bit 4 wanted outcome, low nibble the architecture's
/// condition code); 40..48: argument register of the map; 48..56: argument register of its type; 56..64: number of the
/// function that writes, for probes of whole writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Cookie(pub u64);

impl Cookie {
    /// `condition`: the architecture's condition code, and whether the jump must be taken.
    pub const fn new(probe: u32, condition: Option<(u8, bool)>, map: u8, map_type: u8) -> Self {
        let condition = match condition {
            None => 0,
            Some((code, taken)) => {
                CONDITION_PRESENT | (code & 0xf) as u64 | if taken { CONDITION_TAKEN } else { 0 }
            }
        };
        Self(probe as u64 | condition << 32 | (map as u64) << 40 | (map_type as u64) << 48)
    }

    /// The same, with the number of the function that writes.
    #[must_use]
    pub const fn of_function(self, function: u8) -> Self {
        Self(self.0 | (function as u64) << 56)
    }

    #[inline(always)]
    pub const fn function(self) -> u8 {
        (self.0 >> 56) as u8
    }

    #[inline(always)]
    pub const fn probe(self) -> u32 {
        self.0 as u32
    }

    #[inline(always)]
    pub const fn map_register(self) -> u8 {
        (self.0 >> 40) as u8
    }

    #[inline(always)]
    pub const fn type_register(self) -> u8 {
        (self.0 >> 48) as u8
    }

    /// Whether a hit counts on amd64, given the flags register: the probe fires before the jump executes.
    /// Condition codes: Intel SDM vol. 2, appendix B, table B-1 (tttn).
    #[inline(always)]
    pub const fn counts(self, flags: u64) -> bool {
        let condition = self.0 >> 32 & 0xff;
        if condition & CONDITION_PRESENT == 0 {
            return true;
        }
        let taken = taken_on_amd64((condition & 0xf) as u8, flags);
        taken == (condition & CONDITION_TAKEN != 0)
    }

    /// The same on arm64, given `pstate`. Condition codes: Arm ARM (DDI 0487), C1.2.4, table C1-1.
    #[inline(always)]
    pub const fn counts_arm64(self, pstate: u64) -> bool {
        let condition = self.0 >> 32 & 0xff;
        if condition & CONDITION_PRESENT == 0 {
            return true;
        }
        let taken = taken_on_arm64((condition & 0xf) as u8, pstate);
        taken == (condition & CONDITION_TAKEN != 0)
    }
}

#[inline(always)]
const fn taken_on_arm64(code: u8, pstate: u64) -> bool {
    let negative = pstate >> 31 & 1 != 0;
    let zero = pstate >> 30 & 1 != 0;
    let carry = pstate >> 29 & 1 != 0;
    let overflow = pstate >> 28 & 1 != 0;
    let holds = match code >> 1 {
        0 => zero,
        1 => carry,
        2 => negative,
        3 => overflow,
        4 => carry && !zero,
        5 => negative == overflow,
        6 => negative == overflow && !zero,
        // Always, and its inverse means the same.
        _ => return true,
    };
    holds != (code & 1 != 0)
}

#[inline(always)]
const fn taken_on_amd64(code: u8, flags: u64) -> bool {
    let carry = flags & 1 != 0;
    let parity = flags >> 2 & 1 != 0;
    let zero = flags >> 6 & 1 != 0;
    let sign = flags >> 7 & 1 != 0;
    let overflow = flags >> 11 & 1 != 0;
    let holds = match code >> 1 {
        0 => overflow,
        1 => carry,
        2 => zero,
        3 => carry || zero,
        4 => sign,
        5 => parity,
        6 => sign != overflow,
        _ => zero || sign != overflow,
    };
    holds != (code & 1 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARRY: u64 = 1;
    const ZERO: u64 = 1 << 6;

    #[test]
    fn a_conditional_site_counts_only_in_its_direction() {
        let je_taken = Cookie::new(7, Some((0x4, true)), NO_REGISTER, NO_REGISTER);
        assert!(je_taken.counts(ZERO) && !je_taken.counts(0));
        let jae_not_taken = Cookie::new(7, Some((0x3, false)), NO_REGISTER, NO_REGISTER);
        assert!(jae_not_taken.counts(CARRY) && !jae_not_taken.counts(0));
    }

    #[test]
    fn on_arm64_too_a_conditional_site_counts_only_in_its_direction() {
        const NEGATIVE: u64 = 1 << 31;
        const ZERO: u64 = 1 << 30;
        const CARRY: u64 = 1 << 29;
        const OVERFLOW: u64 = 1 << 28;
        let taken = |code, pstate| {
            let site = |taken| Cookie::new(7, Some((code, taken)), NO_REGISTER, NO_REGISTER);
            let counts = site(true).counts_arm64(pstate);
            assert_ne!(counts, site(false).counts_arm64(pstate));
            counts
        };
        // b.ls: what a Go function begins with when its stack may be too small.
        assert!(taken(0x9, ZERO | CARRY) && taken(0x9, 0) && !taken(0x9, CARRY));
        assert!(taken(0x0, ZERO) && !taken(0x1, ZERO));
        assert!(taken(0xb, NEGATIVE) && !taken(0xb, NEGATIVE | OVERFLOW));
        assert!(taken(0xc, 0) && !taken(0xc, ZERO) && taken(0xe, ZERO));
    }

    #[test]
    fn fields_do_not_overlap() {
        let cookie = Cookie::new(0xffff_ffff, None, 2, 1).of_function(5);
        assert!(cookie.counts(0));
        assert_eq!(
            (
                cookie.probe(),
                cookie.map_register(),
                cookie.type_register(),
                cookie.function()
            ),
            (u32::MAX, 2, 1, 5)
        );
    }
}
