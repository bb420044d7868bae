//! Arguments of `metrics`, and of hooks of `watch`.

use std::{
    ffi::OsString,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    path::PathBuf,
};

use super::value::parse_positive;

/// Arguments of `metrics`.
#[derive(Debug, clap::Args)]
pub(crate) struct Metrics {
    /// Names, patterns, paths or units; without a name, all of the scan directory
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<OsString>,
    /// Write a file for the textfile collector of `node_exporter`, in one step; its name has to end in .prom there
    #[arg(long, value_name = "FILE", conflicts_with = "listen")]
    pub(crate) textfile: Option<PathBuf>,
    /// Answer HTTP at this address until ended: a port (of 127.0.0.1), or an address with a port
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub(crate) listen: Option<SocketAddr>,
    /// Also print what the runit collector of `node_exporter` prints, under its names
    #[arg(long)]
    pub(crate) compat: bool,
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let port = text.parse().ok().filter(|port| *port > 0);
    let of_port = port.map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    of_port.or_else(|| text.parse().ok()).ok_or_else(|| {
        "an address is a port as in 9558, or with an address before it, as in 127.0.0.1:9558"
            .to_owned()
    })
}

/// Arguments of `watch`.
#[derive(Debug, clap::Args)]
pub(crate) struct Watch {
    /// Names, patterns, paths or units; see svctl --help
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<OsString>,
    /// Run this program for every change, with the change as JSON on its standard input. It is no line of a
    /// shell, and takes no arguments
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) exec: Option<OsString>,
    /// At most so many of these programs at a time; with more than one, those of one service may overtake each
    /// other
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive, default_value = "1", requires = "exec")]
    pub(crate) exec_limit: NonZeroUsize,
}
