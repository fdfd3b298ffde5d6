//! What a command line or a variable has that only a shell, or another kind of template, would
//! understand.

use regex::Regex;

/// The placeholders that a program is commonly handed.
const NAMES: &[&str] = &["app", "client_id", "client_secret", "issuer", "port"];

/// Words that mean something to a shell alone.
const WORDS: &[&str] = &["&&", "||", "|", ";", "&", ">", ">>", "<", "2>&1"];

/// What to write where the command has words for a shell and is run without one.
pub(super) fn words_for_a_shell(command: &str, words: &[String]) -> Option<String> {
    let program = words.first()?.rsplit('/').next().unwrap_or_default();
    if matches!(program, "sh" | "bash" | "dash" | "zsh" | "fish" | "cmd") {
        return None;
    }
    let variable = Regex::new(r"\$\{?([A-Za-z_]\w*)\}?|%([A-Za-z_]\w+)%").ok()?;
    // What is quoted with spaces in it is text for the program, such as `nginx -g 'daemon off;'`.
    let mut bare = words.iter().filter(|word| !word.contains(' '));
    if let Some(found) = bare.clone().find_map(|word| variable.captures(word)) {
        let name = found.get(1).or(found.get(2))?.as_str().to_lowercase();
        let typed = &found[0];
        if NAMES.contains(&name.as_str()) {
            return Some(format!(
                "there is no shell: write {{{name}}} in place of {typed}"
            ));
        }
        return Some(format!(
            "there is no shell that would fill {typed} in: {}",
            with_a_shell(command)
        ));
    }
    let for_a_shell =
        |word: &&String| WORDS.contains(&word.as_str()) || (word.len() > 1 && word.ends_with(';'));
    let word = bare.find(for_a_shell)?;
    Some(format!(
        "there is no shell, and `{word}` is handed to the program: {}",
        with_a_shell(command)
    ))
}

fn with_a_shell(command: &str) -> String {
    format!("write command = \"sh -c '{command}'\"")
}

/// What to write where a placeholder is put in braces of another kind.
pub(super) fn braces(text: &str) -> Option<String> {
    let other = Regex::new(r"\{\{\s*([\w.]+)\s*\}\}|\{\s+([\w.]+)\s*\}|\{([\w.]+)\s+\}").ok()?;
    let found = other.captures(text)?;
    let name = (1..=3).find_map(|at| found.get(at))?.as_str();
    let known = NAMES.contains(&name.to_lowercase().as_str());
    known.then(|| {
        format!(
            "`{}` is no placeholder: write {{{}}}",
            &found[0],
            name.to_lowercase()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(command: &str) -> Option<String> {
        let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
        words_for_a_shell(command, &words)
    }

    #[test]
    fn a_variable_of_a_shell_is_answered_with_the_placeholder() {
        for typed in ["$PORT", "${PORT}", "${port}", "%PORT%"] {
            let told = told(&format!("serve --port {typed}"));
            let wanted = format!("there is no shell: write {{port}} in place of {typed}");
            assert_eq!(told.as_deref(), Some(wanted.as_str()));
        }
        let told = told("serve $HOME").expect("it is told");
        assert!(told.contains("sh -c 'serve $HOME'"), "{told}");
    }

    #[test]
    fn words_of_a_shell_are_found_unless_there_is_one() {
        for command in ["serve &", "serve > log", "a | b", "a; b", "a && b"] {
            assert!(told(command).is_some(), "{command}");
        }
        assert_eq!(told("sh -c 'serve $PORT > log'"), None);
        assert_eq!(told("serve --port {port}"), None);
        let words = ["nginx", "-g", "daemon off;"].map(str::to_owned);
        assert_eq!(words_for_a_shell("nginx -g 'daemon off;'", &words), None);
    }

    #[test]
    fn braces_of_other_kinds_are_answered_with_ours() {
        for typed in ["{{port}}", "{{ port }}", "{ port }", "{port }"] {
            let wanted = format!("`{typed}` is no placeholder: write {{port}}");
            assert_eq!(braces(typed).as_deref(), Some(wanted.as_str()));
        }
        assert_eq!(braces("{port} {\"a\": { \"b\": 1 }}"), None);
        assert_eq!(braces("{{range}}"), None);
    }
}
