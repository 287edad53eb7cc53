//! The few lines of a `Cargo.toml` that say which packages it depends on.
//!
//! It reads line by line and knows the ways of writing a dependency that a member of this workspace uses:
//! `name = …`, `name.workspace = true`, a section of its own, and a new name with `package = "…"`.

/// What one `Cargo.toml` says about its package.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest<'a> {
    pub(super) package: &'a str,
    pub(super) dependencies: Vec<Dependency<'a>>,
}

/// A package that is depended on, and the line that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dependency<'a> {
    pub(super) package: &'a str,
    pub(super) kind: Kind,
    pub(super) line: usize,
}

/// Whether users get the dependency, or only those who test the package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `[dependencies]` and `[build-dependencies]`, for any target.
    Normal,
    /// `[dev-dependencies]`, for any target.
    Dev,
}

impl<'a> Manifest<'a> {
    pub(super) fn parse(text: &'a str) -> Manifest<'a> {
        let mut manifest = Manifest::default();
        let mut section = Section::Other;
        for (line_index, line) in text.lines().enumerate() {
            let content = line.split_once('#').map_or(line, |(content, _comment)| content).trim();
            let line = line_index + 1;
            if let Some(header) = content.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = section_of(header);
                if let Section::OneDependency(package, kind) = section {
                    manifest.dependencies.push(Dependency { package, kind, line });
                }
            } else if let Some((key, value)) = key_and_value(content) {
                manifest.read_entry(section, key, value, line);
            }
        }
        manifest
    }

    fn read_entry(&mut self, section: Section<'a>, key: &'a str, value: &'a str, line: usize) {
        match section {
            Section::Package if key == "name" => self.package = value.trim_matches('"'),
            Section::Dependencies(kind) => {
                let name = key.split_once('.').map_or(key, |(name, _field)| name);
                let package = renamed(value).unwrap_or(name);
                self.dependencies.push(Dependency { package, kind, line });
            }
            Section::OneDependency(..) if key == "package" => {
                let dependency = self.dependencies.last_mut().expect("the header of the section pushed it");
                dependency.package = value.trim_matches('"');
            }
            Section::Package | Section::OneDependency(..) | Section::Other => {}
        }
    }
}

#[derive(Clone, Copy)]
enum Section<'a> {
    Package,
    Dependencies(Kind),
    OneDependency(&'a str, Kind),
    Other,
}

/// What a header such as `target.'cfg(unix)'.dependencies` or `dependencies.bytes` opens.
fn section_of(header: &str) -> Section<'_> {
    let header = header.trim();
    if header == "package" {
        return Section::Package;
    }
    if let Some(kind) = kind_of(header) {
        return Section::Dependencies(kind);
    }
    let one = header.rsplit_once('.').and_then(|(list, name)| Some((name.trim_matches('"'), kind_of(list)?)));
    one.map_or(Section::Other, |(name, kind)| Section::OneDependency(name, kind))
}

fn kind_of(list: &str) -> Option<Kind> {
    match list.rsplit('.').next()? {
        "dependencies" | "build-dependencies" => Some(Kind::Normal),
        "dev-dependencies" => Some(Kind::Dev),
        _ => None,
    }
}

fn key_and_value(content: &str) -> Option<(&str, &str)> {
    let (key, value) = content.split_once('=')?;
    let key = key.trim();
    let is_key = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    (!key.is_empty() && key.chars().all(is_key)).then_some((key, value.trim()))
}

/// The package that `{ package = "name" }` stands for.
fn renamed(value: &str) -> Option<&str> {
    let mut fields = value.trim_matches(['{', '}']).split(',').filter_map(key_and_value);
    fields.find(|(key, _value)| *key == "package").map(|(_key, package)| package.trim_matches('"'))
}
