//! The files of the page: built from the sources that lie beside them, and free of what takes text for markup.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

/// The files of the page are built from `web/` and compiled in, so that `cargo build` needs no Node. The build
/// writes the digest of what it read: of each file its name, its length and its bytes.
#[test]
fn the_built_page_is_that_of_its_sources() {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
    let mut files: Vec<String> = ["index.html", "package-lock.json", "tsconfig.json"]
        .iter()
        .map(|name| (*name).to_owned())
        .collect();
    files.push("vite.config.js".to_owned());
    for folder in ["public", "src"] {
        for entry in fs::read_dir(web.join(folder)).unwrap() {
            let name = entry.unwrap().file_name();
            files.push(format!("{folder}/{}", name.to_str().unwrap()));
        }
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in &files {
        let bytes = fs::read(web.join(file)).unwrap();
        hash.update(format!("{file} {}\n", bytes.len()));
        hash.update(&bytes);
    }
    let digest = hash
        .finalize()
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));

    let built = fs::read_to_string(web.join("dist/sources.sha256")).unwrap();

    assert_eq!(
        built.trim(),
        digest,
        "run `npm ci && npm run build` in web/"
    );
}

/// `innerHTML` and its like take names for markup. Texts become text nodes.
#[test]
fn the_page_never_takes_a_text_for_markup() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/src");
    let forbidden = [
        "innerHTML",
        "outerHTML",
        "dangerouslySetInnerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "localStorage",
        "document.cookie",
    ];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for name in forbidden {
            assert!(!text.contains(name), "{path:?} has {name}");
        }
    }
}
