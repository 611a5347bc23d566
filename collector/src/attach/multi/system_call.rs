//! The calls of `bpf(2)` that aya does not make.

use std::{
    ffi::{CStr, CString},
    io, mem,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
};

use aya_obj::generated::{bpf_attach_type, bpf_attr, bpf_cmd, bpf_prog_type};

use super::{Point, code::Code};
use crate::model::process::Pid;

/// `BPF_OBJ_NAME_LEN`, with its final zero.
const NAME_LENGTH: usize = 16;
const ATTACH_TYPE: u32 = bpf_attach_type::BPF_TRACE_UPROBE_MULTI as u32;

pub(super) fn load_btf(btf: &[u8]) -> io::Result<OwnedFd> {
    let mut attr = zeroed();
    // SAFETY: of the union, the member of this command; all of its bytes are zero.
    let of_btf = unsafe { &mut attr.__bindgen_anon_7 };
    of_btf.btf = btf.as_ptr() as u64;
    of_btf.btf_size = length(btf.len())?;
    // SAFETY: it points to what outlives the call.
    unsafe { call(bpf_cmd::BPF_BTF_LOAD, &mut attr) }
}

pub(super) fn load(name: &str, code: &Code<'_>) -> io::Result<OwnedFd> {
    let function = code.function;
    let functions = function.func_info.func_info_bytes();
    let short = CString::new(&name[..name.len().min(NAME_LENGTH - 1)])?;
    let mut attr = zeroed();
    // SAFETY: as above.
    let of_program = unsafe { &mut attr.__bindgen_anon_3 };
    for (to, from) in of_program.prog_name.iter_mut().zip(short.to_bytes()) {
        *to = *from as libc::c_char;
    }
    of_program.prog_type = bpf_prog_type::BPF_PROG_TYPE_KPROBE as u32;
    of_program.expected_attach_type = ATTACH_TYPE;
    of_program.insns = function.instructions.as_ptr() as u64;
    of_program.insn_cnt = length(function.instructions.len())?;
    of_program.license = code.license.as_ptr() as u64;
    of_program.prog_btf_fd = descriptor(code.btf.as_raw_fd())?;
    of_program.func_info = functions.as_ptr() as u64;
    of_program.func_info_cnt = length(function.func_info.len())?;
    of_program.func_info_rec_size = length(function.func_info_rec_size)?;
    // SAFETY: it points to what outlives the call.
    unsafe { call(bpf_cmd::BPF_PROG_LOAD, &mut attr) }
}

pub(super) fn link(
    program: BorrowedFd<'_>,
    file: &CStr,
    pid: Pid,
    points: &[Point],
) -> io::Result<OwnedFd> {
    let offsets: Vec<u64> = points.iter().map(|point| point.offset).collect();
    let cookies: Vec<u64> = points.iter().map(|point| point.cookie).collect();
    let mut attr = zeroed();
    // SAFETY: as above; of the inner unions, too, the members of this command.
    let of_link = unsafe { &mut attr.link_create };
    of_link.__bindgen_anon_1.prog_fd = descriptor(program.as_raw_fd())?;
    of_link.attach_type = ATTACH_TYPE;
    // SAFETY: likewise.
    let multi = unsafe { &mut of_link.__bindgen_anon_3.uprobe_multi };
    multi.path = file.as_ptr() as u64;
    multi.offsets = offsets.as_ptr() as u64;
    multi.cookies = cookies.as_ptr() as u64;
    multi.cnt = length(points.len())?;
    multi.pid = pid.0;
    // SAFETY: it points to what outlives the call.
    unsafe { call(bpf_cmd::BPF_LINK_CREATE, &mut attr) }
}

fn zeroed() -> bpf_attr {
    // SAFETY: a union of integers, for which zero is a value.
    unsafe { mem::zeroed() }
}

/// Makes a call that returns a new file descriptor.
///
/// # Safety
/// What `attr` points to is what the command expects, and lives as long as the call.
unsafe fn call(command: bpf_cmd, attr: &mut bpf_attr) -> io::Result<OwnedFd> {
    // SAFETY: the kernel reads the attribute, whose size it is told, and what the caller vouches for.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command as libc::c_int,
            std::ptr::from_mut(attr),
            mem::size_of::<bpf_attr>(),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let descriptor = RawFd::try_from(result).map_err(io::Error::other)?;
    // SAFETY: it is new, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn length(length: usize) -> io::Result<u32> {
    u32::try_from(length).map_err(io::Error::other)
}

fn descriptor(descriptor: RawFd) -> io::Result<u32> {
    u32::try_from(descriptor).map_err(io::Error::other)
}
