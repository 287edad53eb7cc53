//! Whether somebody still reads standard output: a subscriber whose reader has gone ends, also when no message comes.

/// Resolves once the reader of standard output has gone; never where that cannot be known before something is written.
pub(crate) async fn gone() {
    let (sender, receiver) = smol::channel::bounded(1);
    let watched = std::thread::Builder::new().name("mqtt-stdout".into()).spawn(move || {
        if wait_for_error() {
            // Nobody waits for it any more if this fails.
            let _ = sender.send_blocking(());
        }
    });
    match watched {
        Ok(_) if receiver.recv().await.is_ok() => {}
        Ok(_) | Err(_) => smol::future::pending().await,
    }
}

/// Blocks until the other end of a pipe or socket is closed; false if it is something else, such as a file.
#[cfg(unix)]
fn wait_for_error() -> bool {
    use rustix::event::{PollFd, PollFlags, poll};

    let stdout = std::io::stdout();
    loop {
        // Errors and hang-ups are reported whether or not they are asked for.
        let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
        match poll(&mut fds, None) {
            Ok(_) => return fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

#[cfg(not(unix))]
fn wait_for_error() -> bool {
    false
}
