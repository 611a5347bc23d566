//! A list of Pods, as far as it matters.

use serde::Deserialize;

use super::Names;
use crate::model::text::printable;

#[derive(Debug, Deserialize)]
pub(super) struct PodList {
    pub metadata: ListMetadata,
    #[serde(default)]
    pub items: Vec<Pod>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ListMetadata {
    /// Of the next part of the list; empty: this was the last.
    #[serde(default, rename = "continue")]
    pub next: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Pod {
    metadata: PodMetadata,
    #[serde(default)]
    spec: PodSpec,
    #[serde(default)]
    status: PodStatus,
}

#[derive(Debug, Deserialize)]
struct PodMetadata {
    name: String,
    namespace: String,
    uid: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodSpec {
    node_name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodStatus {
    container_statuses: Vec<ContainerStatus>,
    init_container_statuses: Vec<ContainerStatus>,
    ephemeral_container_statuses: Vec<ContainerStatus>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerStatus {
    name: String,
    /// `containerd://` and the id; empty until it runs.
    #[serde(default, rename = "containerID")]
    container_id: String,
}

impl Pod {
    /// Its containers that have run, by id. Attributes are those of OpenTelemetry's conventions:
    /// <https://opentelemetry.io/docs/specs/semconv/resource/k8s/>.
    pub fn containers(self) -> Vec<(String, Names)> {
        let Self {
            metadata,
            spec,
            status,
        } = self;
        let of_pod = [
            ("k8s.namespace.name", metadata.namespace),
            ("k8s.node.name", spec.node_name),
            ("k8s.pod.name", metadata.name),
            ("k8s.pod.uid", metadata.uid),
        ];
        let all = [
            status.container_statuses,
            status.init_container_statuses,
            status.ephemeral_container_statuses,
        ];
        let named = |container: ContainerStatus| {
            let (_, id) = container.container_id.split_once("://")?;
            let own = ("k8s.container.name", container.name);
            let names = of_pod.iter().cloned().chain([own]);
            let names = names.filter(|(_, value)| !value.is_empty());
            let names = names.map(|(key, value)| (key.to_owned(), printable(&value).into_owned()));
            Some((id.to_owned(), names.collect()))
        };
        all.into_iter().flatten().filter_map(named).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_container_that_has_run_is_known_by_its_id_with_the_names_of_its_pod() {
        let list: PodList = serde_json::from_str(
            r#"{"kind": "PodList", "metadata": {"resourceVersion": "7"}, "items": [{
                "metadata": {"name": "shop-1", "namespace": "web", "uid": "u", "labels": {"a": "b"}},
                "spec": {"nodeName": "n1", "containers": []},
                "status": {"containerStatuses": [
                    {"name": "shop", "containerID": "containerd://abc", "ready": true},
                    {"name": "waiting", "state": {"waiting": {}}}]}},
                {"metadata": {"name": "new", "namespace": "web", "uid": "v"}}]}"#,
        )
        .unwrap();
        let containers: Vec<_> = list.items.into_iter().flat_map(Pod::containers).collect();
        let expected = [
            ("k8s.namespace.name", "web"),
            ("k8s.node.name", "n1"),
            ("k8s.pod.name", "shop-1"),
            ("k8s.pod.uid", "u"),
            ("k8s.container.name", "shop"),
        ];
        let expected: Names = expected
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(containers, [("abc".to_owned(), expected)]);
    }
}
