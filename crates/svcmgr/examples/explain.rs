//! Why is it not up? Each reason has a sentence, a word to branch on, and what was seen.
//!
//!     cargo run -p svcmgr --example explain -- /etc/service/web /etc/service/db

use svcmgr::Service;

fn main() {
    for dir in std::env::args_os().skip(1) {
        let service = match Service::open(&dir) {
            Ok(service) => service,
            Err(error) => {
                println!("{error} ({})", error.kind());
                if let Some(hint) = error.hint() {
                    println!("  {hint}");
                }
                continue;
            }
        };
        let why = service.explain();
        let state = why.status.map_or("unknown", |status| status.state().name());
        println!("{}: {state}", service.name());
        // The first is the reason for the others. Where all is well, there is none.
        for finding in &why.findings {
            println!("  {finding} ({})", finding.cause.kind());
            for evidence in &finding.evidence {
                println!("    {evidence}");
            }
        }
        for unseen in &why.unseen {
            println!("  {unseen}");
        }
    }
}
