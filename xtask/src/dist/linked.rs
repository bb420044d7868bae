//! What the program is linked with: packages of others, for one target.

use std::collections::{BTreeSet, VecDeque};

use cargo_metadata::{DependencyKind, MetadataCommand, Package, PackageId};

use crate::{command, failure::Failure};

/// The packages, by name and version; those of this workspace, build scripts and tests are none.
pub(super) fn packages(target: &str) -> Result<Vec<Package>, Failure> {
    let metadata = MetadataCommand::new()
        .current_dir(command::root())
        .other_options(["--filter-platform".to_owned(), target.to_owned()])
        .exec()
        .map_err(|why| Failure::cannot("ask `cargo metadata` what svctl is made of", why))?;
    let graph = metadata.resolve.as_ref().map(|it| &it.nodes[..]).unwrap_or_default();
    let mut linked: BTreeSet<&PackageId> = BTreeSet::new();
    let svctl = metadata.packages.iter().find(|it| it.name.as_str() == "svctl");
    let mut waiting: VecDeque<&PackageId> = svctl.iter().map(|it| &it.id).collect();
    while let Some(id) = waiting.pop_front() {
        let Some(node) = graph.iter().find(|node| node.id == *id).filter(|_| linked.insert(id))
        else {
            continue;
        };
        let is_linked = |kind: DependencyKind| kind == DependencyKind::Normal;
        let below = node.deps.iter().filter(|it| it.dep_kinds.iter().any(|it| is_linked(it.kind)));
        waiting.extend(below.map(|it| &it.pkg));
    }
    let foreign = metadata.packages.iter().filter(|it| it.source.is_some());
    let mut packages: Vec<_> = foreign.filter(|it| linked.contains(&it.id)).cloned().collect();
    packages.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
    Ok(packages)
}
