//! Rust's source text, read as far as the rules of the house ask: comments and strings apart, tests
//! apart, then names and paths.

/// The text with comments, strings and characters blanked out, every line in its place.
pub(crate) fn blank_text(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let len = text_len(rest, code.chars().next_back());
        let (taken, after) = rest.split_at(len.unwrap_or(first.len_utf8()));
        match len {
            Some(_) => code.extend(taken.chars().map(|c| if c == '\n' { c } else { ' ' })),
            None => code.push_str(taken),
        }
        rest = after;
    }
    code
}

/// How many bytes of comment, string or character `rest` begins with, if any.
fn text_len(rest: &str, before: Option<char>) -> Option<usize> {
    let is_in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(comment_len(rest));
    }
    let raw = rest.trim_start_matches(['b', 'c']);
    if !is_in_word && rest.len() - raw.len() <= 1 && raw.starts_with('r') {
        let hashes = raw[1..].len() - raw[1..].trim_start_matches('#').len();
        if raw[1 + hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let from = rest.len() - raw.len() + hashes + 2;
            return Some(
                rest[from..]
                    .find(&end)
                    .map_or(rest.len(), |at| from + at + end.len()),
            );
        }
    }
    if rest.starts_with('"') {
        return Some(quoted_len(rest, '"'));
    }
    let inside = rest.strip_prefix('\'')?;
    // A lifetime has no second quote.
    let second = inside.chars().nth(1);
    (inside.starts_with('\\') || second == Some('\'')).then(|| quoted_len(rest, '\''))
}

fn comment_len(rest: &str) -> usize {
    let mut depth = 0;
    for (at, _) in rest.char_indices() {
        if rest[at..].starts_with("/*") {
            depth += 1;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            if depth == 0 {
                return at + 2;
            }
        }
    }
    rest.len()
}

fn quoted_len(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        if character == quote && !is_escaped {
            return at + 1;
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    rest.len()
}

/// The code without its tests, and the tests without the rest, every line in its place.
pub(crate) fn split_tests(code: &str, is_test_file: bool) -> (String, String) {
    let blank = |text: &str| text.replace(|c| c != '\n', " ");
    if is_test_file {
        return (blank(code), code.to_owned());
    }
    let (mut own, mut tests) = (String::new(), String::new());
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        let (before, from) = rest.split_at(at);
        let (item, after) = from.split_at(item_len(from));
        own.extend([before, &blank(item)]);
        tests.extend([&blank(before), item]);
        rest = after;
    }
    own.push_str(rest);
    tests.push_str(&blank(rest));
    (own, tests)
}

/// Up to the semicolon or the closing brace of the first item.
fn item_len(code: &str) -> usize {
    let mut depth = 0;
    for (at, character) in code.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 && matches!(character, '}' | ';') {
            return at + 1;
        }
    }
    code.len()
}

/// Every path in the code with its line: inline ones as they stand, those of a `use` spelled out.
pub(crate) fn paths(code: &str) -> Vec<(usize, Vec<&str>)> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((line, token)) = tokens.get(at) {
        at += 1;
        if *token == "use" {
            at = note_use_tree(&tokens, at, &[], &mut found);
        } else if is_name(token) {
            let mut path = vec![*token];
            while token_at(&tokens, at) == "::" && is_name(token_at(&tokens, at + 1)) {
                path.push(token_at(&tokens, at + 1));
                at += 2;
            }
            found.push((*line, path));
        }
    }
    found
}

/// Notes the paths of the tree that begins at `at`, each with `prefix` before it; returns its end.
fn note_use_tree<'a>(
    tokens: &[(usize, &'a str)],
    mut at: usize,
    prefix: &[&'a str],
    found: &mut Vec<(usize, Vec<&'a str>)>,
) -> usize {
    let mut path = prefix.to_vec();
    loop {
        match token_at(tokens, at) {
            "::" => at += 1,
            // The name it is given here says nothing.
            "as" => at += 2,
            "{" => {
                at += 1;
                while !matches!(token_at(tokens, at), "}" | ";" | "") {
                    at = note_use_tree(tokens, at, &path, found);
                    at += usize::from(token_at(tokens, at) == ",");
                }
                return at + 1;
            }
            name if is_name(name) || name == "*" => {
                path.push(name);
                at += 1;
            }
            _ => {
                found.push((tokens[at - 1].0, path));
                return at;
            }
        }
    }
}

/// Names, `::`, and every other character by itself.
pub(crate) fn tokens(code: &str) -> Vec<(usize, &str)> {
    let mut tokens = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let len = match rest.find(|c: char| !is_name_char(c)).unwrap_or(rest.len()) {
                0 if rest.starts_with("::") => 2,
                0 => first.len_utf8(),
                name_len => name_len,
            };
            let (token, after) = rest.split_at(len);
            tokens.push((index + 1, token));
            rest = after.trim_start();
        }
    }
    tokens
}

fn token_at<'a>(tokens: &[(usize, &'a str)], at: usize) -> &'a str {
    tokens.get(at).map_or("", |(_, token)| token)
}

fn is_name(token: &str) -> bool {
    token.starts_with(is_name_char)
}

fn is_name_char(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}
