//! The text files of the workspace, read once for all checks.
//!
//! Paths are relative to the root and written with `/`, so that a check, its tests and its report use the
//! same words on every system. Build output, hidden folders and files that are no text are left out, and so is the file
//! by which git finds the repository of a further working tree.

use std::fs;
use std::io;
use std::path::Path;

/// Every text file of the workspace, ordered by path.
pub(crate) struct Workspace {
    pub(crate) files: Vec<TextFile>,
}

/// One file: its path below the root, and what it holds.
pub(crate) struct TextFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The folder that holds the workspace: the one above this package.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("this package lies in a folder of the workspace")
}

impl Workspace {
    pub(crate) fn read(root: &Path) -> Result<Workspace, String> {
        let mut files = Vec::new();
        read_folder(root, "", &mut files)
            .map_err(|error| format!("cannot read {}: {error}", root.display()))?;
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Workspace { files })
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Workspace {
        let file = |&(path, text): &(&str, &str)| TextFile { path: path.to_owned(), text: text.to_owned() };
        Workspace { files: files.iter().map(file).collect() }
    }

    pub(crate) fn file(&self, path: &str) -> Option<&TextFile> {
        self.files.iter().find(|file| file.path == path)
    }

    pub(crate) fn rust_files(&self) -> impl Iterator<Item = &TextFile> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }
}

impl TextFile {
    /// Whether the file as a whole is test code: it is named `tests.rs` or lies below a folder `tests`.
    pub(crate) fn is_test(&self) -> bool {
        self.path.split('/').any(|part| part == "tests" || part == "tests.rs")
    }
}

fn read_folder(root: &Path, folder: &str, files: &mut Vec<TextFile>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_dir() && is_ours(&name) {
            read_folder(root, &path, files)?;
        } else if kind.is_file() && name != ".git" {
            // A file that is no UTF-8 is no text, and no rule here speaks of it.
            if let Ok(text) = String::from_utf8(fs::read(entry.path())?) {
                files.push(TextFile { path, text });
            }
        }
    }
    Ok(())
}

fn is_ours(folder: &str) -> bool {
    let is_build_output = folder == "target" || folder.starts_with("target-");
    let is_foreign = folder.starts_with('.') && !HIDDEN_BUT_OURS.contains(&folder);
    !is_build_output && !is_foreign
}

/// Hidden folders that belong to the project; all others belong to git, an editor or the system.
const HIDDEN_BUT_OURS: [&str; 3] = [".cargo", ".ci", ".github"];
