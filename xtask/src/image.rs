//! `cargo xtask image`: the container image, without a container engine or a registry.

mod sbom;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use integration::{
    image::{Image, ImageFile},
    sources,
};

use crate::{
    dist,
    machine::{self, Package},
    run,
};

/// What an HTTPS endpoint's certificate is checked with.
const CERTIFICATES: Package = Package {
    name: "ca-certificates",
    file: "/etc/ssl/certs/ca-certificates.crt",
};
const DOCUMENTS: &str = "usr/share/doc/slowmap";

/// Makes the container image: one static executable, CA certificates, licences, bill of materials
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Cargo's profile; `release` is built sooner
    #[arg(long, default_value = "dist")]
    profile: String,
    /// The archive, an OCI layout: `podman load --input`, `docker load --input` (25 and later), `skopeo copy oci-archive:`
    #[arg(long, default_value = "target/slowmap-image.tar")]
    output: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    machine::install(&[CERTIFICATES], "The image")?;
    let executable = dist::build(dist::Target::own(), &arguments.profile)?;
    let sbom = sbom::of_slowmap()?;
    let image = image(&executable, &sbom)?;
    image.write(&arguments.output)?;
    let beside = arguments.output.with_extension("cdx.json");
    fs::write(&beside, &sbom).with_context(|| format!("write {}", beside.display()))?;
    let size = fs::metadata(&arguments.output)?.len();
    println!(
        "{}: {} in {:.1} MB; load it with: podman load --input {0}",
        arguments.output.display(),
        image.name,
        size as f64 / 1e6
    );
    println!("{}: what is in it, as CycloneDX", beside.display());
    Ok(())
}

fn image(executable: &Path, sbom: &str) -> Result<Image> {
    let repository = sources::repository();
    let read = |path: &Path| fs::read(path).with_context(|| format!("read {}", path.display()));
    let mut files = vec![
        ImageFile::new("usr/local/bin/slowmap", 0o755, read(executable)?),
        ImageFile::new(
            CERTIFICATES.file.trim_start_matches('/'),
            0o644,
            read(Path::new(CERTIFICATES.file))?,
        ),
        ImageFile::new(&format!("{DOCUMENTS}/sbom.cdx.json"), 0o644, sbom.into()),
    ];
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        let content = read(&repository.join(licence))?;
        files.push(ImageFile::new(
            &format!("{DOCUMENTS}/{licence}"),
            0o644,
            content,
        ));
    }
    let version = env!("CARGO_PKG_VERSION");
    let mut labels = HashMap::from([
        ("title", "slowmap".to_owned()),
        (
            "description",
            "Slow Go map writes, in the traces of the requests that they slow down".to_owned(),
        ),
        ("licenses", "MIT OR Apache-2.0".to_owned()),
        ("version", version.to_owned()),
    ]);
    labels.extend(revision(&repository).map(|revision| ("revision", revision)));
    Ok(Image {
        name: format!("slowmap:{version}"),
        files,
        entrypoint: vec!["/usr/local/bin/slowmap".to_owned()],
        command: vec!["run".to_owned()],
        labels: labels
            .into_iter()
            .map(|(key, value)| (format!("org.opencontainers.image.{key}"), value))
            .collect(),
    })
}

/// `None`: not built from a git repository.
fn revision(repository: &Path) -> Option<String> {
    let mut git = Command::new("git");
    git.arg("-C").arg(repository).args(["rev-parse", "HEAD"]);
    Some(run::output(git).ok()?.trim().to_owned())
}
