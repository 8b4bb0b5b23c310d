use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use tempfile::TempDir;

use super::*;

/// The storage of an engine with one image, as Docker 20.10 to 28 keep it.
pub(in crate::image) struct FakeStore {
    pub(in crate::image) root: TempDir,
    pub(in crate::image) layers: Vec<Vec<u8>>,
}

/// The files of each layer: lowest first.
const FILES: [&[(&str, &str)]; 3] = [
    &[("bin/app", "a program"), ("empty", "")],
    &[("etc/app.conf", "its configuration"), ("./bin/tool", "another program")],
    &[("etc/app.conf", "a newer configuration")],
];

impl FakeStore {
    pub(in crate::image) fn new() -> Self {
        let mut store = Self { root: tempfile::tempdir().unwrap(), layers: Vec::new() };
        let mut chain = String::new();
        for (number, files) in FILES.iter().enumerate() {
            let (tar, split) = layer(files);
            let diff_id = digest::of(&tar);
            chain = match number {
                0 => diff_id.clone(),
                _ => digest::of(format!("{chain} {diff_id}").as_bytes()),
            };
            let entry = store.path().join("image/overlay2/layerdb/sha256").join(&chain[7..]);
            fs::create_dir_all(&entry).unwrap();
            fs::write(entry.join("diff"), &diff_id).unwrap();
            fs::write(entry.join("cache-id"), format!("cache{number}")).unwrap();
            fs::write(entry.join("size"), "30").unwrap();
            let mut zip = GzEncoder::new(Vec::new(), Compression::fast());
            zip.write_all(split.as_bytes()).unwrap();
            fs::write(entry.join("tar-split.json.gz"), zip.finish().unwrap()).unwrap();
            for (name, content) in *files {
                let file = store.files(number).join(name);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, content).unwrap();
            }
            store.layers.push(tar);
        }
        let configs = store.path().join("image/overlay2/imagedb/content/sha256");
        fs::create_dir_all(&configs).unwrap();
        fs::write(configs.join(&store.id()[7..]), store.config()).unwrap();
        store
    }

    fn path(&self) -> &Path {
        self.root.path()
    }

    /// Where the files of a layer are.
    pub(in crate::image) fn files(&self, number: usize) -> PathBuf {
        self.path().join(format!("overlay2/cache{number}/diff"))
    }

    pub(in crate::image) fn layers(&self) -> Vec<&[u8]> {
        self.layers.iter().map(Vec::as_slice).collect()
    }

    pub(in crate::image) fn diff_ids(&self) -> Vec<String> {
        self.layers.iter().map(|layer| digest::of(layer)).collect()
    }

    fn config(&self) -> Vec<u8> {
        crate::image::docker_archive::tests::image_config(&self.layers())
    }

    fn id(&self) -> String {
        digest::of(&self.config())
    }

    /// What an engine says of the image.
    pub(in crate::image) fn inspected(&self) -> serde_json::Value {
        json!({
            "Id": self.id(), "Os": "linux", "Architecture": "amd64",
            "RootFS": {"Type": "layers", "Layers": self.diff_ids()},
            "GraphDriver": {"Name": "overlay2", "Data": {"UpperDir": self.files(2), "LowerDir": "x:y"}},
        })
    }

    fn store(&self) -> EngineStore {
        let driver = serde_json::from_value(self.inspected()["GraphDriver"].clone()).unwrap();
        EngineStore::of(&driver).unwrap()
    }
}

/// A layer's tar, and its skeleton as lines of JSON.
fn layer(files: &[(&str, &str)]) -> (Vec<u8>, String) {
    let mut tar = tar::Builder::new(Vec::new());
    let (mut lines, mut position, mut cut) = (Vec::new(), 0, 0);
    let mut line = |mut line: serde_json::Value| {
        line["position"] = json!(position);
        position += 1;
        lines.push(line.to_string());
    };
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, name, content.as_bytes()).unwrap();
        let whole = tar.get_ref();
        let start = whole.len() - content.len().div_ceil(512) * 512;
        line(json!({"type": 2, "payload": STANDARD.encode(&whole[cut..start])}));
        match content.len() {
            0 => line(json!({"type": 1, "name": name, "payload": null})),
            size => line(json!({"type": 1, "name": name, "size": size, "payload": "AAAAAAAAAAA="})),
        }
        cut = start + content.len();
    }
    let tar = tar.into_inner().unwrap();
    line(json!({"type": 2, "payload": STANDARD.encode(&tar[cut..])}));
    (tar, lines.join("\n") + "\n")
}

fn read(layer: &StoredLayer) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    layer.open()?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[test]
fn layers_are_put_together_byte_for_byte() {
    let fake = FakeStore::new();
    let store = fake.store();
    let layers = store.layers(&fake.diff_ids());
    assert_eq!(layers.len(), 3);
    for (diff_id, content) in fake.diff_ids().iter().zip(&fake.layers) {
        assert!(read(&layers[diff_id]).unwrap() == *content);
    }
    assert_eq!(store.config(&fake.id()), Some(fake.config()));
}

#[test]
fn a_layer_that_is_not_there_leaves_the_others() {
    let fake = FakeStore::new();
    let mut diff_ids = fake.diff_ids();
    diff_ids[1] = digest::of(b"another");
    let found = fake.store().layers(&diff_ids);
    assert_eq!(found.keys().collect::<Vec<_>>(), [&diff_ids[0]], "what stands on it has another chain");
}

#[test]
fn a_configuration_with_other_content_is_none() {
    let fake = FakeStore::new();
    let file = fake.path().join("image/overlay2/imagedb/content/sha256").join(&fake.id()[7..]);
    fs::write(file, "{}").unwrap();
    assert_eq!(fake.store().config(&fake.id()), None);
    assert_eq!(fake.store().config("sha256:../x"), None);
}

#[test]
fn what_is_no_plain_file_of_the_layer_is_not_read() {
    let secret = tempfile::tempdir().unwrap();
    fs::create_dir(secret.path().join("bin")).unwrap();
    fs::write(secret.path().join("bin/app"), "a program").unwrap();
    let layer_of = |fake: &FakeStore| {
        let diff_ids = fake.diff_ids();
        fake.store().layers(&diff_ids).remove(&diff_ids[0]).unwrap()
    };

    let fake = FakeStore::new();
    let file = fake.files(0).join("bin/app");
    fs::remove_file(&file).unwrap();
    assert!(read(&layer_of(&fake)).is_err(), "missing");
    std::os::unix::fs::symlink(secret.path().join("bin/app"), &file).unwrap();
    assert!(read(&layer_of(&fake)).is_err(), "a link");
    fs::remove_dir_all(fake.files(0).join("bin")).unwrap();
    std::os::unix::fs::symlink(secret.path().join("bin"), fake.files(0).join("bin")).unwrap();
    assert!(read(&layer_of(&fake)).is_err(), "below a link");

    let fake = FakeStore::new();
    fs::write(fake.files(0).join("bin/app"), "short").unwrap();
    assert_eq!(read(&layer_of(&fake)).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn other_drivers_and_other_machines_have_no_store() {
    for driver in [
        json!({"Name": "btrfs", "Data": null}),
        json!({"Name": "overlay2", "Data": {}}),
        json!({"Name": "overlay2", "Data": {"UpperDir": "/nonexistent/overlay2/x/diff"}}),
        json!({"Name": "overlay2", "Data": {"UpperDir": "diff"}}),
        json!({}),
    ] {
        let driver: GraphDriver = serde_json::from_value(driver).unwrap();
        assert!(EngineStore::of(&driver).is_none(), "{driver:?}");
    }
}
