//! The members of the workspace, as far as the tasks ask about them.

use std::path::PathBuf;

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use crate::{command, failure::Failure};

/// What `cargo metadata` knows.
pub(crate) struct Workspace {
    pub(crate) members: Vec<Member>,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
}

/// A crate of the workspace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// The directory of its `Cargo.toml`.
    pub(crate) dir: PathBuf,
    /// `None` when it promises no compiler version.
    pub(crate) rust_version: Option<String>,
    pub(crate) publishable: bool,
    pub(crate) has_library: bool,
    /// Without `default`.
    pub(crate) features: Vec<String>,
    /// For any platform, without those for tests.
    pub(crate) dependencies: Vec<Dependency>,
}

/// What a member declares under `[dependencies]` or `[build-dependencies]`.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) optional: bool,
}

impl Workspace {
    pub(crate) fn load() -> Result<Self, Failure> {
        // Declarations are enough, and they need neither a lock file nor the network.
        let metadata = MetadataCommand::new()
            .current_dir(command::root())
            .no_deps()
            .exec()
            .map_err(|why| Failure::cannot("read the workspace with `cargo metadata`", why))?;
        Ok(Self {
            members: metadata.packages.iter().map(member).collect(),
            target: metadata.target_directory.into(),
        })
    }

    /// Those that go to a registry.
    pub(crate) fn publishable(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|it| it.publishable)
    }
}

fn member(package: &Package) -> Member {
    let dependencies = package.dependencies.iter();
    Member {
        name: package.name.to_string(),
        dir: package.manifest_path.parent().map(PathBuf::from).unwrap_or_default(),
        rust_version: package.rust_version.as_ref().map(ToString::to_string),
        publishable: package.publish.as_ref().is_none_or(|registries| !registries.is_empty()),
        has_library: package.targets.iter().any(cargo_metadata::Target::is_lib),
        features: package.features.keys().filter(|it| *it != "default").cloned().collect(),
        dependencies: dependencies
            .filter(|it| it.kind != DependencyKind::Development)
            .map(|it| Dependency { name: it.name.clone(), optional: it.optional })
            .collect(),
    }
}
