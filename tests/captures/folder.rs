//! Every capture in this folder replays equal: a bug report becomes a test by copying its file here.

use std::fs;
use std::path::Path;

use mqtt_capture::replay;

#[test]
fn every_capture_of_the_folder_replays_equal() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let mut failures = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("the folder of this file") {
        let path = entry.expect("it can be read").path();
        if path.extension().is_none_or(|extension| extension != "mqttcap") {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let log = fs::read(&path).expect("it can be read");
        count += 1;
        match replay(&log) {
            Ok(replayed) => println!("{name}: {replayed}"),
            Err(error) => failures.push(format!("{name}: {error}")),
        }
    }
    assert!(failures.is_empty(), "{}\n\nREADME.md of that folder says what to do", failures.join("\n\n"));
    assert!(count >= 3, "{count} captures in {}", folder.display());
}
