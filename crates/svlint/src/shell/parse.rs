//! From words and operators to commands, and the constructs that they stand in.

use super::{Command, Redirection, Script, Word, lex::Token};

/// What a command stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum In {
    If,
    Loop,
    Case,
    Group,
    Function,
    Subshell,
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "what the next word means")]
struct Parser {
    script: Script,
    stack: Vec<In>,
    command: Command,
    /// How many commands the pipeline has so far.
    piped: usize,
    is_conditional: bool,
    /// Between `case` or `for` and its `in` or `do`: words, no commands.
    is_in_head: bool,
    /// Patterns of a `case` stand here, up to `)`.
    is_pattern: bool,
    /// `name()` was read: what follows is its body.
    is_function_next: bool,
    redirect: Option<(&'static str, Option<u32>)>,
}

pub(super) fn parse(tokens: &[Token]) -> Option<Script> {
    let mut parser = Parser::default();
    for token in tokens {
        match token {
            Token::Word(word) => parser.word(word)?,
            Token::Operator(operator, _) => parser.operator(operator)?,
            Token::Redirect(operator, number, _) => parser.redirect = Some((operator, *number)),
        }
    }
    parser.end("\n");
    parser.stack.is_empty().then_some(parser.script)
}

impl Parser {
    fn word(&mut self, word: &Word) -> Option<()> {
        if let Some((operator, from)) = self.redirect.take() {
            self.command.redirections.push(Redirection { from, operator, to: word.text.clone() });
            self.grow(word);
            return Some(());
        }
        if self.is_pattern {
            if word.text == "esac" && self.command.words.is_empty() {
                self.is_pattern = false;
                return self.close(In::Case);
            }
            return Some(());
        }
        if self.is_in_head {
            match word.text.as_str() {
                "in" if self.stack.last() == Some(&In::Case) => {
                    (self.is_in_head, self.is_pattern) = (false, true);
                }
                "do" => self.is_in_head = false,
                _ => {}
            }
            return Some(());
        }
        if self.command.words.is_empty() && word.is_plain && self.command.assignments.is_empty() {
            let is_reserved = self.reserved(word)?;
            if is_reserved {
                return Some(());
            }
        }
        if self.command.words.is_empty() && is_assignment(&word.text) {
            self.command.assignments.push(word.clone());
        } else {
            self.command.words.push(word.clone());
        }
        self.grow(word);
        Some(())
    }

    fn grow(&mut self, word: &Word) {
        if self.command.at.end == 0 {
            self.command.at = word.at.clone();
        }
        self.command.at.end = word.at.end;
    }

    /// Takes a reserved word.
    fn reserved(&mut self, word: &Word) -> Option<bool> {
        match word.text.as_str() {
            "if" => self.open(In::If),
            "while" | "until" => self.open(In::Loop),
            "for" | "select" => {
                self.open(In::Loop);
                self.is_in_head = true;
            }
            "case" => {
                self.open(In::Case);
                self.is_in_head = true;
            }
            "{" => {
                let kind = if self.is_function_next { In::Function } else { In::Group };
                self.is_function_next = false;
                self.open(kind);
            }
            "function" => return None,
            "then" | "elif" | "else" | "do" | "!" | "time" => {
                self.is_conditional |= word.text == "!";
            }
            "fi" => self.close(In::If)?,
            "done" => self.close(In::Loop)?,
            "esac" => self.close(In::Case)?,
            "}" => {
                match self.stack.pop()? {
                    In::Group | In::Function => {}
                    _ => return None,
                }
                self.ended();
            }
            _ => return Some(false),
        }
        Some(true)
    }

    fn open(&mut self, kind: In) {
        self.stack.push(kind);
        self.script.ends_plainly = false;
    }

    fn close(&mut self, kind: In) -> Option<()> {
        if self.stack.pop()? != kind {
            return None;
        }
        self.ended();
        Some(())
    }

    fn ended(&mut self) {
        self.command = Command::default();
        self.script.ends_plainly = false;
    }

    fn operator(&mut self, operator: &'static str) -> Option<()> {
        if self.is_pattern {
            if operator == ")" {
                self.is_pattern = false;
            }
            return Some(());
        }
        if self.is_in_head {
            // `for x in a b; do`: the `do` is a command's place, and is taken there.
            if matches!(operator, "\n" | ";") && self.stack.last() == Some(&In::Loop) {
                self.is_in_head = false;
            }
            return if matches!(operator, "\n" | ";") { Some(()) } else { None };
        }
        match operator {
            "(" => {
                if let ([name], true) = (&*self.command.words, self.command.redirections.is_empty())
                {
                    if !name.is_plain {
                        return None;
                    }
                    self.command = Command::default();
                    self.is_function_next = true;
                    return Some(());
                }
                if !self.command.words.is_empty() {
                    return None;
                }
                self.open(In::Subshell);
            }
            ")" => {
                if self.is_function_next {
                    return Some(());
                }
                self.end("\n");
                self.close(In::Subshell)?;
            }
            ";;" | ";&" | ";;&" => {
                self.end("\n");
                if self.stack.last() != Some(&In::Case) {
                    return None;
                }
                self.is_pattern = true;
            }
            other => self.end(other),
        }
        Some(())
    }

    /// A command ends with this operator.
    fn end(&mut self, operator: &str) {
        let writes_pipe = matches!(operator, "|" | "|&");
        let mut command = std::mem::take(&mut self.command);
        let is_there = !command.words.is_empty()
            || !command.redirections.is_empty()
            || !command.assignments.is_empty();
        if is_there {
            command.depth = self.stack.len();
            command.is_in_function = self.stack.contains(&In::Function);
            command.is_in_loop = self.stack.contains(&In::Loop);
            command.is_conditional = self.is_conditional;
            command.in_background = operator == "&";
            command.reads_pipe = self.piped > 0;
            command.writes_pipe = writes_pipe;
            if self.stack.is_empty() {
                self.script.ends_plainly = true;
            }
            self.script.commands.push(command);
        }
        match operator {
            "|" | "|&" => self.piped += 1,
            "&&" | "||" => (self.is_conditional, self.piped) = (true, 0),
            _ => (self.is_conditional, self.piped) = (false, 0),
        }
    }
}

fn is_assignment(text: &str) -> bool {
    let Some((name, _)) = text.split_once('=') else { return false };
    let mut chars = name.chars();
    chars.next().is_some_and(|it| it.is_ascii_alphabetic() || it == '_')
        && chars.all(|it| it.is_ascii_alphanumeric() || it == '_')
}
