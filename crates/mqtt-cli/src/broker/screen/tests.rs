//! What is written to a terminal and to a file.

use super::*;

#[test]
fn on_a_terminal_the_status_stays_below_the_lines() {
    let mut screen = Screen::new(true, Vec::new());
    screen.line("first");
    screen.status("one");
    screen.status("one");
    screen.line("second");
    screen.status("two");
    screen.clear();
    screen.clear();
    screen.line("last");
    let expected = "first\n\r\x1b[Kone\r\x1b[Ksecond\none\r\x1b[Ktwo\r\x1b[Klast\n";
    assert_eq!(String::from_utf8_lossy(&screen.out), expected);
}

#[test]
fn a_status_is_no_wider_than_a_terminal() {
    let mut screen = Screen::new(true, Vec::new());
    screen.status(&"x".repeat(500));
    assert_eq!(screen.out.len(), REWRITE.len() + WIDTH);
}

#[test]
fn in_a_file_there_are_only_lines() {
    let mut screen = Screen::new(false, Vec::new());
    screen.status("one");
    screen.line("first");
    screen.clear();
    assert_eq!(screen.out, b"first\n");
}

#[test]
fn a_reader_that_has_gone_away_stops_nothing() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    Screen::new(false, Gone).line("nobody reads it");
}
