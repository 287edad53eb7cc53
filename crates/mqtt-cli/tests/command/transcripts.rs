//! The transcripts of `docs/command.md`: what they show is what the command prints today.
//!
//! With `MQTT_TRANSCRIPTS=write` in the environment they are written instead: `cargo xtask transcripts`.

use std::path::{Path, PathBuf};

use mqtt_smol::broker;

use crate::process::{failure, mqtt};

/// The line before a transcript.
const FENCE: &str = "```text\n$ mqtt ";

/// The address of the broker in the documentation, where every test has another port.
const DOCUMENTED: &str = "127.0.0.1:1883";

fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/command.md")
}

/// The words of a command line; quotes hold words together.
fn words(line: &str) -> Vec<String> {
    let quoted = line.split('\'').enumerate();
    quoted
        .flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

/// What the command prints, with the address of the documentation.
fn transcript(line: &str, broker: &broker::Running) -> String {
    let address = broker.address().to_string();
    let args: Vec<String> = words(line).iter().map(|word| word.replace(DOCUMENTED, &address)).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = mqtt(&args).env("COLUMNS", "80").output().expect("the command can be started");
    assert_eq!(output.status.code(), Some(0), "mqtt {line}: {}", failure(&output).1);
    String::from_utf8(output.stdout).expect("text").replace(&address, DOCUMENTED)
}

/// What of a transcript is the same in every run: figures, names that are drawn and bars are not.
fn shape(text: &str) -> Vec<String> {
    let is_unit = |word: &str| matches!(word.trim_end_matches(','), "µs" | "ms" | "s" | "%" | "–");
    let is_bar = |word: &str| word.starts_with(|c: char| ('█'..='▏').contains(&c));
    let is_figure = |word: &str| {
        let has_digit = word.contains(|c: char| c.is_ascii_digit());
        has_digit || word.starts_with('"') || is_unit(word) || is_bar(word)
    };
    let lines = text.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().filter(|word| !is_figure(word)).collect();
        words.join(" ")
    });
    // Whether the generator was the limit depends on what else the machine does.
    let is_same = |line: &String| !line.is_empty() && !line.starts_with("the generator");
    let mut lines: Vec<String> = lines.filter(is_same).collect();
    lines.dedup();
    lines
}

#[test]
fn transcripts_show_what_the_command_prints() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let text = std::fs::read_to_string(document()).expect("it is there");
    let writes = std::env::var_os("MQTT_TRANSCRIPTS").is_some_and(|value| value == "write");
    let (mut written, mut rest, mut count) = (String::new(), text.as_str(), 0);
    while let Some(start) = rest.find(FENCE) {
        let (before, block) = rest.split_at(start + FENCE.len());
        let (line, block) = block.split_once('\n').expect("a command line");
        let (old, after) = block.split_at(block.find("```").expect("the block ends"));
        let new = transcript(line, &broker);
        if !writes {
            // A run that measures prints other figures each time.
            let is_same = if line.starts_with("bench pub mqtt") || line.starts_with("check") {
                shape(old) == shape(&new)
            } else {
                old == new
            };
            let shapes = (shape(old), shape(&new));
            assert!(
                is_same,
                "`mqtt {line}` prints something else; run `cargo xtask transcripts`:\n{new}\n{shapes:?}"
            );
        }
        written.extend([before, line, "\n", &new]);
        rest = after;
        count += 1;
    }
    assert!(count >= 7, "there are {count} transcripts");
    if writes {
        written.push_str(rest);
        std::fs::write(document(), written).expect("it can be written");
    }
}
