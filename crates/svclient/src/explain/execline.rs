//! What a script of execline says that it will run: a chain in which each program does its part and becomes the next.
//! Reading ends where the chain branches, or where a word of it is only known when it runs.

use super::{
    exec,
    script::{Command, Word},
};

/// A chain, as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Chain {
    pub(super) commands: Vec<Command>,
    /// Variables without which it ends, and the lines that ask for them.
    pub(super) needed: Vec<(u32, String)>,
    /// Where execlineb cannot read it, and why.
    pub(super) fault: Option<(u32, &'static str)>,
}

/// A word, with its line.
#[derive(Clone, Debug)]
struct Token {
    line: u32,
    word: Word,
    /// No quotes are around it: `{` and `}` are blocks.
    is_bare: bool,
}

impl Token {
    fn is(&self, brace: &str) -> bool {
        self.is_bare && self.word.text == brace
    }
}

/// Reads a script.
pub(super) fn chain(text: &str) -> Chain {
    let mut reader = Reader::default();
    match tokens(text).and_then(|tokens| balanced(&tokens).map(|()| tokens)) {
        Ok(tokens) => {
            let _end = reader.follow(&tokens);
        }
        Err(fault) => reader.chain.fault = Some(fault),
    }
    reader.chain
}

type Fault = (u32, &'static str);

fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut all = Vec::new();
    let mut line = 1;
    let mut chars = text.chars().peekable();
    while let Some(&next) = chars.peek() {
        if next == '#' {
            while chars.next_if(|it| *it != '\n').is_some() {}
            continue;
        }
        if next.is_ascii_whitespace() {
            line += u32::from(next == '\n');
            chars.next();
            continue;
        }
        let start = line;
        let mut word = Word { text: String::new(), is_plain: true };
        let mut is_bare = true;
        while let Some(next) = chars.next_if(|it| !it.is_ascii_whitespace()) {
            match next {
                '"' => {
                    is_bare = false;
                    loop {
                        match chars.next().ok_or((start, "a quote that does not end"))? {
                            '"' => break,
                            '\\' => word.text.extend(chars.next()),
                            other => {
                                line += u32::from(other == '\n');
                                word.is_plain &= other != '$';
                                word.text.push(other);
                            }
                        }
                    }
                }
                '\\' => {
                    is_bare = false;
                    word.text.extend(chars.next());
                }
                other => {
                    word.is_plain &= other != '$';
                    word.text.push(other);
                }
            }
        }
        all.push(Token { line: start, word, is_bare });
    }
    Ok(all)
}

fn balanced(tokens: &[Token]) -> Result<(), Fault> {
    let mut open = Vec::new();
    for token in tokens {
        if token.is("{") {
            open.push(token.line);
        } else if token.is("}") && open.pop().is_none() {
            return Err((token.line, "a `}` without `{`"));
        }
    }
    open.pop().map_or(Ok(()), |line| Err((line, "a `{` without `}`")))
}

/// What stands behind the name of one of execline's programs. Source: its manual, 2.9.
struct Shape {
    /// Options that take a word.
    letters: &'static str,
    words: usize,
    blocks: usize,
}

/// Those after which it goes on whatever happens in their blocks, or ends.
fn shape(name: &str) -> Option<Shape> {
    let (letters, words, blocks) = match name {
        "fdmove" | "fdswap" | "export" => ("", 2, 0),
        "homeof" => ("D", 2, 0),
        "redirfd" => ("", 2, 0),
        "define" => ("d", 2, 0),
        "fdclose" | "fdblock" | "fdreserve" | "umask" | "unexport" | "cd" => ("", 1, 0),
        "withstdinas" => ("D", 1, 0),
        "envfile" => ("", 1, 0),
        "exec" => ("a", 0, 0),
        "elgetpositionals" => ("P", 0, 0),
        "emptyenv" | "s6-setsid" => ("", 0, 0),
        "importas" => ("Dd", 2, 0),
        "backtick" => ("D", 1, 1),
        "if" => ("x", 0, 1),
        "foreground" | "background" | "pipeline" | "trap" | "multisubstitute" => ("", 0, 1),
        _ => return None,
    };
    Some(Shape { letters, words, blocks })
}

/// Others that it has, behind which nothing is followed.
const NOT_FOLLOWED: [&str; 22] = [
    "case",
    "dollarat",
    "elgetopt",
    "elglob",
    "eltest",
    "execline-cd",
    "execline-umask",
    "exit",
    "forbacktickx",
    "forstdin",
    "forx",
    "getcwd",
    "getpid",
    "heredoc",
    "ifelse",
    "ifte",
    "ifthenelse",
    "loopwhilex",
    "multidefine",
    "runblock",
    "shift",
    "tryexec",
];

#[derive(Default)]
struct Reader {
    chain: Chain,
    /// Variables that the chain sets itself; nothing is said of any once it reads files of them.
    set: Vec<String>,
    reads_variables: bool,
}

/// One program of execline with what is behind it.
struct Link<'a> {
    options: String,
    words: &'a [Token],
    block: &'a [Token],
    rest: &'a [Token],
}

impl Reader {
    /// `None` where the chain is not followed to its end.
    fn follow(&mut self, tokens: &[Token]) -> Option<()> {
        let mut rest = tokens;
        while let Some((first, behind)) = rest.split_first() {
            if !first.word.is_plain || first.is("{") || first.is("}") {
                return None;
            }
            let name = first.word.text.rsplit('/').next().unwrap_or_default();
            if NOT_FOLLOWED.contains(&name) {
                return None;
            }
            let Some(shape) = shape(name) else {
                rest = self.program(rest)?;
                continue;
            };
            let link = link(&shape, name, behind)?;
            rest = link.rest;
            self.own(first, name, &link)?;
        }
        Some(())
    }

    /// A program that is none of execline's: one that prepares another, or the last.
    fn program<'a>(&mut self, tokens: &'a [Token]) -> Option<&'a [Token]> {
        let words: Vec<Word> = tokens.iter().map(|it| it.word.clone()).collect();
        let length = exec::length(&words);
        let (own, rest) = tokens.split_at_checked(length.unwrap_or(tokens.len()))?;
        self.push(own.first()?, own.iter().map(|it| it.word.clone()).collect());
        self.reads_variables |= own.first()?.word.text.ends_with("envdir");
        length.map(|_| rest)
    }

    fn own(&mut self, first: &Token, name: &str, link: &Link<'_>) -> Option<()> {
        let word = |at: usize| link.words.get(at).map(|it| &it.word);
        match name {
            "cd" => {
                let words = vec![plain("cd"), word(0)?.clone()];
                self.chain.commands.push(Command { words, ..exec_of(first.line, vec![]) });
            }
            "redirfd" => {
                let mut command = exec_of(first.line, vec![]);
                let is_read = link.options.contains('r');
                let files = if is_read { &mut command.inputs } else { &mut command.outputs };
                files.push(word(1)?.clone());
                self.chain.commands.push(command);
            }
            "envfile" => {
                self.reads_variables = true;
                let inputs = vec![word(0)?.clone()];
                if !link.options.contains(['i', 'I']) {
                    self.chain.commands.push(Command { inputs, ..exec_of(first.line, vec![]) });
                }
            }
            "importas" => {
                // `-S`: the name of both is one word.
                let of = word(1).or(word(0)).filter(|it| it.is_plain)?;
                let is_known = self.reads_variables || self.set.contains(&of.text);
                if link.options.contains('i') && !is_known {
                    self.chain.needed.push((first.line, of.text.clone()));
                }
            }
            "export" => self.set.push(word(0)?.text.clone()),
            "multisubstitute" => {
                let has = link.block.iter().any(|it| it.word.text == "importas");
                if has {
                    let _end = self.follow(link.block);
                }
            }
            "if" => self.condition(link.block),
            _ => (),
        }
        Some(())
    }

    /// The block of `if`: what it lacks ends the script.
    fn condition(&mut self, block: &[Token]) {
        if let [test, how, path] = block {
            let is_test = matches!(&*test.word.text, "test" | "eltest" | "s6-test");
            let asks = matches!(&*how.word.text, "-e" | "-f" | "-d" | "-r" | "-x" | "-s");
            if is_test && asks && path.word.is_plain {
                let inputs = vec![path.word.clone()];
                let words = block.iter().map(|it| it.word.clone()).collect();
                self.chain.commands.push(Command { inputs, ..exec_of(test.line, words) });
                return;
            }
        }
        let _end = self.follow(block);
    }

    fn push(&mut self, first: &Token, words: Vec<Word>) {
        self.chain.commands.push(exec_of(first.line, words));
    }
}

fn plain(text: &str) -> Word {
    Word { text: text.to_owned(), is_plain: true }
}

fn exec_of(line: u32, words: Vec<Word>) -> Command {
    let words = std::iter::once(plain("exec")).chain(words).collect();
    Command { line, words, is_link: true, ..Command::default() }
}

fn link<'a>(shape: &Shape, name: &str, tokens: &'a [Token]) -> Option<Link<'a>> {
    let mut rest = tokens;
    let mut options = String::new();
    while let Some((option, behind)) = rest.split_first() {
        let text = &option.word.text;
        if !text.starts_with('-') || text.len() < 2 {
            break;
        }
        rest = behind;
        if text == "--" {
            break;
        }
        let letters = text.get(1..)?;
        let with_word = letters.find(|it| shape.letters.contains(it));
        if with_word.is_some_and(|at| at + 1 == letters.len()) {
            rest = rest.get(1..)?;
        }
        options.push_str(letters.get(..with_word.unwrap_or(letters.len()))?);
    }
    // `importas -S NAME`: one word is both.
    let count = if name == "importas" && options.contains('S') { 1 } else { shape.words };
    let (words, mut rest) = rest.split_at_checked(count)?;
    let mut block: &[Token] = &[];
    for _ in 0..shape.blocks {
        let (open, behind) = rest.split_first()?;
        if !open.is("{") {
            return None;
        }
        let mut depth = 1_u32;
        let end = behind.iter().position(|it| {
            depth = if it.is("{") { depth + 1 } else { depth - u32::from(it.is("}")) };
            depth == 0
        })?;
        block = behind.get(..end)?;
        rest = behind.get(end + 1..)?;
    }
    Some(Link { options, words, block, rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(u32, String)> {
        let words = |it: &Command| {
            let words = it.words.iter().map(|it| it.text.as_str()).collect::<Vec<_>>().join(" ");
            let files = it.inputs.iter().map(|it| format!(" <{}", it.text));
            let more = it.outputs.iter().map(|it| format!(" >{}", it.text));
            words + &files.chain(more).collect::<String>()
        };
        chain(text).commands.iter().map(|it| (it.line, words(it))).collect()
    }

    #[test]
    fn each_program_of_a_chain_is_read() {
        let text = "#!/usr/bin/execlineb -P\n# a comment\nfdmove -c 2 1\nforeground { mkdir -p /run/x }\n\
            if { test -d /srv/x }\nif { /opt/check -x }\ncd /srv\nredirfd -w 1 log/all\nexport A \"b c\"\n\
            s6-softlimit -o 100 s6-setuidgid www\nredirfd -r 0 /etc/in\n\"/opt/a server\" -x\n";
        let expected = [
            (5, "exec test -d /srv/x </srv/x"),
            (6, "exec /opt/check -x"),
            (7, "cd /srv"),
            (8, "exec >log/all"),
            (10, "exec s6-softlimit -o 100"),
            (10, "exec s6-setuidgid www"),
            (11, "exec </etc/in"),
            (12, "exec /opt/a server -x"),
        ];
        assert_eq!(told(text), expected.map(|(line, it)| (line, it.to_owned())));
    }

    #[test]
    fn reading_ends_where_the_chain_is_not_known() {
        for text in [
            "importas P PORT\n$P x",
            "ifelse { test -e /x } { a } b",
            "forx i { 1 2 } a",
            "backtick V { date } $V",
            "elgetopt x a",
        ] {
            assert_eq!(told(text), [], "{text}");
        }
        assert_eq!(told("backtick V { date } prog -x $V"), [(1, "exec prog -x $V".to_owned())]);
    }

    #[test]
    fn variables_that_it_needs_are_those_that_nothing_of_it_sets() {
        let needed = |text: &str| chain(text).needed;
        assert_eq!(needed("importas -i P PORT\nx $P"), [(1, "PORT".to_owned())]);
        assert_eq!(needed("importas -uSi PORT\nx"), [(1, "PORT".to_owned())]);
        assert_eq!(
            needed("multisubstitute { importas -i A B define C d } x"),
            [(1, "B".to_owned())]
        );
        for text in [
            "importas -D 80 P PORT\nx",
            "importas P PORT\nx",
            "export PORT 80\nimportas -i P PORT\nx",
            "envfile -i /etc/x importas -i P PORT x",
        ] {
            assert_eq!(needed(text), [], "{text}");
        }
    }

    #[test]
    fn what_execlineb_cannot_read_is_found() {
        let fault = |text: &str| chain(text).fault;
        assert_eq!(fault("#!/bin/execlineb\nif { true\nx"), Some((2, "a `{` without `}`")));
        assert_eq!(fault("x }\n"), Some((1, "a `}` without `{`")));
        assert_eq!(fault("x\n\"y\n"), Some((2, "a quote that does not end")));
        assert_eq!(fault("x \"}\" \\{ # }\n"), None);
    }
}
