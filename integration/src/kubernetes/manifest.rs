//! What a cluster is asked to make.

use anyhow::{Context, Result};
use serde_json::Value;

/// A YAML document that describes an object.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// As it was written: what a server is sent.
    pub text: String,
    pub content: Value,
}

/// The documents of a file, or of what helm renders.
pub fn manifests(text: &str) -> Result<Vec<Manifest>> {
    let mut all = Vec::new();
    // A certificate has dashes at the ends of its lines, too.
    for document in format!("\n{text}").split("\n---\n") {
        let content: Value = serde_saphyr::from_str(document)
            .with_context(|| format!("read as YAML: {document}"))?;
        let text = document.to_owned();
        if !content.is_null() {
            all.push(Manifest { text, content });
        }
    }
    Ok(all)
}

impl From<Value> for Manifest {
    fn from(content: Value) -> Self {
        // JSON is YAML.
        let text = content.to_string();
        Self { text, content }
    }
}

impl Manifest {
    pub fn kind(&self) -> &str {
        self.content["kind"].as_str().unwrap_or_default()
    }

    /// Of the Pod that it is, or that it has made; null where it is about something else.
    pub fn pod(&self) -> &Value {
        match self.kind() {
            "Pod" => &self.content["spec"],
            _ => &self.content["spec"]["template"]["spec"],
        }
    }

    /// slowmap's container, wherever it is in the Pod.
    pub fn slowmap(&self) -> Option<&Value> {
        let pod = self.pod();
        let all = ["initContainers", "containers"];
        let mut all = all.iter().filter_map(|key| pod[*key].as_array()).flatten();
        all.find(|container| container["name"] == "slowmap")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_end_at_lines_of_dashes_and_empty_ones_are_passed_over() -> Result<()> {
        let text = "---\n# Source: a\nkind: Pod\n---\n# nothing\n---\nkind: Secret\ndata: |\n  -----END-----\n  x---\n";
        let all = manifests(text)?;
        let kinds: Vec<&str> = all.iter().map(Manifest::kind).collect();
        assert_eq!(kinds, ["Pod", "Secret"]);
        assert_eq!(all[1].content["data"], "-----END-----\nx---\n");
        Ok(())
    }
}
