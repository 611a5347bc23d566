//! What would make writes faster, and why that is thought.

use serde::Serialize;

/// Never without evidence and confidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// Name of the rule that gives it.
    pub rule: &'static str,
    /// What to do.
    pub advice: String,
    /// Where: `function file:line`, or a service.
    pub subject: String,
    /// What was seen, in figures of the recording.
    pub evidence: Vec<String>,
    pub confidence: Confidence,
    /// Time lost in the slow writes that it is about.
    pub nano: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    Medium,
    High,
}

impl Confidence {
    pub fn name(self) -> &'static str {
        match self {
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}
