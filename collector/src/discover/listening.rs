//! Which processes listen on the TCP ports that are asked for.

use std::{
    collections::{HashMap, HashSet},
    num::NonZero,
    os::unix::fs::MetadataExt,
};

use procfs::{
    ProcResult,
    net::{TcpNetEntry, TcpState},
    process::{FDTarget, Process},
};

/// For one look at the processes: what those of one network namespace have in common is read once.
#[derive(Debug)]
pub(super) struct Listening<'a> {
    ports: &'a [NonZero<u16>],
    /// Inodes of the sockets that listen on one of these ports, by the namespace's inode.
    sockets: HashMap<u64, HashSet<u64>>,
}

impl<'a> Listening<'a> {
    pub(super) fn on(ports: &'a [NonZero<u16>]) -> Self {
        Self {
            ports,
            sockets: HashMap::new(),
        }
    }

    /// One that cannot be read listens on none.
    pub(super) fn is_one(&mut self, process: &Process) -> bool {
        !self.ports.is_empty() && self.has_socket(process).unwrap_or(false)
    }

    fn has_socket(&mut self, process: &Process) -> ProcResult<bool> {
        let namespace = std::fs::metadata(format!("/proc/{}/ns/net", process.pid))?.ino();
        if !self.sockets.contains_key(&namespace) {
            let sockets = sockets(process, self.ports)?;
            self.sockets.insert(namespace, sockets);
        }
        let sockets = &self.sockets[&namespace];
        if sockets.is_empty() {
            return Ok(false);
        }
        let is_own = |target| matches!(target, FDTarget::Socket(inode) if sockets.contains(&inode));
        let mut files = process.fd()?.filter_map(Result::ok);
        Ok(files.any(|file| is_own(file.target)))
    }
}

fn sockets(process: &Process, ports: &[NonZero<u16>]) -> ProcResult<HashSet<u64>> {
    let listens = |entry: &TcpNetEntry| {
        let port = entry.local_address.port();
        entry.state == TcpState::Listen && ports.iter().any(|asked| asked.get() == port)
    };
    let entries = process.tcp()?.into_iter().chain(process.tcp6()?);
    Ok(entries.filter(listens).map(|entry| entry.inode).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_listens_on_the_ports_of_its_own_sockets_for_as_long_as_they_are_open() {
        let listener = std::net::TcpListener::bind("[::1]:0").unwrap();
        let port = NonZero::new(listener.local_addr().unwrap().port()).unwrap();
        let own = Process::myself().unwrap();
        assert!(Listening::on(&[NonZero::<u16>::MIN, port]).is_one(&own));
        assert!(!Listening::on(&[]).is_one(&own));
        let mut sleeper = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let other = Process::new(sleeper.id().try_into().unwrap()).unwrap();
        let is_anothers = Listening::on(&[port]).is_one(&other);
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
        assert!(!is_anothers);
        drop(listener);
        assert!(!Listening::on(&[port]).is_one(&own));
    }
}
