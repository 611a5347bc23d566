//! Exporters against real receivers and real files.

mod recording;
mod sample;
mod sink;
mod spans;
mod tls;
mod traces;
