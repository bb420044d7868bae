//! What a target cannot express, at the places of its keys.

use svcmgr::build::{
    Error, Gap,
    spec::{Finding, Findings, Span},
};

/// The findings in an error of one target, if it is about keys.
pub(super) fn refused(text: &str, error: &Error) -> Option<Findings> {
    match error {
        Error::Gaps(gaps) => Some(Findings(gaps_of(text, gaps))),
        Error::Unquotable { .. } => Some(Findings(vec![unquotable(text, error)])),
        _ => None,
    }
}

/// One finding for each key, whatever the number of targets that do not have it.
pub(super) fn gaps_of(text: &str, gaps: &[Gap]) -> Vec<Finding> {
    let is_same = |a: &Gap, b: &Gap| (&a.service, &a.key, &a.why) == (&b.service, &b.key, &b.why);
    let mut groups: Vec<Vec<&Gap>> = Vec::new();
    for gap in gaps {
        match groups.iter_mut().find(|group| group.first().is_some_and(|it| is_same(it, gap))) {
            Some(group) => group.push(gap),
            None => groups.push(vec![gap]),
        }
    }
    groups.iter().filter_map(|group| together(text, group)).collect()
}

fn together(text: &str, group: &[&Gap]) -> Option<Finding> {
    let first = group.first()?;
    let why = first.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    let what = format!("`{}` cannot be expressed for {}{why}", first.key, targets(group));
    // What is closest, with the targets that it is for where they differ.
    let mut closest: Vec<(&str, Vec<&Gap>)> = Vec::new();
    for gap in group {
        match closest.iter_mut().find(|(instead, _)| *instead == gap.instead) {
            Some((_, all)) => all.push(gap),
            None => closest.push((&gap.instead, vec![gap])),
        }
    }
    let help = match &*closest {
        [(instead, _)] => (*instead).to_owned(),
        several => {
            let each = |(instead, all): &(&str, Vec<&Gap>)| format!("{instead} ({})", targets(all));
            several.iter().map(each).collect::<Vec<_>>().join("; ")
        }
    };
    let rights: Vec<&Gap> = group.iter().copied().filter(|gap| gap.rights).collect();
    let never = match rights.len() {
        0 => String::new(),
        all if all == group.len() => "; never left out: it is about rights".to_owned(),
        _ => format!("; never left out for {}: it is about rights", targets(&rights)),
    };
    let span = Span::of_key(text, &first.service, &first.key);
    Some(Finding::new(what, span).with_help(format!("closest: {help}{never}")))
}

/// A word that the reader of a target cannot be told.
pub(super) fn unquotable(text: &str, error: &Error) -> Finding {
    let (span, why) = match error {
        Error::Unquotable { service, key, source, .. } => {
            (Span::of_key(text, service, key), format!(": {source}"))
        }
        _ => (None, String::new()),
    };
    Finding::new(format!("{error}{why}"), span)
}

fn targets(gaps: &[&Gap]) -> String {
    gaps.iter().map(|gap| gap.target.name()).collect::<Vec<_>>().join(", ")
}
