//! Sockets of a service, each a unit of its own: the name of a descriptor is that of a whole unit.

use std::collections::BTreeMap;

use super::Lines;
use crate::{
    error::Error,
    plan::{File, Unit},
    quote::systemd as quote,
    render::Job,
    script::comment_line,
    spec::Socket,
};

/// Its name, which no other can have: that of a service has no colon.
fn name(job: &Job<'_>, socket: &Socket) -> String {
    format!("{}:{}.socket", job.name, socket.name)
}

/// What the service says: they are started before it, and it gets them.
pub(super) fn lines(lines: &mut Lines<'_, '_>) {
    let job = lines.job;
    for socket in &job.service.sockets {
        lines.line("Sockets", name(job, socket));
    }
}

pub(super) fn units(job: &Job<'_>) -> Result<BTreeMap<String, Unit>, Error> {
    let unit = |socket: &Socket| {
        let comment = job.comments().into_iter().take(1);
        let mut text: String = comment.map(|line| comment_line(&line)).collect();
        let listen = match &*socket.listen {
            path if path.starts_with('/') => {
                quote::path(path.as_bytes()).map_err(job.unquotable("sockets"))?
            }
            address => address.to_owned(),
        };
        let (name, of) = (&socket.name, job.name);
        text.push_str(&format!(
            "[Unit]\nDescription=Socket {name} of {of}\n\n\
             [Socket]\nListenStream={listen}\nFileDescriptorName={name}\nService={of}.service\n"
        ));
        if !job.service.down {
            text.push_str("\n[Install]\nWantedBy=sockets.target\n");
        }
        Ok((self::name(job, socket), Unit::File(File::new(0o644, text))))
    };
    job.service.sockets.iter().map(unit).collect()
}
