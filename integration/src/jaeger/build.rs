//! Jaeger from the Go module proxy.

use crate::go_module::GoProgram;

pub const JAEGER: GoProgram = GoProgram {
    name: "jaeger",
    module: "github.com/jaegertracing/jaeger",
    version: "v1.76.0",
    package: "cmd/jaeger",
    tags: "",
    without: None,
    staged: None,
};
