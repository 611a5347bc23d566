//! Traces as a backend shows them: flat spans (whether they came by OTLP or out of Jaeger), the tree they
//! make, slow map writes in it, and the tree as text.

pub mod otlp;
pub mod profile;
pub mod slow;
pub mod span;
pub mod text;
pub mod tree;
