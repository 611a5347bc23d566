//! A server that answers as Prometheus does, or as it should not.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
};

use anyhow::Result;

/// Answers each request with a status and a body, by its path and query. Its address. It ends with the test.
pub fn answering(answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Who asked and went away misses nothing.
            let _ = serve(stream, &answer);
        }
    });
    Ok(format!("http://{address}"))
}

fn serve(mut stream: TcpStream, answer: impl Fn(&str) -> (u16, String)) -> Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    for line in lines.by_ref() {
        if line?.is_empty() {
            break;
        }
    }
    let target = request.split(' ').nth(1).unwrap_or_default();
    let (status, body) = answer(target);
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    Ok(())
}
