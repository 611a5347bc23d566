//! What services are called beyond what they say themselves: by slowmap's settings, and by Kubernetes. Nobody waits for the
//! latter to be attached to; the cluster knows a new container seconds after it has begun.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use crate::{
    config::Config,
    discover::Changes,
    failure::Failure,
    kubernetes::{Names, Pods},
    model::process::{GoProcess, Pid},
};

/// How long the first answer is waited for: those that run already are named from their first slow write on.
const FIRST_ANSWER: Duration = Duration::from_secs(1);
/// After that a container is nothing that the cluster knows: there are others on a node.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Naming {
    /// Of every service.
    attributes: BTreeMap<String, String>,
    /// `None`: nobody is asked.
    pods: Option<Pods>,
    unnamed: HashMap<Pid, Unnamed>,
}

#[derive(Debug)]
struct Unnamed {
    container: String,
    since: Instant,
}

impl Naming {
    /// Asks for all names that there are.
    ///
    /// # Errors
    /// There is nothing to ask with.
    pub(super) async fn start(config: &Config) -> Result<Self, Failure> {
        let pods = config.kubernetes.clone().map(Pods::start).transpose();
        let mut pods = pods.map_err(|error| {
            Failure::Usage(format!(
                "kubernetes.node (SLOWMAP_KUBERNETES_NODE): {error}"
            ))
        })?;
        if let Some(pods) = &mut pods {
            pods.ask();
            // Late is no error: names come when they are there.
            let _ = tokio::time::timeout(FIRST_ANSWER, pods.answered()).await;
        }
        Ok(Self {
            attributes: config.service_attributes.clone(),
            pods,
            unnamed: HashMap::new(),
        })
    }

    /// Gives those that have started what is known.
    pub(super) fn settle(&mut self, mut changes: Changes) -> Changes {
        for pid in &changes.exited {
            self.unnamed.remove(pid);
        }
        for process in &mut changes.started {
            let container = process.container_id.clone();
            if let (Some(pods), Some(container)) = (&self.pods, container) {
                match pods.names(&container) {
                    Some(names) => name(process, names),
                    None => {
                        let since = Instant::now();
                        self.unnamed
                            .insert(process.pid, Unnamed { container, since });
                    }
                }
            }
            name(process, self.attributes.clone());
        }
        self.ask();
        changes
    }

    fn ask(&self) {
        if let Some(pods) = &self.pods
            && !self.unnamed.is_empty()
        {
            pods.ask();
        }
    }

    /// Waits for an answer, if it matters to anyone.
    pub(super) async fn due(&mut self) {
        match &mut self.pods {
            Some(pods) if !self.unnamed.is_empty() => pods.answered().await,
            _ => std::future::pending().await,
        }
    }

    /// What has become known of processes that were attached to without.
    pub(super) fn known(&mut self) -> Vec<(Pid, Names)> {
        let Some(pods) = &self.pods else {
            return Vec::new();
        };
        let mut known = Vec::new();
        self.unnamed.retain(|pid, unnamed| {
            let Some(names) = pods.names(&unnamed.container) else {
                return unnamed.since.elapsed() < PATIENCE;
            };
            known.push((*pid, names));
            false
        });
        self.ask();
        known
    }
}

/// What the service says of itself wins.
pub(super) fn name(process: &mut GoProcess, names: impl IntoIterator<Item = (String, String)>) {
    for (key, value) in names {
        let own = &mut process.resource_attributes;
        if own.iter().all(|(known, _)| *known != key) {
            own.push((key, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::process::TargetPid;

    #[test]
    fn settings_name_what_a_service_does_not_name_itself() {
        let process = GoProcess {
            pid: Pid(7),
            target_pid: TargetPid(7),
            start_ticks: 0,
            executable: "/shop".into(),
            executable_inode: (0, 0),
            command_line: Vec::new(),
            service_name: None,
            resource_attributes: vec![("k8s.pod.name".into(), "own".into())],
            container_id: Some("ab".into()),
        };
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let attributes = [
            pair("k8s.pod.name", "other"),
            pair("k8s.namespace.name", "web"),
        ];
        let mut naming = Naming {
            attributes: attributes.into(),
            pods: None,
            unnamed: HashMap::new(),
        };
        let changes = naming.settle(Changes {
            started: vec![process],
            ..Changes::default()
        });
        assert_eq!(
            changes.started[0].resource_attributes,
            [
                pair("k8s.pod.name", "own"),
                pair("k8s.namespace.name", "web")
            ]
        );
    }
}
