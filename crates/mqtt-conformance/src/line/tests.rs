//! Lines are read as they are written, and what is no line says why.

use super::{Line, LineError};

#[test]
fn any_value_comes_back() {
    for value in ["", "a", "two words", "50 %", "a=b", "line\nbreak", "zero\0", "für 🦀", "%41"] {
        let line = Line::new("message").with("topic", value).with("qos", 2);
        let text = line.to_string();
        assert!(!text.contains('\n') && text.is_ascii(), "{text}");
        assert_eq!(Line::parse(&text), Ok(line));
    }
}

#[test]
fn fields_are_found_by_their_keys() {
    let line = Line::parse("  published id=7 reason=16\r\n").expect("it is a line");
    assert_eq!((line.name.as_str(), line.number("id"), line.get("why")), ("published", Some(7), None));
}

#[test]
fn a_text_that_is_no_line_says_why() {
    assert_eq!(Line::parse("  "), Err(LineError::Empty));
    assert_eq!(Line::parse("ok now"), Err(LineError::NoValue("now".into())));
    for value in ["%", "%4", "%zz", "%+1", "%FF"] {
        assert_eq!(Line::parse(&format!("message topic={value}")), Err(LineError::BadEncoding(value.into())));
    }
}
