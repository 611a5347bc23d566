//! Container images, written without a container engine or a registry: one archive with an OCI image layout in it, which
//! podman, skopeo and docker (25 and later) load.
//!
//! The same files make the same image, byte for byte: nothing in it has a time, or an owner but root.

use std::{collections::HashMap, fs::File, io::Write, path::Path};

use anyhow::{Context, Result};
use oci_spec::image::{
    ANNOTATION_REF_NAME, Arch, Config, ConfigBuilder, Descriptor, DescriptorBuilder,
    ImageConfigurationBuilder, ImageIndexBuilder, ImageManifestBuilder, MediaType,
    OciLayoutBuilder, Os, PlatformBuilder, RootFsBuilder, SCHEMA_VERSION, Sha256Digest,
};
use serde::Serialize;
use sha2::{Digest, Sha256};

const LAYOUT_VERSION: &str = "1.0.0";

/// What an image is made of.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// With its tag, e.g. `slowmap:0.1.0`.
    pub name: String,
    /// In the order in which they are written.
    pub files: Vec<ImageFile>,
    pub entrypoint: Vec<String>,
    /// Arguments, unless others are given.
    pub command: Vec<String>,
    /// <https://github.com/opencontainers/image-spec/blob/v1.1.0/annotations.md>
    pub labels: HashMap<String, String>,
}

/// A file of an image, or a directory where it has no content.
#[derive(Debug, Clone)]
pub struct ImageFile {
    /// Without a slash in front, e.g. `usr/local/bin/slowmap`.
    pub path: String,
    /// e.g. 0o755
    pub mode: u32,
    pub content: Option<Vec<u8>>,
}

impl ImageFile {
    pub fn new(path: &str, mode: u32, content: Vec<u8>) -> Self {
        Self {
            path: path.to_owned(),
            mode,
            content: Some(content),
        }
    }

    pub fn directory(path: &str, mode: u32) -> Self {
        Self {
            path: format!("{path}/"),
            mode,
            content: None,
        }
    }
}

impl Image {
    /// Writes the archive, for this machine's architecture.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, to: &Path) -> Result<()> {
        let file = File::create(to).with_context(|| format!("create {}", to.display()))?;
        let mut layout = Layout(tar::Builder::new(file));
        let layer = self.layer()?;
        let (diff_id, layer) = (sha256(&layer), layout.blob(MediaType::ImageLayer, layer)?);
        let root = RootFsBuilder::default()
            .typ("layers")
            .diff_ids([format!("sha256:{diff_id}")])
            .build()?;
        let configuration = ImageConfigurationBuilder::default()
            .architecture(Arch::default())
            .os(Os::Linux)
            .config(self.config()?)
            .rootfs(root)
            .build()?;
        let configuration = layout.json(MediaType::ImageConfig, &configuration)?;
        let manifest = ImageManifestBuilder::default()
            .schema_version(SCHEMA_VERSION)
            .media_type(MediaType::ImageManifest)
            .config(configuration)
            .layers([layer])
            .build()?;
        let mut manifest = layout.json(MediaType::ImageManifest, &manifest)?;
        let platform = PlatformBuilder::default()
            .architecture(Arch::default())
            .os(Os::Linux)
            .build()?;
        manifest.set_platform(Some(platform));
        let name = (ANNOTATION_REF_NAME.to_owned(), self.name.clone());
        manifest.set_annotations(Some(HashMap::from([name])));
        let index = ImageIndexBuilder::default()
            .schema_version(SCHEMA_VERSION)
            .media_type(MediaType::ImageIndex)
            .manifests([manifest])
            .build()?;
        layout.add("index.json", 0o644, &serde_json::to_vec(&index)?)?;
        let version = OciLayoutBuilder::default()
            .image_layout_version(LAYOUT_VERSION)
            .build()?;
        layout.add("oci-layout", 0o644, &serde_json::to_vec(&version)?)?;
        layout.0.into_inner()?.flush()?;
        Ok(())
    }

    fn layer(&self) -> Result<Vec<u8>> {
        let mut layer = Layout(tar::Builder::new(Vec::new()));
        for file in &self.files {
            layer.add(
                &file.path,
                file.mode,
                file.content.as_deref().unwrap_or_default(),
            )?;
        }
        Ok(layer.0.into_inner()?)
    }

    fn config(&self) -> Result<Config> {
        let config = ConfigBuilder::default()
            .entrypoint(self.entrypoint.clone())
            .cmd(self.command.clone())
            .labels(self.labels.clone())
            .build()?;
        Ok(config)
    }
}

/// An archive under way.
struct Layout<W: Write>(tar::Builder<W>);

impl<W: Write> Layout<W> {
    fn json(&mut self, media_type: MediaType, value: &impl Serialize) -> Result<Descriptor> {
        self.blob(media_type, serde_json::to_vec(value)?)
    }

    fn blob(&mut self, media_type: MediaType, content: Vec<u8>) -> Result<Descriptor> {
        let digest = sha256(&content);
        self.add(&format!("blobs/sha256/{digest}"), 0o644, &content)?;
        let descriptor = DescriptorBuilder::default()
            .media_type(media_type)
            .digest(digest.parse::<Sha256Digest>()?)
            .size(content.len() as u64)
            .build()?;
        Ok(descriptor)
    }

    /// A path that ends with a slash is a directory.
    fn add(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<()> {
        let mut header = tar::Header::new_gnu();
        if path.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
        }
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        self.0
            .append_data(&mut header, path, content)
            .with_context(|| format!("write {path}"))
    }
}

fn sha256(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_make_the_same_archive_and_each_blob_has_the_name_of_its_digest() -> Result<()>
    {
        let image = Image {
            name: "example:1".to_owned(),
            files: vec![
                ImageFile::directory("tmp", 0o1777),
                ImageFile::new("bin/example", 0o755, b"content".to_vec()),
            ],
            entrypoint: vec!["/bin/example".to_owned()],
            ..Image::default()
        };
        let directory = tempfile::tempdir()?;
        let [one, other] = ["one", "other"].map(|name| directory.path().join(name));
        image.write(&one)?;
        image.write(&other)?;
        assert_eq!(std::fs::read(&one)?, std::fs::read(&other)?);
        let (mut blobs, mut names) = (0, Vec::new());
        for entry in tar::Archive::new(File::open(&one)?).entries()? {
            let mut entry = entry?;
            let name = entry.path()?.display().to_string();
            let mut content = Vec::new();
            std::io::copy(&mut entry, &mut content)?;
            if let Some(digest) = name.strip_prefix("blobs/sha256/") {
                assert_eq!(sha256(&content), digest);
                blobs += 1;
            } else {
                names.push(name);
            }
        }
        assert_eq!(
            (blobs, names),
            (3, vec!["index.json".to_owned(), "oci-layout".to_owned()])
        );
        Ok(())
    }
}
