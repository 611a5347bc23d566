//! A real Kubernetes API server over a real etcd, which is asked what it would do with a manifest, and the helm that
//! renders a chart's. No node is behind it: nothing runs.

mod cluster;
mod helm;
mod manifest;

use crate::go_module::GoProgram;

pub use cluster::{Cluster, Verdict};
pub use helm::Helm;
pub use manifest::{Manifest, manifests};

pub const API_SERVER: GoProgram = GoProgram {
    name: "kube-apiserver",
    module: "k8s.io/kubernetes",
    version: "v1.37.2",
    package: "cmd/kube-apiserver",
    tags: "",
    without: Some("./staging/"),
    staged: Some("v0.37.2"),
};

pub const HELM: GoProgram = GoProgram {
    name: "helm",
    module: "helm.sh/helm/v3",
    version: "v3.22.0",
    package: "cmd/helm",
    tags: "",
    without: None,
    staged: None,
};
