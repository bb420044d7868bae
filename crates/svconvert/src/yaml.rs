//! YAML as a tree in which everything has its place.

use std::{collections::BTreeMap, ops::Range};

use saphyr_parser::{Event, Parser, ScalarStyle};

/// More than this is no description of services: aliases of aliases grow without end.
const MOST: usize = 50_000;

/// A value, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) bytes: Range<usize>,
    pub(crate) value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A text, and whether it has no quotes: then it may be a number, a boolean or nothing.
    Text {
        text: String,
        is_plain: bool,
    },
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// From the key to the end of the value.
    pub(crate) bytes: Range<usize>,
    pub(crate) node: Node,
}

impl Node {
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text { text, .. } => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        matches!(&self.value, Value::Text { text, is_plain: true } if matches!(text.as_str(), "" | "~" | "null"))
    }

    pub(crate) fn number(&self) -> Option<u64> {
        self.text()?.parse().ok()
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.text()? {
            "true" | "True" | "TRUE" | "yes" | "on" => Some(true),
            "false" | "False" | "FALSE" | "no" | "off" => Some(false),
            _ => None,
        }
    }

    pub(crate) fn list(&self) -> &[Self] {
        match &self.value {
            Value::List(list) => list,
            _ => &[],
        }
    }

    pub(crate) fn table(&self) -> &[Entry] {
        match &self.value {
            Value::Table(table) => table,
            _ => &[],
        }
    }

    /// The same with other texts.
    pub(crate) fn with_texts(&self, other: &dyn Fn(&str) -> String) -> Self {
        let value = match &self.value {
            Value::Text { text, is_plain } => {
                Value::Text { text: other(text), is_plain: *is_plain }
            }
            Value::List(list) => Value::List(list.iter().map(|it| it.with_texts(other)).collect()),
            Value::Table(table) => {
                let entry = |it: &Entry| Entry { node: it.node.with_texts(other), ..it.clone() };
                Value::Table(table.iter().map(entry).collect())
            }
        };
        Self { bytes: self.bytes.clone(), value }
    }

    /// Whether some text in it is such a one.
    pub(crate) fn has_text(&self, is_one: &dyn Fn(&str) -> bool) -> bool {
        match &self.value {
            Value::Text { text, .. } => is_one(text),
            Value::List(list) => list.iter().any(|it| it.has_text(is_one)),
            Value::Table(table) => table.iter().any(|it| it.node.has_text(is_one)),
        }
    }

    fn size(&self) -> usize {
        let inner: usize = match &self.value {
            Value::Text { .. } => 0,
            Value::List(list) => list.iter().map(Self::size).sum(),
            Value::Table(table) => table.iter().map(|it| it.node.size()).sum(),
        };
        inner + 1
    }
}

/// A list or a table that is not at its end.
struct Open {
    start: usize,
    anchor: usize,
    list: Vec<Node>,
    table: Option<Vec<Entry>>,
    key: Option<(String, usize)>,
}

/// What is wrong, and at which byte.
pub(crate) struct Wrong {
    pub(crate) at: usize,
    pub(crate) why: String,
}

/// The first document of a text. Without recursion: whoever writes the text decides how deep it goes.
pub(crate) fn read(text: &str) -> Result<Option<Node>, Wrong> {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let byte = |index: usize| places.get(index).copied().unwrap_or(text.len());
    let mut anchors: BTreeMap<usize, Node> = BTreeMap::new();
    let mut open: Vec<Open> = Vec::new();
    let mut size = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Wrong {
            at: byte(error.marker().index()),
            why: error.info().to_owned(),
        })?;
        let bytes = byte(span.start.index())..byte(span.end.index());
        let begin =
            |anchor, table| Open { start: bytes.start, anchor, list: Vec::new(), table, key: None };
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let is_plain = matches!(style, ScalarStyle::Plain);
                (Node { bytes, value: Value::Text { text: text.into_owned(), is_plain } }, anchor)
            }
            Event::Alias(anchor) => match anchors.get(&anchor) {
                Some(node) => (Node { bytes, value: node.value.clone() }, 0),
                None => {
                    return Err(Wrong { at: bytes.start, why: "an alias of nothing".to_owned() });
                }
            },
            Event::SequenceStart(anchor, _) => {
                open.push(begin(anchor, None));
                continue;
            }
            Event::MappingStart(anchor, _) => {
                open.push(begin(anchor, Some(Vec::new())));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(it) = open.pop() else { continue };
                let value = it.table.map_or(Value::List(it.list), Value::Table);
                // Where a block ends, the parser has read on to the next word.
                let end =
                    text.get(..bytes.end).map_or(bytes.end, |it| it.trim_end().len()).max(it.start);
                (Node { bytes: it.start..end, value }, it.anchor)
            }
            Event::DocumentEnd
            | Event::StreamEnd
            | Event::StreamStart
            | Event::DocumentStart(_)
            | Event::Nothing => continue,
        };
        size += node.size();
        if size > MOST || open.len() > 100 {
            return Err(Wrong { at: node.bytes.start, why: "it has too many values".to_owned() });
        }
        if anchor > 0 {
            anchors.insert(anchor, node.clone());
        }
        let Some(parent) = open.last_mut() else { return Ok(Some(node)) };
        match (&mut parent.table, parent.key.take()) {
            (None, _) => parent.list.push(node),
            (Some(_), None) => {
                parent.key = Some((node.text().unwrap_or_default().to_owned(), node.bytes.start));
            }
            (Some(table), Some((key, start))) => {
                if key == "<<" {
                    let known: Vec<String> = table.iter().map(|it| it.key.clone()).collect();
                    let merged = node.table().iter().filter(|it| !known.contains(&it.key));
                    let merged: Vec<Entry> = merged.cloned().collect();
                    table.extend(merged);
                    continue;
                }
                // What the table says itself wins over what it takes from another.
                table.retain(|it| it.key != key);
                let bytes = start..node.bytes.end.max(start);
                table.push(Entry { key, bytes, node });
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_its_place() {
        let text = "a: {b: 1, c: 'x'}\nd:\n  - e\n  - ü: y\nf: |\n  two\n  lines\n";
        let root = read(text).ok().flatten().unwrap();
        let table = root.table();
        assert_eq!(table.iter().map(|it| it.key.as_str()).collect::<Vec<_>>(), ["a", "d", "f"]);
        let inner = &table[0].node.table()[1];
        assert_eq!((&text[inner.bytes.clone()], inner.node.text()), ("c: 'x'", Some("x")));
        assert_eq!(table[1].node.list()[1].table()[0].key, "ü");
        assert_eq!(table[2].node.text(), Some("two\nlines\n"));
        assert_eq!(&text[table[1].bytes.clone()], "d:\n  - e\n  - ü: y");
    }

    #[test]
    fn aliases_are_copies_and_do_not_grow_without_end() {
        let root = read("x: &a {b: 1, c: 2}\ny:\n  <<: *a\n  c: 3\n").ok().flatten().unwrap();
        let y = root.table()[1].node.table();
        let pairs: Vec<_> = y.iter().map(|it| (it.key.as_str(), it.node.text().unwrap())).collect();
        assert_eq!(pairs, [("b", "1"), ("c", "3")]);
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for at in 1..9 {
            let last = at - 1;
            let all = vec![format!("*a{last}"); 10].join(", ");
            bomb.push_str(&format!("a{at}: &a{at} [{all}]\n"));
        }
        assert!(read(&bomb).is_err_and(|wrong| wrong.why.contains("too many")));
        assert!(read(&"[".repeat(100_000)).is_err());
        assert!(read("a: *b\n").is_err() && read("a: [\n").is_err());
    }
}
