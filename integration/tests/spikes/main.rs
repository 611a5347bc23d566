//! `slowmap correlate`: spikes of a real service in a real Prometheus, or in a file, are explained by map writes where they are theirs, and not
//! where they are not; and what it says where it cannot answer.

mod attribution;
mod files;
mod refusals;
mod server;
