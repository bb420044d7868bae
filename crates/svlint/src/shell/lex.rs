//! The words and operators of a shell script.

use std::ops::Range;

use super::Word;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(Word),
    /// `;`, `&&`, `(`, `\n`, and so on.
    Operator(&'static str, Range<usize>),
    /// `>`, `<<`, with the number before it.
    Redirect(&'static str, Option<u32>, Range<usize>),
}

/// Longer ones first.
const OPERATORS: [&str; 10] = [";;&", ";;", ";&", "&&", "||", "|&", "|", ";", "(", ")"];
const REDIRECTS: [&str; 12] =
    ["<<<", "<<-", "&>>", "<<", ">>", "<&", ">&", "<>", ">|", "&>", "<", ">"];

/// All of them; `None` where a quote or a substitution has no end.
pub(super) fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new(), here: Vec::new() };
    while lexer.step()? {}
    Some(lexer.tokens)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
    /// Here documents whose text begins with the next line: the word at their end, and whether tabs
    /// before it do not count.
    here: Vec<(String, bool)>,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn step(&mut self) -> Option<bool> {
        let Some(next) = self.peek() else { return Some(false) };
        let from = self.at;
        match next {
            ' ' | '\t' | '\r' => {
                self.at += 1;
                return Some(true);
            }
            '\\' if self.rest().starts_with("\\\n") => {
                self.at += 2;
                return Some(true);
            }
            '#' => {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
                return Some(true);
            }
            '\n' => {
                self.at += 1;
                self.tokens.push(Token::Operator("\n", from..self.at));
                self.skip_here_documents();
                return Some(true);
            }
            _ => {}
        }
        // `2>` and `&>` before `&`.
        let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        let behind = self.rest().get(digits..).unwrap_or_default();
        if let Some(operator) = REDIRECTS.iter().find(|it| behind.starts_with(**it)) {
            let is_number = digits > 0 && digits < 4 && !operator.starts_with('&');
            if digits == 0 || is_number {
                let number = self.rest().get(..digits).and_then(|it| it.parse().ok());
                self.at += digits + operator.len();
                self.tokens.push(Token::Redirect(operator, number, from..self.at));
                if operator.starts_with("<<") && *operator != "<<<" {
                    return self.here_document(*operator == "<<-").map(|()| true);
                }
                return Some(true);
            }
        }
        if let Some(operator) = OPERATORS.iter().find(|it| self.rest().starts_with(**it)) {
            self.at += operator.len();
            self.tokens.push(Token::Operator(operator, from..self.at));
            return Some(true);
        }
        if next == '&' {
            self.at += 1;
            self.tokens.push(Token::Operator("&", from..self.at));
            return Some(true);
        }
        let word = self.word()?;
        self.tokens.push(Token::Word(word));
        Some(true)
    }

    fn here_document(&mut self, with_tabs: bool) -> Option<()> {
        while self.peek().is_some_and(|it| matches!(it, ' ' | '\t')) {
            self.at += 1;
        }
        let word = self.word()?;
        self.here.push((word.text.clone(), with_tabs));
        self.tokens.push(Token::Word(word));
        Some(())
    }

    fn skip_here_documents(&mut self) {
        for (end, with_tabs) in std::mem::take(&mut self.here) {
            while !self.rest().is_empty() {
                let line = self.rest().split('\n').next().unwrap_or_default();
                let length = (line.len() + 1).min(self.rest().len());
                let line = if with_tabs { line.trim_start_matches('\t') } else { line };
                let is_end = line == end;
                self.at += length;
                if is_end {
                    break;
                }
            }
        }
    }

    fn word(&mut self) -> Option<Word> {
        let from = self.at;
        let (mut text, mut is_plain) = (String::new(), true);
        while let Some(next) = self.peek() {
            match next {
                ' ' | '\t' | '\n' | '\r' | ';' | '&' | '|' | '<' | '>' | '(' | ')' => break,
                '\'' => {
                    self.at += 1;
                    let end = self.rest().find('\'')?;
                    text.push_str(self.rest().get(..end)?);
                    self.at += end + 1;
                }
                '"' => {
                    self.at += 1;
                    is_plain &= self.double(&mut text)?;
                }
                '\\' => {
                    self.at += 1;
                    match self.take() {
                        Some('\n') | None => {}
                        Some(other) => text.push(other),
                    }
                }
                '$' | '`' => {
                    is_plain &= !self.substitution(&mut text)?;
                }
                other => {
                    let is_home = other == '~' && text.is_empty();
                    is_plain &= !(is_home || matches!(other, '*' | '?' | '[' | '{' | '}'));
                    // Reserved words, and the command `[`.
                    if self.at == from && matches!(other, '{' | '}' | '[') {
                        let rest = self.rest();
                        let rest = rest.trim_start_matches(other);
                        is_plain |= rest.is_empty() || rest.starts_with([' ', '\n', '\t', ';']);
                    }
                    text.push(other);
                    self.at += other.len_utf8();
                }
            }
        }
        Some(Word { text, is_plain, at: from..self.at })
    }

    /// Between double quotes; whether nothing is put in there.
    fn double(&mut self, text: &mut String) -> Option<bool> {
        let mut is_plain = true;
        loop {
            match self.peek()? {
                '"' => {
                    self.at += 1;
                    return Some(is_plain);
                }
                '\\' => {
                    self.at += 1;
                    match self.take()? {
                        '\n' => {}
                        it @ ('$' | '`' | '"' | '\\') => text.push(it),
                        other => text.extend(['\\', other]),
                    }
                }
                '$' | '`' => is_plain &= !self.substitution(text)?,
                other => {
                    text.push(other);
                    self.at += other.len_utf8();
                }
            }
        }
    }

    /// Takes a substitution as it stands; whether it was one.
    fn substitution(&mut self, text: &mut String) -> Option<bool> {
        let from = self.at;
        let rest = self.rest();
        if rest.starts_with('`') {
            self.at += 1;
            loop {
                match self.take()? {
                    '`' => break,
                    '\\' => drop(self.take()?),
                    _ => {}
                }
            }
        } else if rest.starts_with("$(") {
            self.at += 2;
            self.nested('(', ')')?;
        } else if rest.starts_with("${") {
            self.at += 2;
            self.nested('{', '}')?;
        } else {
            self.at += 1;
            let name = self.rest();
            let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
            let length = name.find(|it| !is_name(it)).unwrap_or(name.len());
            let is_special = name.starts_with(['@', '*', '#', '?', '-', '$', '!']);
            self.at += if length > 0 { length } else { usize::from(is_special) };
            if self.at == from + 1 {
                // A dollar alone, or `$'…'` and `$"…"`, which not every shell knows.
                text.push('$');
                return Some(self.rest().starts_with(['\'', '"']));
            }
        }
        text.push_str(self.text.get(from..self.at)?);
        Some(true)
    }

    /// Up to the end of what was opened, quotes and more of the same in between.
    fn nested(&mut self, open: char, close: char) -> Option<()> {
        let mut depth = 1;
        let mut ignored = String::new();
        while depth > 0 {
            match self.take()? {
                '\\' => drop(self.take()?),
                '\'' if open == '(' => {
                    let end = self.rest().find('\'')?;
                    self.at += end + 1;
                }
                '"' => drop(self.double(&mut ignored)?),
                it if it == open => depth += 1,
                it if it == close => depth -= 1,
                _ => {}
            }
        }
        Some(())
    }
}
