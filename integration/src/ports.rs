//! Ports for servers that cannot be told to choose one.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::Result;

/// Ports of the loopback interface that were free a moment ago: held together, so that they differ.
pub fn free<const N: usize>() -> Result<[u16; N]> {
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}
