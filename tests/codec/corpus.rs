//! What the fuzz targets have found so far, tried again by plain tests.

use std::fs;
use std::path::Path;

use crate::checks;

#[test]
fn the_corpus_of_decode_holds() {
    replay("decode", checks::any_frame);
}

#[test]
fn the_corpus_of_stream_holds() {
    replay("stream", checks::any_stream);
}

#[test]
fn the_corpus_of_topic_holds() {
    replay("topic", checks::any_topic);
}

/// Runs the check of a target on all that its corpus holds, and on every beginning of it.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).expect("the corpus is in the project");
    let mut files = 0;
    for entry in entries {
        let bytes = fs::read(entry.expect("a readable folder").path()).expect("a readable file");
        check(&bytes);
        (0..bytes.len()).step_by(7).for_each(|len| check(&bytes[..len]));
        files += 1;
    }
    assert!(files >= FILES_MIN, "{files} files in {}", folder.display());
}

/// Fewer files than this are no corpus.
const FILES_MIN: usize = 20;
