//! What stands between slowmap and a backend, and misbehaves as it is told to. For OTLP over TLS; to the backend it speaks
//! without.

use std::{net::SocketAddr, sync::Arc, thread, time::Duration};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional, split},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    time::sleep,
};

use crate::{answers, certificates::Servers};

/// A change closes all connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Lets all through.
    Pass,
    /// Nobody listens.
    Refuse,
    /// Takes connections and says nothing.
    Hang,
    /// Closes each connection in the middle of its first request.
    Cut,
    /// Lets through, answers later by this long.
    Slow(Duration),
    /// Answers each request with a failure, and asks for a pause of a second.
    Answer(Answer),
    /// Shows a certificate that has expired.
    Expired,
    /// It ends.
    End,
}

/// A retryable one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    TooManyRequests,
    Unavailable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Http,
    Grpc,
}

/// Dropped, it ends.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    behaviour: watch::Sender<Behaviour>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Proxy {
    /// On a free port of the loopback interface, before `backend`.
    pub fn start(backend: SocketAddr, protocol: Protocol, servers: Servers) -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let (behaviour, told) = watch::channel(Behaviour::Pass);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = thread::Builder::new().name("proxy".into()).spawn(move || {
            if let Err(error) = runtime.block_on(serve(
                listener,
                Arc::new(Sides {
                    backend,
                    protocol,
                    servers,
                }),
                told,
            )) {
                eprintln!("the proxy ended: {error:#}");
            }
        })?;
        Ok(Self {
            address,
            behaviour,
            thread: Some(thread),
        })
    }

    pub fn endpoint(&self) -> String {
        format!("https://{}", self.address)
    }

    pub fn behave(&self, behaviour: Behaviour) {
        self.behaviour.send_replace(behaviour);
    }
}

struct Sides {
    backend: SocketAddr,
    protocol: Protocol,
    servers: Servers,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.behave(Behaviour::End);
        if let Some(thread) = self.thread.take() {
            // A panic there was printed there.
            let _ = thread.join();
        }
    }
}

async fn serve(
    listener: std::net::TcpListener,
    sides: Arc<Sides>,
    mut told: watch::Receiver<Behaviour>,
) -> Result<()> {
    let address = listener.local_addr()?;
    let mut listener = Some(TcpListener::from_std(listener)?);
    loop {
        let behaviour = *told.borrow_and_update();
        match behaviour {
            Behaviour::End => return Ok(()),
            Behaviour::Refuse => {
                listener = None;
                told.changed().await?;
            }
            _ => {
                let open = match listener.take() {
                    Some(open) => open,
                    None => listen(address)?,
                };
                tokio::select! {
                    changed = told.changed() => changed?,
                    accepted = open.accept() => {
                        let (stream, _) = accepted.context("accept")?;
                        tokio::spawn(connection(stream, sides.clone(), behaviour, told.clone()));
                    }
                }
                listener = Some(open);
            }
        }
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket.listen(128)?)
}

async fn connection(
    stream: TcpStream,
    sides: Arc<Sides>,
    behaviour: Behaviour,
    mut told: watch::Receiver<Behaviour>,
) {
    // Whatever goes wrong on a connection is what the other end has to bear.
    tokio::select! {
        _ = told.changed() => {}
        _ = misbehave(stream, &sides, behaviour) => {}
    }
}

async fn misbehave(stream: TcpStream, sides: &Sides, behaviour: Behaviour) -> Result<()> {
    let Sides {
        backend,
        protocol,
        servers,
    } = sides;
    let mut stream = match behaviour {
        Behaviour::Hang => std::future::pending().await,
        Behaviour::Expired => servers.expired.accept(stream).await?,
        _ => servers.good.accept(stream).await?,
    };
    match behaviour {
        Behaviour::Pass => {
            let mut upstream = TcpStream::connect(backend).await?;
            copy_bidirectional(&mut stream, &mut upstream).await?;
        }
        Behaviour::Cut => {
            let mut upstream = TcpStream::connect(backend).await?;
            let mut beginning = (&mut stream).take(1_000);
            copy(&mut beginning, &mut upstream).await?;
        }
        Behaviour::Slow(delay) => {
            let upstream = TcpStream::connect(backend).await?;
            let (mut answers, mut requests) = upstream.into_split();
            let (mut from, mut to) = split(stream);
            tokio::select! {
                copied = copy(&mut from, &mut requests) => drop(copied?),
                answered = later(&mut answers, &mut to, delay) => answered?,
            }
        }
        Behaviour::Answer(answer) => match protocol {
            Protocol::Http => answers::http(stream, answer).await?,
            Protocol::Grpc => answers::grpc(stream, answer).await?,
        },
        Behaviour::Expired | Behaviour::Hang | Behaviour::Refuse | Behaviour::End => {}
    }
    Ok(())
}

async fn later(
    answers: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    delay: Duration,
) -> Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = answers.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        sleep(delay).await;
        to.write_all(buffer.get(..count).unwrap_or_default())
            .await?;
        to.flush().await?;
    }
}
