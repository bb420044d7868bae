//! A page of `docs/` as a manual page: one source for both. It knows what those pages have:
//! headings, paragraphs, lists, tables, blocks of code, emphasis.

use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// The text below the title of a page, which has become the section NAME.
pub(super) fn render(markdown: &str, page: &mut Roff) {
    let mut writer = Writer { page, line: Vec::new(), strong: false, table: None, code: None };
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        writer.take(event);
    }
}

struct Writer<'a> {
    page: &'a mut Roff,
    /// What is collected of a paragraph, a heading or a cell.
    line: Vec<Inline>,
    strong: bool,
    table: Option<Table>,
    code: Option<String>,
}

#[derive(Default)]
struct Table {
    head: Vec<String>,
    row: Vec<Vec<Inline>>,
}

impl Writer<'_> {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match &mut self.code {
                Some(code) => code.push_str(&text),
                None if self.strong => self.line.push(bold(text.into_string())),
                None => self.line.push(roman(text.into_string())),
            },
            Event::Code(text) => self.line.push(bold(text.into_string())),
            Event::SoftBreak | Event::HardBreak => self.line.push(roman(" ")),
            // Marks of what is generated.
            Event::Html(_) | Event::InlineHtml(_) => (),
            other => panic!("a page has {other:?}, which no manual page can show yet"),
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Paragraph if self.table.is_none() => {
                self.page.control("PP", []);
            }
            Tag::Item => {
                self.page.control("IP", ["\\(bu", "2"]);
            }
            Tag::Strong => self.strong = true,
            Tag::Table(_) => self.table = Some(Table::default()),
            Tag::CodeBlock(_) => self.code = Some(String::new()),
            _ => (),
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Strong => self.strong = false,
            TagEnd::Heading(level) => {
                let title: String = std::mem::take(&mut self.line).iter().map(plain).collect();
                let is_title = level == pulldown_cmark::HeadingLevel::H1;
                // The page's own title is said in NAME.
                let title = if is_title { "Description" } else { &title };
                self.page.control("SH", [title.to_uppercase().as_str()]);
            }
            TagEnd::Paragraph | TagEnd::Item => self.flush(),
            TagEnd::CodeBlock => {
                let code = self.code.take().unwrap_or_default();
                self.page.control("PP", []).control("RS", ["4"]).control("nf", []);
                for line in code.lines() {
                    self.page.text([roman(line.to_owned())]);
                }
                self.page.control("fi", []).control("RE", []);
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.line);
                self.table.as_mut().unwrap().row.push(cell);
            }
            TagEnd::TableHead => {
                let table = self.table.as_mut().unwrap();
                let head = std::mem::take(&mut table.row);
                table.head = head.iter().map(|cell| cell.iter().map(plain).collect()).collect();
            }
            TagEnd::TableRow => self.row(),
            TagEnd::Table => self.table = None,
            _ => (),
        }
    }

    /// The first column is the word, the others are what there is to say of it.
    fn row(&mut self) {
        let table = self.table.as_mut().unwrap();
        let mut cells = std::mem::take(&mut table.row).into_iter();
        let first = cells.next().unwrap_or_default();
        self.page.control("TP", []).text(first);
        let said: Vec<_> = table.head.iter().skip(1).zip(cells).collect();
        let is_alone = said.len() == 1;
        for (at, (head, cell)) in said.into_iter().enumerate() {
            if at > 0 {
                self.page.control("br", []);
            }
            let front = (!is_alone).then(|| [italic(head.clone()), roman(": ")]);
            self.page.text(front.into_iter().flatten().chain(cell).collect::<Vec<_>>());
        }
    }

    fn flush(&mut self) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.page.text(line);
        }
    }
}

fn plain(inline: &Inline) -> String {
    match inline {
        Inline::Roman(text) | Inline::Italic(text) | Inline::Bold(text) => text.clone(),
        Inline::LineBreak => " ".to_owned(),
    }
}
