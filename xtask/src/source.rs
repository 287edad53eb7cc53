//! Rust source as a flat list of tokens, with the line of each.
//!
//! Comments, strings and characters are dropped, so that a rule about code is not caught by prose and docs
//! may link anything. It is no parser: a rule is a short run of tokens, written as the code it looks for.
//! Beyond that it knows which items only tests see.

/// A word, a number or a sign, and the line that it stands on, counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    pub(crate) line: usize,
}

/// All tokens of `source`, in order.
pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let (piece_size, piece) = next_piece(rest, first);
        let (text, behind) = rest.split_at(piece_size);
        if piece == Piece::Token {
            tokens.push(Token { text, line });
        }
        line += text.matches('\n').count();
        rest = behind;
    }
    tokens
}

/// The tokens without the items that stand behind `#[cfg(test)]`.
pub(crate) fn without_tests<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let marker = self::tokens("#[cfg(test)]");
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if starts_with(&tokens[at..], &marker) {
            at = item_end(tokens, at + marker.len());
        } else {
            kept.push(tokens[at]);
            at += 1;
        }
    }
    kept
}

/// The lines on which `tokens` holds the run of tokens that `pattern` is written with.
pub(crate) fn lines_with(tokens: &[Token<'_>], pattern: &str) -> Vec<usize> {
    let pattern = self::tokens(pattern);
    let starts = (0..tokens.len()).filter(|&at| starts_with(&tokens[at..], &pattern));
    starts.map(|at| tokens[at].line).collect()
}

/// The token at `at`, or an empty word past the end.
pub(crate) fn text_at<'a>(tokens: &[Token<'a>], at: usize) -> &'a str {
    tokens.get(at).map_or("", |token| token.text)
}

/// Whether `text` can be the name of something.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(is_word_start)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Token,
    Dropped,
}

/// The size in bytes of the piece that `rest` starts with; it is never zero.
fn next_piece(rest: &str, first: char) -> (usize, Piece) {
    let sign_size = first.len_utf8();
    match first {
        _ if first.is_whitespace() => (sign_size, Piece::Dropped),
        '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), Piece::Dropped),
        '/' if rest.starts_with("/*") => (block_comment_size(rest), Piece::Dropped),
        '"' => (quoted_size(rest, '"'), Piece::Dropped),
        '\'' => (quote_size(rest), Piece::Dropped),
        ':' if rest.starts_with("::") => (2, Piece::Token),
        // Taken whole, so that a comparison is not mistaken for the call of a macro.
        '!' if rest.starts_with("!=") => (2, Piece::Token),
        _ if is_word_start(first) => word_piece(rest),
        _ if first.is_ascii_digit() => (word_size(rest), Piece::Token),
        _ => (sign_size, Piece::Token),
    }
}

fn word_piece(rest: &str) -> (usize, Piece) {
    let prefix_size = word_size(rest);
    let (word, behind) = rest.split_at(prefix_size);
    match (word, behind.chars().next()) {
        ("b" | "c", Some('"')) => (prefix_size + quoted_size(behind, '"'), Piece::Dropped),
        ("b", Some('\'')) => (prefix_size + quoted_size(behind, '\''), Piece::Dropped),
        ("r" | "br" | "cr", Some('"' | '#')) => match raw_string_size(behind) {
            Some(string_size) => (prefix_size + string_size, Piece::Dropped),
            None => (prefix_size, Piece::Token),
        },
        _ => (prefix_size, Piece::Token),
    }
}

/// The size of a raw string from its first `#` or quote on; `None` if it is a raw name, such as `r#type`.
fn raw_string_size(rest: &str) -> Option<usize> {
    let hashes = rest.bytes().take_while(|&byte| byte == b'#').count();
    let body = rest[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", &rest[..hashes]);
    let body_size = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(hashes + 1 + body_size)
}

fn block_comment_size(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        let behind = &rest.as_bytes()[at..];
        if behind.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if behind.starts_with(b"*/") {
            depth -= 1;
            at += 2;
        } else {
            at += 1;
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The size of what stands between two `quote`s, both included, where a backslash hides the next character.
fn quoted_size(rest: &str, quote: char) -> usize {
    let mut is_hidden = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if is_hidden => is_hidden = false,
            '\\' => is_hidden = true,
            _ if character == quote => return at + quote.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// The size of a character such as `'a'`, or of the quote and name of a lifetime such as `'a`.
fn quote_size(rest: &str) -> usize {
    let mut behind = rest.chars().skip(1);
    match (behind.next(), behind.next()) {
        (Some('\\'), _) | (Some(_), Some('\'')) => quoted_size(rest, '\''),
        _ => 1 + word_size(&rest[1..]),
    }
}

fn word_size(rest: &str) -> usize {
    rest.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(rest.len())
}

fn is_word_start(character: char) -> bool {
    character.is_alphabetic() || character == '_'
}

fn starts_with(tokens: &[Token<'_>], pattern: &[Token<'_>]) -> bool {
    tokens.len() >= pattern.len() && tokens.iter().zip(pattern).all(|(one, other)| one.text == other.text)
}

/// Where the item that starts at `at` ends: behind its `;` or its block, or at the end of what surrounds it.
fn item_end(tokens: &[Token<'_>], at: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" if depth == 0 => return index,
            ")" | "]" => depth -= 1,
            "}" => {
                depth -= 1;
                if depth == 0 {
                    return index + 1;
                }
            }
            ";" if depth == 0 => return index + 1,
            _ => {}
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests;
