//! Variables of the environment in values: marked while a value is read, so that quotes and blanks of its format
//! mean what they mean there, and references for `expand` in the end.

use svbuild::{Service, spec::Word};

/// Around what stands between the braces: no file has these, which Unicode leaves to whoever uses them.
const BEGIN: char = '\u{e000}';
const END: char = '\u{e001}';

/// A mark for a variable, or for one with what stands behind its name, as in `NAME:-`.
pub(crate) fn mark(reference: &str) -> String {
    format!("{BEGIN}{reference}{END}")
}

/// Whether there is one in a value.
pub(crate) fn has_any(value: &str) -> bool {
    value.contains(BEGIN)
}

/// Whether one to this variable is in a value.
pub(crate) fn is_to(value: &str, name: &str) -> bool {
    [mark(name), mark(&format!("{name}:-"))].iter().any(|it| value.contains(it))
}

/// Whether a value begins with one.
pub(crate) fn begins(value: &str) -> bool {
    value.starts_with(BEGIN)
}

/// Whether a value is one, and nothing else.
pub(crate) fn is_alone(value: &str) -> bool {
    let inner = value.strip_prefix(BEGIN).and_then(|it| it.strip_suffix(END));
    inner.is_some_and(|it| !it.contains(END))
}

/// A value as `expand` of a definition has it.
pub(crate) fn settled(value: &str) -> String {
    value.replace("${", "$${").replace(BEGIN, "${").replace(END, "}")
}

/// Where a value is marked, `expand` is asked for, and what is no reference is none to it either.
pub(crate) fn expand(service: &mut Service) {
    let words = service.exec.iter().chain(service.env.values()).map(Word::as_os_str);
    let mut texts = words.chain(service.cwd.iter().map(|it| it.as_os_str()));
    if !texts.any(|it| has_any(&it.to_string_lossy())) {
        return;
    }
    service.expand = Some(true);
    for value in service.exec.iter_mut().chain(service.env.values_mut()) {
        *value = settled(&value.as_os_str().to_string_lossy()).into();
    }
    if let Some(cwd) = &mut service.cwd {
        *cwd = settled(&cwd.to_string_lossy()).into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_told_from_text() {
        let it = format!("a{} ${{B}}", mark("A"));
        assert!(has_any(&it) && is_to(&it, "A") && !is_to(&it, "B") && !begins(&it));
        assert!(is_alone(&mark("A")) && !is_alone(&it) && is_to(&mark("A:-"), "A"));
        assert!(!is_alone(&format!("{}{}", mark("A"), mark("B"))));
        assert_eq!(settled(&it), "a${A} $${B}");
    }
}
