//! `cargo xtask conversion`: what `svctl convert` makes of the units of Debian, counted into `docs/conversion.md`.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{command, failure::Failure, roots, workspace::Workspace};

/// Daemons whose packages are looked into beside the root.
const PACKAGES: [&str; 21] = [
    "nginx-common",
    "apache2",
    "openssh-server",
    "cron",
    "rsyslog",
    "postgresql-common",
    "mariadb-server",
    "redis-server",
    "memcached",
    "postfix",
    "dovecot-core",
    "named",
    "unbound",
    "dnsmasq",
    "chrony",
    "haproxy",
    "lighttpd",
    "mosquitto",
    "prometheus-node-exporter",
    "php8.2-fpm",
    "bind9",
];

/// Directives that are about the process itself: what it is, how it is started, ended and started again.
const OF_THE_PROCESS: [&str; 44] = [
    "Type",
    "ExecStart",
    "ExecStartPre",
    "ExecStartPost",
    "ExecStop",
    "ExecStopPost",
    "ExecReload",
    "User",
    "Group",
    "SupplementaryGroups",
    "WorkingDirectory",
    "RootDirectory",
    "Environment",
    "EnvironmentFile",
    "UMask",
    "Nice",
    "IOSchedulingClass",
    "IOSchedulingPriority",
    "LimitNOFILE",
    "LimitNPROC",
    "LimitCORE",
    "LimitMEMLOCK",
    "LimitSTACK",
    "LimitAS",
    "LimitDATA",
    "LimitFSIZE",
    "LimitCPU",
    "StandardInput",
    "StandardOutput",
    "StandardError",
    "KillSignal",
    "KillMode",
    "TimeoutStopSec",
    "TimeoutSec",
    "Restart",
    "RestartSec",
    "RemainAfterExit",
    "SuccessExitStatus",
    "PIDFile",
    "NotifyAccess",
    "RuntimeDirectory",
    "StateDirectory",
    "CacheDirectory",
    "LogsDirectory",
];

/// How many lines had which verdict; those that are exact as text for systemd alone are apart.
#[derive(Default)]
struct Counts(BTreeMap<&'static str, usize>);

const VERDICTS: [&str; 6] =
    ["exact", "equivalent", "for systemd alone", "approximated", "dropped", "refused"];

impl Counts {
    fn add(&mut self, line: &Value) {
        let word = text_of(line, "verdict").unwrap_or_default();
        let is_text = text_of(line, "key").is_some_and(|key| key.starts_with("systemd."));
        let word = if is_text && word == "exact" { "for systemd alone" } else { word };
        if let Some(known) = VERDICTS.into_iter().find(|it| *it == word) {
            *self.0.entry(known).or_default() += 1;
        }
    }

    fn sum(&self) -> usize {
        self.0.values().sum()
    }

    fn row(&self) -> String {
        let each = VERDICTS.map(|it| self.0.get(it).copied().unwrap_or_default().to_string());
        format!("{} | {}", self.sum(), each.join(" | "))
    }
}

/// A field of a line that is a text.
fn text_of<'a>(line: &'a Value, field: &str) -> Option<&'a str> {
    line.get(field).and_then(Value::as_str)
}

/// What came of the units of one place.
#[derive(Default)]
struct Location {
    all: Counts,
    process: Counts,
    converted: usize,
    refused: BTreeMap<String, String>,
}

/// The task.
///
/// # Errors
///
/// There is no root of Debian 13, or svctl cannot be built or run.
pub(crate) fn run() -> Result<(), Failure> {
    let root = roots::find(roots::Root::Debian13)?.ok_or_else(|| {
        Failure::Because("there is no root debian13\n  run: cargo xtask roots debian13".to_owned())
    })?;
    let built = command::capture(&mut command::cargo(["build", "-q", "-p", "svctl"]))?;
    if !built.ok {
        return Err(Failure::Because(built.text));
    }
    let svctl = Workspace::load()?.target.join("debug/svctl");
    let mut places = vec![(
        "Debian 13, its root".to_owned(),
        place(&svctl, &root.join("usr/lib/systemd/system"))?,
    )];
    let unpacked = tempfile::tempdir().map_err(|why| Failure::cannot("make a directory", why))?;
    let packages = unpack(unpacked.path())?;
    let dirs = ["lib/systemd/system", "usr/lib/systemd/system"]
        .map(|dir| unpacked.path().join("root").join(dir));
    let mut of_packages = Location::default();
    for dir in dirs.iter().filter(|dir| dir.is_dir()) {
        of_packages.take(&svctl, dir)?;
    }
    places.push((format!("{packages} packages of daemons"), of_packages));
    let page = command::root().join("docs/conversion.md");
    fs::write(&page, text(&places))
        .map_err(|why| Failure::cannot("write docs/conversion.md", why))?;
    println!("conversion: docs/conversion.md is written");
    Ok(())
}

/// Packages of this machine's own release, fetched and unpacked; how many there were.
fn unpack(dir: &Path) -> Result<usize, Failure> {
    let mut count = 0;
    for package in PACKAGES {
        // One that this release does not have, or that cannot be fetched, is not counted.
        let fetched = command::capture(
            Command::new("apt-get").args(["-q", "download", package]).current_dir(dir),
        )?;
        count += usize::from(fetched.ok);
    }
    let files = fs::read_dir(dir).map_err(|why| Failure::cannot("read a directory", why))?;
    for file in files.filter_map(Result::ok).map(|it| it.path()) {
        if file.extension().is_some_and(|it| it == "deb") {
            command::capture(Command::new("dpkg-deb").arg("-x").arg(&file).arg(dir.join("root")))?;
        }
    }
    Ok(count)
}

fn place(svctl: &Path, dir: &Path) -> Result<Location, Failure> {
    let mut place = Location::default();
    place.take(svctl, dir)?;
    Ok(place)
}

impl Location {
    /// Every service of a directory, each by itself; of a template the instance `1`.
    fn take(&mut self, svctl: &Path, dir: &Path) -> Result<(), Failure> {
        let entries = fs::read_dir(dir).map_err(|why| Failure::cannot("read the units", why))?;
        let mut units: Vec<PathBuf> = entries.filter_map(Result::ok).map(|it| it.path()).collect();
        units.sort();
        for unit in units {
            let is_file = unit.symlink_metadata().is_ok_and(|it| it.is_file());
            let name = unit.file_name().and_then(|it| it.to_str()).unwrap_or_default().to_owned();
            if !is_file || !name.ends_with(".service") {
                continue;
            }
            let unit = unit.with_file_name(name.replace("@.service", "@1.service"));
            self.unit(svctl, &unit, &name)?;
        }
        Ok(())
    }

    fn unit(&mut self, svctl: &Path, unit: &Path, name: &str) -> Result<(), Failure> {
        let mut convert = Command::new(svctl);
        let output = convert.args(["convert", "--json", "--from", "systemd"]).arg(unit).output();
        let output = output.map_err(|why| Failure::cannot("run svctl", why))?;
        let report: Value = serde_json::from_slice(&output.stdout).map_err(|why| {
            Failure::Because(format!("{}: svctl convert printed no report: {why}", unit.display()))
        })?;
        let none = Vec::new();
        let lines = report.get("lines").and_then(Value::as_array).unwrap_or(&none);
        let is_said = |line: &&Value| line.get("heading").and_then(Value::as_bool) == Some(false);
        for line in lines.iter().filter(is_said) {
            self.all.add(line);
            let directive =
                text_of(line, "text").and_then(|it| it.split_once('=')).map(|it| it.0.trim());
            if directive.is_some_and(|it| OF_THE_PROCESS.contains(&it)) {
                self.process.add(line);
            }
        }
        let refused = lines.iter().find(|line| text_of(line, "verdict") == Some("refused"));
        match refused {
            None => self.converted += 1,
            Some(line) => {
                let text = |key: &str| {
                    line[key]
                        .as_str()
                        .unwrap_or_default()
                        .lines()
                        .next()
                        .unwrap_or_default()
                        .to_owned()
                };
                self.refused.insert(name.to_owned(), format!("`{}` {}", text("text"), text("why")));
            }
        }
        Ok(())
    }
}

/// The page.
fn text(places: &[(String, Location)]) -> String {
    let mut page = String::from(
        "# What is converted\n\n\
         Made by `cargo xtask conversion`: each service unit of a place by itself through [`svctl convert`](convert.md), of a\n\
         template the instance `1`. Headings are not counted. \"For systemd alone\" is exact as well, as text that other\n\
         targets say they lack.\n\n\
         | units of | units | converted | lines | exact | equivalent | for systemd alone | approximated | dropped | refused |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    // Writing to a `String` does not fail.
    for (name, place) in places {
        let units = place.converted + place.refused.len();
        let _ = writeln!(page, "| {name} | {units} | {} | {} |", place.converted, place.all.row());
    }
    page.push_str(
        "\nOf these, the lines that are about the process itself: its program, user, directory, variables, limits, streams,\n\
         its start, stop and restart.\n\n\
         | units of | lines | exact | equivalent | for systemd alone | approximated | dropped | refused | exact or equivalent by a key |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for (name, place) in places {
        let counts = &place.process;
        let good = ["exact", "equivalent"].iter().filter_map(|it| counts.0.get(it)).sum::<usize>();
        let tenths = good * 1000 / counts.sum().max(1);
        let _ = writeln!(page, "| {name} | {} | {}.{} % |", counts.row(), tenths / 10, tenths % 10);
    }
    for (name, place) in places {
        let _ = writeln!(page, "\n## Not converted: {name}\n\n| unit | line |\n|---|---|");
        for (unit, why) in &place.refused {
            let _ = writeln!(page, "| `{unit}` | {} |", why.replace('|', "\\|"));
        }
    }
    page
}
