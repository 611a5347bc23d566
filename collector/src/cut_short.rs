//! Files that become shorter while they are mapped: whoever reads what is missing gets SIGBUS, which ends the process.
//!
//! A file cannot be written to while it is executed, but it can be as soon as its process has ended, and a library
//! always can be: a container could end slowmap at the moment in which that looks into one of its files. To read files
//! instead of mapping them would cost the memory that they take, and blazesym maps what it reads.
//!
//! Here a page that is missing becomes one of zeros, and the reader goes on: what it makes of them is what it makes of
//! any other damaged file. That the file has changed is known by its length and its time.

use std::{mem, ops::Range, ptr, slice, sync::OnceLock};

use rustix::param::page_size;

/// Where slowmap itself is: without that it cannot go on.
static OWN: OnceLock<Vec<Range<usize>>> = OnceLock::new();

/// Has this process live on from now on. To be called before any other file is mapped.
pub fn survive() {
    OWN.get_or_init(own_segments);
    // SAFETY: all zero is a value of this struct of integers and pointers.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = handle as *const () as usize;
    // The stack is the one that the standard library keeps for handlers.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the action lives through the call, and what it names does only what may be done in a handler. It fails
    // for no signal that can be handled.
    unsafe { libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut()) };
}

/// What the dynamic linker has loaded, the program included.
fn own_segments() -> Vec<Range<usize>> {
    let mut own = Vec::new();
    // SAFETY: the callback takes this very type, and is not called any more after this.
    unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut own).cast()) };
    own
}

unsafe extern "C" fn note(
    info: *mut libc::dl_phdr_info,
    _: libc::size_t,
    own: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: the linker gives a valid one, and the vector is the caller's, who waits meanwhile.
    let (info, own) = unsafe { (&*info, &mut *own.cast::<Vec<Range<usize>>>()) };
    if info.dlpi_phdr.is_null() {
        return 0;
    }
    // SAFETY: the linker says how many there are, and they stay for as long as they are loaded.
    let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let loaded = headers
        .iter()
        .filter(|header| header.p_type == libc::PT_LOAD);
    own.extend(loaded.map(|header| {
        // On 64 bits these are numbers of the same size.
        let start = info.dlpi_addr.wrapping_add(header.p_vaddr) as usize;
        let end = start.saturating_add(header.p_memsz as usize);
        page_of(start)..end.next_multiple_of(page_size())
    }));
    0
}

fn page_of(address: usize) -> usize {
    address - address % page_size()
}

/// Reads what does not change any more, and makes system calls: that may be done in a handler.
extern "C" fn handle(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel gives a valid one, with an address for this signal.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr().addr()) };
    let is_own = |own: &Vec<Range<usize>>| own.iter().any(|segment| segment.contains(&address));
    // Nothing else that is mapped can be missing: memory of its own is no file.
    let is_missing = code == libc::BUS_ADRERR && !OWN.get().is_none_or(is_own);
    if is_missing && replace(page_of(address)) {
        return;
    }
    // SAFETY: both may be called in a handler. The signal comes again when this returns, and ends the process as it
    // does by default.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

fn replace(page: usize) -> bool {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
    let page = ptr::without_provenance_mut::<libc::c_void>(page);
    // SAFETY: nobody has seen the page, for there is none, and nothing is written to files that are mapped. What is
    // mapped here goes with the rest of the mapping.
    let replaced = unsafe { libc::mmap(page, page_size(), libc::PROT_READ, flags, -1, 0) };
    replaced != libc::MAP_FAILED
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golang::image::FileBytes;

    #[test]
    fn what_is_missing_of_a_file_that_was_cut_short_reads_as_zeros() {
        survive();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![1u8; 1 << 20]).unwrap();
        let bytes = FileBytes::map(file.path()).unwrap();
        file.as_file().set_len(10).unwrap();
        let all = bytes.as_slice();
        assert_eq!((all[0], all[9], all[10], all[(1 << 20) - 1]), (1, 1, 0, 0));
        assert_eq!(all[4096..].iter().find(|byte| **byte != 0), None);
    }

    #[test]
    fn slowmaps_own_code_and_data_are_not_replaced() {
        let own = own_segments();
        let is_own = |address: usize| own.iter().any(|segment| segment.contains(&address));
        static DATA: [u8; 1] = [1];
        assert!(is_own(handle as *const () as usize));
        assert!(is_own(DATA.as_ptr().addr()));
        assert!(is_own(libc::raise as *const () as usize));
        assert!(!is_own(Box::new(1u8).as_ref() as *const u8 as usize));
    }
}
