//! `docs/svcmgr.schema.json`, by which editors complete and check a file of definitions. It is made of the
//! table of keys (`UPDATE=1 cargo test -p svctl --test build editor`), and held against the parser.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde_json::{Map, Value, json};
use svcmgr::build::{
    Definitions,
    spec::{Base, KEYS, Key},
};

fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// A key, the keys below it, or both.
#[derive(Default)]
struct Node {
    key: Option<&'static Key>,
    below: BTreeMap<&'static str, Node>,
}

/// Rows that only make a table known are no keys.
fn tree() -> Node {
    let mut root = Node::default();
    for key in KEYS.iter().filter(|key| key.form != "table") {
        let mut node = &mut root;
        for part in key.path.split('.') {
            node = node.below.entry(part).or_default();
        }
        node.key = Some(key);
    }
    root
}

/// The words between backquotes, and whether a path is one more.
fn words(form: &str) -> (Vec<&str>, bool) {
    let words = form.split('`').skip(1).step_by(2).filter(|word| *word != "/").collect();
    (words, form.contains("path with a `/`"))
}

/// Without regard to upper and lower case, which JSON Schema has no flag for.
fn in_any_case(text: &str) -> String {
    let both = |c: char| ['[', c.to_ascii_uppercase(), c.to_ascii_lowercase(), ']'];
    text.chars().flat_map(both).collect()
}

fn time() -> Value {
    let units = "n|ns|nsec|nanos|u|us|usec|micros|µs|ms|msec|millis|s|sec|secs|second|seconds|m|min|mins|minute|\
                 minutes|h|hr|hrs|hour|hours|d|day|days|w|week|weeks|wk|wks|M|month|months|y|yr|yrs|year|years";
    json!({ "type": "string", "pattern": format!(r"^\s*([0-9][0-9\s]*(\.[0-9\s]+)?({units})\s*)+$") })
}

fn string() -> Value {
    json!({ "type": "string" })
}

fn array_of(item: &Value) -> Value {
    json!({ "type": "array", "items": item })
}

/// The same of arrays that have tables in them, or names of others.
fn list(form: &str) -> Option<Value> {
    Some(match form {
        "path, `{ path, optional = true }`, or an array of those" => {
            let one = json!({ "anyOf": [string(), {
                "type": "object",
                "properties": { "path": string(), "optional": { "type": "boolean" } },
                "required": ["path"],
                "additionalProperties": false,
            }] });
            json!({ "anyOf": [one, array_of(&one)] })
        }
        "array of names of units" => array_of(&string()),
        "array of `{ name, listen }`" => array_of(&json!({
            "type": "object",
            "properties": { "name": string(), "listen": string() },
            "required": ["name", "listen"],
            "additionalProperties": false,
        })),
        "array of exit codes" => {
            array_of(&json!({ "type": "integer", "minimum": 0, "maximum": u8::MAX }))
        }
        "array of names, or of `{ service, when }`" => {
            let table = json!({
                "type": "object",
                "properties": { "service": string(), "when": { "enum": ["up", "ready", "done"] } },
                "required": ["service"],
                "additionalProperties": false,
            });
            array_of(&json!({ "anyOf": [string(), table] }))
        }
        _ => return None,
    })
}

/// What the words of `Key::form` mean. A new form is added here.
fn shape(form: &str) -> Option<Value> {
    let size = || {
        json!({ "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": "^[0-9]+[KMGT]?$" },
        ] })
    };
    let id = json!({ "anyOf": [
        { "type": "integer", "minimum": 0, "maximum": u32::MAX - 1 },
        { "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_.-]{0,30}$" },
    ] });
    let span = || {
        let (low, high) = form.split_once(" to ")?;
        let (low, high): (i64, i64) = (low.parse().ok()?, high.parse().ok()?);
        Some(json!({ "type": "integer", "minimum": low, "maximum": high }))
    };
    if let Some(one) = form.strip_suffix(", or `{ soft, hard }`") {
        let bound = shape(one)?;
        return Some(json!({ "anyOf": [bound, {
            "type": "object",
            "properties": { "soft": bound, "hard": bound },
            "required": ["soft", "hard"],
            "additionalProperties": false,
        }] }));
    }
    if let Some(one) = form.strip_suffix(", `infinity`") {
        return Some(json!({ "anyOf": [shape(one)?, { "const": "infinity" }] }));
    }
    if let Some(shape) = list(form) {
        return Some(shape);
    }
    Some(match form {
        "percent, as in `\"50%\"`" => {
            json!({ "type": "string", "pattern": "^0*([1-9][0-9]{0,5}|1000000)%$" })
        }
        "table of directives" => {
            let one = json!({ "type": ["string", "integer", "boolean"] });
            json!({ "type": "object", "additionalProperties": { "anyOf": [one, array_of(&one)] } })
        }
        "array of strings" | "array of names" => array_of(&string()),
        "array of patterns" => array_of(&json!({ "type": "string", "pattern": "^[-+]" })),
        "array of names, or `{ names, mode }`" => {
            let names = array_of(&string());
            let mode = shape("octal, as a string")?;
            json!({ "anyOf": [names, {
                "type": "object",
                "properties": { "names": names, "mode": mode },
                "required": ["names"],
                "additionalProperties": false,
            }] })
        }
        "array of names, or of numbers" => array_of(&id),
        "name, or number" => id,
        "table of strings" => json!({
            "type": "object",
            "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
            "additionalProperties": string(),
        }),
        "string, one line" | "path" | "`HOST:PORT`" => string(),
        "URL, `http:` or `https:`" => json!({ "type": "string", "pattern": "^https?://" }),
        "array of paths with `*`, `?`, `[…]`, `**`" => array_of(&string()),
        "array of arrays of strings" => array_of(&array_of(&string())),
        "`true`, or `failure`" => json!({ "enum": [true, "failure"] }),
        "boolean" => json!({ "type": "boolean" }),
        "`true`" => json!({ "const": true }),
        "`always`, `on-failure`, `never`, or `{ when, … }`" => {
            shape("`always`, `on-failure`, `never`")?
        }
        "number" => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
        "octal, as a string" => json!({ "type": "string", "pattern": "^0?[0-7]{1,4}$" }),
        "name, as in `TERM`" => {
            let names = [
                "TERM", "INT", "QUIT", "HUP", "ABRT", "ALRM", "KILL", "USR1", "USR2", "PIPE",
                "WINCH",
            ];
            let names = names.map(in_any_case).join("|");
            json!({ "type": "string", "pattern": format!("^({})?({names})$", in_any_case("SIG")) })
        }
        _ if form.starts_with("size") => size(),
        _ if form.starts_with("time") => time(),
        _ if span().is_some() => span()?,
        _ => match words(form) {
            (words, false) if !words.is_empty() => json!({ "enum": words }),
            (words, true) => {
                json!({ "type": "string", "pattern": format!("^({})$|/", words.join("|")) })
            }
            _ => return None,
        },
    })
}

fn plain(text: &str) -> String {
    text.replace('`', "")
}

/// What an editor shows beside a key.
fn told(key: &Key) -> String {
    let meaning = plain(key.meaning);
    match key.default {
        "required" => meaning,
        default => {
            format!("{meaning}.\nIt is {}. Without it: {}.", plain(key.form), plain(default))
        }
    }
}

fn schema_of(path: &str, node: &Node) -> Value {
    let own = node.key.map(|key| {
        let shape = shape(key.form);
        let unknown =
            || panic!("no shape for the form {:?} of `{path}`: add it to `shape`", key.form);
        let mut shape = shape.unwrap_or_else(unknown);
        shape["description"] = told(key).into();
        shape
    });
    if node.below.is_empty() {
        return own.unwrap();
    }
    let below = |(name, node): (&&str, &Node)| {
        let path = if path.is_empty() { (*name).to_owned() } else { format!("{path}.{name}") };
        ((*name).to_owned(), schema_of(&path, node))
    };
    let properties: Map<String, Value> = node.below.iter().map(below).collect();
    let is_required =
        |name: &&str| node.below[*name].key.is_some_and(|key| key.default == "required");
    let mut table = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    let required: Vec<_> = match path {
        // A level alone is of no class.
        "io_priority" => vec!["class"],
        _ => node.below.keys().copied().filter(is_required).collect(),
    };
    if !required.is_empty() {
        table["required"] = required.into();
    }
    if matches!(path, "ready" | "health") {
        let ways = ["fd", "tcp", "http", "command", "notify"];
        let ways = node.below.keys().filter(|name| ways.contains(name));
        table["oneOf"] = ways.map(|name| json!({ "required": [name] })).collect();
    }
    if path == "restart" {
        // What the word alone says.
        table["properties"]["when"] = shape("`always`, `on-failure`, `never`").unwrap();
    }
    match own {
        Some(own) => json!({ "anyOf": [own, table] }),
        None => table,
    }
}

fn schema() -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "svcmgr.toml",
        "description": "Definitions of services for every supervisor. See docs/svcmgr.toml.md.",
        "type": "object",
        "properties": {
            "base": {
                "description": "What relative paths are relative to; relative to the directory of the file.",
                "type": "string",
            },
            "expand": {
                "description": "Whether ${NAME} is replaced in exec, env and cwd of the services below.",
                "type": "boolean",
            },
            "service": {
                "description": "A table for each service.",
                "type": "object",
                "propertyNames": { "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$" },
                "additionalProperties": schema_of("", &tree()),
            },
        },
        "additionalProperties": false,
    })
}

/// As an editor reads a file. `None` for what is no TOML, or has what JSON has not.
fn as_json(text: &str) -> Option<Value> {
    let table: toml::Table = text.parse().ok()?;
    in_json(&toml::Value::Table(table))
}

fn in_json(value: &toml::Value) -> Option<Value> {
    Some(match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => number.is_finite().then(|| (*number).into())?,
        toml::Value::Boolean(it) => (*it).into(),
        toml::Value::Datetime(_) => return None,
        toml::Value::Array(items) => items.iter().map(in_json).collect::<Option<Vec<_>>>()?.into(),
        toml::Value::Table(table) => {
            let each = |(name, it): (&String, &toml::Value)| Some((name.clone(), in_json(it)?));
            table.iter().map(each).collect::<Option<Map<_, _>>>()?.into()
        }
    })
}

#[test]
fn the_schema_for_editors_is_that_of_the_keys() {
    let path = docs().join("svcmgr.schema.json");
    let made = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let is = fs::read_to_string(&path).unwrap();
    assert!(is == made, "it is another: UPDATE=1 cargo test -p svctl --test build editor");
}

#[test]
fn an_editor_and_the_parser_say_the_same_of_a_file() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let (mut taken, mut refused, mut wrong) = (0, 0, Vec::new());
    let mut hold = |text: &str| {
        let Some(seen) = as_json(text) else { return };
        let base = Base::Said("/srv".as_ref());
        let parsed = Definitions::from_toml_in(text, base);
        let by_shape =
            |what: &str| !what.starts_with("cannot use service") && !what.starts_with("`base`");
        match (&parsed, validator.is_valid(&seen)) {
            (Ok(_), true) => taken += 1,
            (Err(found), false) if found.0.iter().any(|it| by_shape(&it.message)) => refused += 1,
            // What is wrong beyond its form, an editor may tell or not.
            (Err(found), _) if !found.0.iter().any(|it| by_shape(&it.message)) => (),
            (parsed, valid) => {
                wrong.push(format!("{text}editor: {valid}, parser: {:?}", parsed.as_ref().err()));
            }
        }
    };
    hold(&fs::read_to_string(docs().join("svcmgr.toml")).unwrap());
    let page = fs::read_to_string(docs().join("svcmgr.toml.md")).unwrap();
    page.split("```toml\n").skip(1).filter_map(|it| it.split("```").next()).for_each(&mut hold);
    // What a key needs beside it.
    let heads = |path: &str| match path {
        "group" => &["user = \"www\"\n", "user = 1\n"][..],
        "groups" => &["user = \"www\"\ngroup = \"www\"\n", "user = 1\ngroup = 2\n"],
        "log.group" => &["log.user = \"www\"\n"],
        "on_failure" => &["restart = \"never\"\n"],
        "watchdog" => &["ready = { notify = true }\n"],
        _ => &[""],
    };
    let paths =
        KEYS.iter().map(|key| key.path).chain(["log", "ready.nosuch", "nosuch", "log.dirs"]);
    for path in paths {
        let quoted =
            path.split('.').map(|part| format!("\"{part}\"")).collect::<Vec<_>>().join(".");
        for value in VALUES {
            for head in heads(path) {
                let more = if matches!(path, "after" | "needs" | "wants") {
                    "[service.db]\nexec = [\"db\"]\n"
                } else {
                    ""
                };
                let exec = if path == "exec" { "" } else { "exec = [\"true\"]\n" };
                hold(&format!("[service.web]\n{exec}{head}{quoted} = {value}\n{more}"));
            }
        }
    }
    for text in [
        "",
        "[service]\n",
        "base = 1\n",
        "base = \".\"\n",
        "expand = true\n",
        "expand = \"yes\"\n",
        "bases = \"/\"\n",
        "[service.web]\n",
        "[service.\"-x\"]\nexec = [\"a\"]\n",
        "service = 1\n",
        "[service]\nweb = 1\n",
        "[[service.web]]\nexec = [\"a\"]\n",
        "[service]\nweb = [[\"a\"]]\n",
        "[service]\nweb = []\n",
    ] {
        hold(text);
    }
    assert!(wrong.is_empty(), "{} of them: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
    assert!(taken > 200 && refused > 2000, "{taken} taken, {refused} refused");
}

/// Right somewhere, wrong elsewhere.
const VALUES: [&str; 77] = [
    "[{ name = \"http\", listen = \"127.0.0.1:80\" }]",
    "[{ name = \"http\" }]",
    "{ tcp = \"a:1\", every = \"5s\", timeout = \"1s\", failures = 2, then = \"restart\" }",
    "{ http = \"http://a/\", then = \"reboot\" }",
    "\"failure\"",
    "[\"/src/**/*.py\"]",
    "{ names = [\"a\"], mode = \"0700\" }",
    "{ names = \"a\" }",
    "{ mode = \"0700\" }",
    "\"infinity\"",
    "\"50%\"",
    "\"0%\"",
    "{ soft = 9, hard = \"infinity\" }",
    "{ soft = \"1s\", hard = \"1m\" }",
    "{ soft = \"8M\", hard = 9 }",
    "{ soft = 9 }",
    "{ soft = 9, hard = 9, more = 9 }",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "3",
    "7",
    "-20",
    "255",
    "256",
    "4096",
    "4294967295",
    "4294967296",
    "1.5",
    "\"\"",
    "\"/x\"",
    "\"x/y\"",
    "\"x\"",
    "\"10M\"",
    "\"512m\"",
    "\"1.5G\"",
    "\"10s\"",
    "\"1m 30s\"",
    "\"10\"",
    "\"0\"",
    "\"0750\"",
    "\"00755\"",
    "\"8\"",
    "\"TERM\"",
    "\"sigInt\"",
    "\"always\"",
    "{ when = \"never\" }",
    "{ when = \"never\", delay = \"2s\" }",
    "{ delay = \"2s\", max = 3, within = \"1m\", max_delay = \"1m\" }",
    "{ tcp = \"a:1\", timeout = \"1s\" }",
    "{ tcp = \"a:1\", notify = true }",
    "{ timeout = \"1s\" }",
    "\"on-failure\"",
    "\"inherit\"",
    "\"stdout\"",
    "\"idle\"",
    "\"iso8601\"",
    "\"127.0.0.1:80\"",
    "\"http://127.0.0.1/\"",
    "[]",
    "[\"db\"]",
    "[\"-a\", \"+b*\"]",
    "[1, \"a\"]",
    "{}",
    "{ A = \"x\" }",
    "[[\"/a\"]]",
    "[\"512M\"]",
    "[{}]",
    "[0, 255]",
    "[256]",
    "\"job\"",
    "[{ service = \"db\", when = \"up\" }]",
    "[{ service = \"db\", when = \"soon\" }]",
    "{ path = \"/x\", optional = true }",
    "[\"/a\", { path = \"b\" }]",
];
