//! All figures of a run, as they go into the JSON file.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde::Serialize;

use super::{
    Scale, attach::Attached, bpftrace::Comparison, case::Case, correlation::Correlation,
    figure::Figures, latency::Latency, ring::Rate,
};

/// What was not measured is absent.
#[derive(Debug, Serialize)]
pub struct Report {
    pub machine: Machine,
    pub quick: bool,
    pub rounds: u32,
    pub seconds_per_round: f64,
    pub cases: Vec<Case>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hits: Option<Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ring: Option<Vec<Rate>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export: Option<Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throughput: Option<Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub million: Option<Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation: Option<Correlation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub latency: Vec<Latency>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attach: Vec<Attached>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bpftrace: Option<Comparison>,
}

#[derive(Debug, Serialize)]
pub struct Machine {
    pub cpus: usize,
    pub cpu_model: String,
    pub kernel: String,
}

impl Report {
    pub fn new(quick: bool, scale: Scale) -> Result<Self> {
        Ok(Self {
            machine: Machine::this()?,
            quick,
            rounds: scale.rounds,
            seconds_per_round: scale.load.as_secs_f64(),
            cases: Vec::new(),
            hits: None,
            ring: None,
            export: None,
            throughput: None,
            million: None,
            correlation: None,
            latency: Vec::new(),
            attach: Vec::new(),
            bpftrace: None,
        })
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        fs::write(path, text).with_context(|| format!("write {}", path.display()))
    }
}

impl Machine {
    pub fn this() -> Result<Self> {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
        let model = cpuinfo.lines().find(|line| line.starts_with("model name"));
        let model = model.and_then(|line| line.split_once(": "));
        Ok(Self {
            cpus: std::thread::available_parallelism()?.get(),
            cpu_model: model.map_or("?", |(_, name)| name).to_owned(),
            kernel: kernel.trim().to_owned(),
        })
    }
}
