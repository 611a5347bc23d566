//! What a backend, or what stands before it, answers when it cannot take more.

use std::time::Duration;

use anyhow::Result;
use h2::{RecvStream, server::SendResponse};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::proxy::Answer;

const PAUSE: Duration = Duration::from_secs(1);

/// Once its request is read: closing before that would hide the answer.
pub async fn http(mut stream: TlsStream<TcpStream>, answer: Answer) -> Result<()> {
    let mut request = Vec::new();
    while !is_complete(&request) {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let status = match answer {
        Answer::TooManyRequests => "429 Too Many Requests",
        Answer::Unavailable => "503 Service Unavailable",
    };
    let text = format!(
        "HTTP/1.1 {status}\r\nRetry-After: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        PAUSE.as_secs()
    );
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(())
}

fn is_complete(request: &[u8]) -> bool {
    let end = request.windows(4).position(|four| four == b"\r\n\r\n");
    let Some((head, body)) = end.map(|end| request.split_at(end + 4)) else {
        return false;
    };
    let head = String::from_utf8_lossy(head).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length = length.and_then(|length| length.trim().parse().ok());
    length.is_none_or(|length: usize| body.len() >= length)
}

/// All calls on a connection.
pub async fn grpc(stream: TlsStream<TcpStream>, answer: Answer) -> Result<()> {
    let mut connection = h2::server::handshake(stream).await?;
    while let Some(call) = connection.accept().await {
        let (request, response) = call?;
        tokio::spawn(answer_call(request.into_body(), response, answer));
    }
    Ok(())
}

async fn answer_call(
    mut body: RecvStream,
    mut response: SendResponse<bytes::Bytes>,
    answer: Answer,
) -> Result<(), h2::Error> {
    while let Some(chunk) = body.data().await {
        let length = chunk?.len();
        body.flow_control().release_capacity(length)?;
    }
    let code = match answer {
        Answer::TooManyRequests => Code::ResourceExhausted,
        Answer::Unavailable => Code::Unavailable,
    };
    let details = ErrorDetails::with_retry_info(Some(PAUSE));
    let status = Status::with_error_details(code, "not now", details);
    response.send_response(status.into_http(), true)?;
    Ok(())
}
