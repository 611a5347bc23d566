//! Memory that was needed once: a sidecar stays for weeks after it has loaded its programs.

/// Gives back to the kernel what was freed. glibc keeps it otherwise, some 10 MB of loading BPF programs.
pub(super) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no preconditions; it locks what it needs to.
    unsafe {
        libc::malloc_trim(0);
    }
}
