//! What the hosts have answered, as one array, one table, or lines.

use svcmgr::{State, remote::Host};

use super::{
    answer::{Answer, Why},
    row::{Row, with_host},
};
use crate::{
    args::Command,
    json,
    output::{Output, painted, printable},
    pieces::Pieces,
    table::{self, Align, Cells, Column, NOTHING},
    text,
};

const WIDTH: usize = text::COLUMNS.len() + 1;

const COLUMNS: [Column; WIDTH] = {
    #[expect(clippy::indexing_slicing, reason = "it is computed when this is compiled")]
    let columns = {
        let mut columns = [Column { head: "HOST", align: Align::Left, goes: None }; WIDTH];
        let mut at = 1;
        while at < WIDTH {
            columns[at] = text::COLUMNS[at - 1];
            at += 1;
        }
        columns
    };
    columns
};

/// Says all of it. An array stays open for more.
pub(super) fn all(answers: &[Answer], command: &Command, output: &mut Output) {
    if output.json {
        for answer in answers {
            array(answer, output);
        }
    } else if matches!(command, Command::Status(_)) {
        table(answers, output);
    } else {
        for answer in answers {
            lines(answer, is_json(command), output);
        }
    }
}

/// Whether the hosts were asked for JSON, where that was not typed.
fn is_json(command: &Command) -> bool {
    super::kind(command) != Some(super::Kind::Report)
}

/// Ends the array.
pub(super) fn end(output: &mut Output) {
    if output.json {
        output.end_list();
    }
}

fn array(answer: &Answer, output: &mut Output) {
    let mut push = |text: &str| {
        let mut piece = Pieces::with_capacity(text.len());
        piece.push(text.as_bytes());
        output.list(&piece);
    };
    if let Some(why) = answer.trouble(true) {
        push(&unreached(&answer.host, &why));
        return;
    }
    for object in answer.objects().unwrap_or_default() {
        push(&with_host(&answer.host, object).unwrap_or_default());
    }
    if let Some(checked) = &answer.unhealthy {
        array(checked, output);
    }
}

/// A host of which there is no row.
pub(super) fn unreached(host: &Host, why: &Why) -> String {
    let object = json::Unreached { host: host.as_str(), error: &why.says, why: why.kind };
    serde_json::to_string(&object).unwrap_or_default()
}

/// A line for each row, and for each host without one.
fn lines(answer: &Answer, is_json: bool, output: &mut Output) {
    let host = &answer.host;
    if let Some(why) = answer.trouble(is_json) {
        failed(host, &why, output);
        return;
    }
    if !is_json {
        if !output.quiet {
            for line in &answer.lines {
                output.line(&format!("{host}: {}", printable(line)));
            }
        }
        return;
    }
    for row in answer.objects().unwrap_or_default().into_iter().filter_map(Row::of) {
        row_line(host, &row, output);
    }
    if let Some(checked) = &answer.unhealthy {
        lines(checked, true, output);
    }
}

/// Says why there is nothing of a host.
pub(super) fn failed(host: &Host, why: &Why, output: &mut Output) {
    let hint = why.hint.map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
    output.message(&format!("{host}: {}{hint}", printable(&why.says)));
}

/// What came of one service.
pub(super) fn row_line(host: &Host, row: &Row, output: &mut Output) {
    let (is_well, words) = words(row);
    let name =
        row.service.as_deref().map(|name| format!(" {}", printable(name))).unwrap_or_default();
    if !is_well {
        output.message(&format!("{host}{name}: {words}"));
    } else if !output.quiet {
        let line = output.paint(row.view().state(), &format!("{host}{name}: {words}"));
        output.line(&line);
    }
}

/// Whether all is well, and how it is.
fn words(row: &Row) -> (bool, String) {
    let view = row.view();
    let summary = if view.status.is_some() { text::summary(&view) } else { String::new() };
    let says = row.says.as_deref().or(row.error.as_deref()).map(printable);
    let and_now = |words: String| {
        let is_more = !summary.is_empty() && !words.is_empty();
        if is_more { format!("{words}; now {summary}") } else { words + &summary }
    };
    if let Some(ok) = row.ok {
        let complaints = printable(&row.complaints.join("; "));
        return if ok { (true, format!("ok, {summary}")) } else { (false, complaints) };
    }
    let after = row.took.map(|took| format!(" after {}", text::time(took))).unwrap_or_default();
    match row.outcome.as_deref() {
        Some("reached") if summary.is_empty() => (true, format!("done{after}")),
        Some("reached") => {
            let process = view.process().map(|pid| format!("pid {pid}, ")).unwrap_or_default();
            let how =
                text::notes(&view).into_iter().fold(String::new(), |all, it| all + ", " + &it);
            let state = text::state(&view);
            (true, format!("{state} ({process}{}){how}", after.trim_start()))
        }
        Some("already") => {
            (true, format!("already {}", if summary.is_empty() { "so" } else { &summary }))
        }
        Some("sent") => (true, "sent".to_owned()),
        Some(outcome) => {
            let words = says.unwrap_or_else(|| printable(outcome));
            let reason = row.reason.as_ref().map(|it| printable(&it.says));
            let reason = reason.filter(|it| !words.contains(&**it));
            let remedy = row.reason.as_ref().and_then(|it| it.remedy.as_deref());
            let hint = remedy.map(|it| format!("\n  hint: {}", printable(it))).unwrap_or_default();
            let words = reason.map_or_else(|| words.clone(), |reason| format!("{words}; {reason}"));
            (false, and_now(words) + &hint)
        }
        None => (row.error.is_none(), says.unwrap_or(summary)),
    }
}

fn table(answers: &[Answer], output: &mut Output) {
    let (mut rows, mut states) = (Vec::new(), Vec::new());
    let mut failures = Vec::new();
    for answer in answers {
        if let Some(why) = answer.trouble(true) {
            rows.push(cells_of_none(&answer.host, &printable(&why.says)));
            states.push(None);
            failures.push((answer, why));
            continue;
        }
        for row in answer.objects().unwrap_or_default().into_iter().filter_map(Row::of) {
            states.push(row.view().state());
            rows.push(cells(&answer.host, &row));
        }
    }
    if output.quiet {
        for (answer, why) in &failures {
            failed(&answer.host, why, output);
        }
        return;
    }
    if rows.is_empty() {
        return;
    }
    let table = table::layout(&COLUMNS, &rows, Output::width());
    let mut lines = table.lines();
    if let Some((head, _)) = lines.next() {
        output.line(head);
    }
    for ((line, _), state) in lines.zip(&states) {
        let line = if output.has_color() { painted(*state, line) } else { line.to_owned() };
        output.line(&line);
    }
    // Each once: twenty hosts may lack the same.
    let mut hints: Vec<_> = failures.iter().filter_map(|(_, why)| why.hint).collect();
    hints.sort_unstable();
    hints.dedup();
    for hint in hints {
        output.hint(hint);
    }
}

fn cells(host: &Host, row: &Row) -> Cells<WIDTH> {
    let mut cells = Cells::new();
    cells.push(host.as_str());
    let of_row = text::cells(&row.view());
    let last = text::COLUMNS.len() - 1;
    for at in 0..last {
        cells.push(&String::from_utf8_lossy(of_row.get(at)));
    }
    let notes = String::from_utf8_lossy(of_row.get(last)).into_owned();
    let reason =
        row.reason.as_ref().map(|it| printable(&it.says)).filter(|it| !notes.contains(&**it));
    let both: Vec<_> = reason.into_iter().chain((!notes.is_empty()).then_some(notes)).collect();
    cells.push(&both.join(", "));
    cells
}

/// The row of a host that says why there is no other.
fn cells_of_none(host: &Host, why: &str) -> Cells<WIDTH> {
    let mut cells = Cells::new();
    cells.push(host.as_str());
    for _ in 2..WIDTH {
        cells.push(NOTHING);
    }
    cells.push(why);
    cells
}

/// The state of a row, for its colour.
pub(super) fn state(row: &Row) -> Option<State> {
    row.view().state()
}
