//! What came from the network, made fit for a terminal.

use std::fmt::Write;

/// The bytes as text that does nothing to a terminal: control characters and what is no UTF-8 are escaped. Lines and
/// tabs stay.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' | '\t' => text.push(character),
                character if is_harmful(character) => text.extend(character.escape_default()),
                character => text.push(character),
            }
        }
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Characters that move the cursor, change colours, or turn the direction of writing around.
fn is_harmful(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn text_stays_and_what_controls_a_terminal_is_escaped() {
        for (bytes, expected) in [
            (&b"21.5 \xc2\xb0C\n\tfine"[..], "21.5 °C\n\tfine"),
            (b"\x1b[2J", "\\u{1b}[2J"),
            (b"\r\x07\x00", "\\r\\u{7}\\u{0}"),
            (b"\xff\xfeok\xc2", "\\xff\\xfeok\\xc2"),
            ("\u{9b}31m \u{202e}abc".as_bytes(), "\\u{9b}31m \\u{202e}abc"),
        ] {
            assert_eq!(printable(bytes), expected);
        }
    }
}
