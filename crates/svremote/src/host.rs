//! The name of a host, as `ssh` takes it.

use std::{fmt, str::FromStr};

/// What stands after `ssh`: a name, an address, an alias of its configuration; with `USER@` before it, or all of
/// `ssh://USER@HOST:PORT`.
///
/// ```
/// use svremote::Host;
///
/// let host: Host = "deploy@web1".parse()?;
/// assert_eq!(host.as_str(), "deploy@web1");
/// assert!("-oProxyCommand=reboot".parse::<Host>().is_err());
/// # Ok::<(), svremote::BadHost>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(String);

/// Why a text is no name of a host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no name of a host: {why}", text.escape_default())]
pub struct BadHost {
    text: String,
    why: &'static str,
}

impl Host {
    /// As it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Host {
    type Err = BadHost;

    /// # Errors
    ///
    /// [`BadHost`] for what `ssh` could take for an option, and for characters that are in no name of a host. They would
    /// reach the shell that runs a `ProxyCommand`.
    fn from_str(text: &str) -> Result<Self, BadHost> {
        let bad = |why| Err(BadHost { text: text.to_owned(), why });
        let rest = text.strip_prefix("ssh://");
        let (user, name) = match rest.unwrap_or(text).rsplit_once('@') {
            Some((user, name)) => (Some(user), name),
            None => (None, rest.unwrap_or(text)),
        };
        if name.is_empty() || user == Some("") {
            return bad("something is missing");
        }
        if [user, Some(name)].into_iter().flatten().any(|part| part.starts_with('-')) {
            return bad("it begins with `-`, as an option does");
        }
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || "-._:%[]".contains(c);
        let is_of_user = |c: char| c.is_ascii_alphanumeric() || "-._+".contains(c);
        // Brackets are around an address; in a name they would be a range of Ansible's.
        let has_range = name.contains('[') && !name.starts_with('[');
        if has_range
            || !name.chars().all(is_of_name)
            || !user.unwrap_or_default().chars().all(is_of_user)
        {
            return bad("letters, digits and - . _ : % [ ] are in names");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_addresses_users_and_urls_are_hosts() {
        for text in ["web1", "web-1.example.org", "192.0.2.7", "2001:db8::1", "fe80::1%eth0", "a_b"]
        {
            assert_eq!(text.parse::<Host>().unwrap().to_string(), text);
        }
        for text in ["root@web1", "ssh://root@web1:2222", "ssh://[2001:db8::1]:22", "a.b+c@web1"] {
            assert_eq!(text.parse::<Host>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn no_host_is_an_option_or_reaches_a_shell() {
        for text in [
            "",
            "-v",
            "-oProxyCommand=x",
            "root@-v",
            "-l@web1",
            "@web1",
            "root@",
            "ssh://",
            "a b",
            "a;b",
            "$(id)",
            "`id`",
            "a|b",
            "a'b",
            "a\nb",
            "web1/x",
            "a\\b",
            "a\u{0}",
            "ssh://-v",
            "x&y@web1",
            "{a,b}",
            "w*",
            "web[01:20]",
        ] {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_said_of_a_bad_one_moves_no_cursor() {
        let said = "a\u{1b}[2J".parse::<Host>().unwrap_err().to_string();
        assert!(!said.contains('\u{1b}') && said.contains("no name of a host"), "{said}");
    }
}
