//! What every uprobe begins with.

use aya_ebpf::{
    EbpfContext, bindings::pt_regs, helpers::generated::bpf_get_attach_cookie,
    programs::ProbeContext,
};
use slowmap_abi::Cookie;

use crate::{maps::count_hit, registers};

/// Counts the hit and says what it means; `None` where the jump under the probe goes the way that means nothing.
#[inline(always)]
pub fn hit(ctx: &ProbeContext) -> Option<(Cookie, &pt_regs)> {
    // SAFETY: the context is this program's own.
    let (cookie, regs) = unsafe { (Cookie(bpf_get_attach_cookie(ctx.as_ptr())), &*ctx.regs) };
    count_hit(cookie.probe());
    registers::condition_holds(cookie, regs).then_some((cookie, regs))
}
