//! A program in a pseudo terminal, and what stands on its screen.

use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    io::{Read, Write},
    num::NonZero,
    os::unix::ffi::OsStrExt,
    process::{Child, Command, ExitStatus},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};

const ROWS: NonZero<u16> = NonZero::new(30).expect("it is not zero");
const COLUMNS: NonZero<u16> = NonZero::new(140).expect("it is not zero");
/// For what takes parts of a second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Terminal {
    child: Child,
    /// The end that a terminal's window has.
    window: File,
    /// The end that programs have.
    device: File,
    screen: Arc<Mutex<Seen>>,
}

struct Seen {
    parser: vt100::Parser,
    bytes: usize,
}

impl Terminal {
    pub fn start(mut command: Command) -> Result<Self> {
        let window = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&window)?;
        unlockpt(&window)?;
        let name = ptsname(&window, Vec::new())?;
        let path = OsStr::from_bytes(name.as_bytes());
        let device = OpenOptions::new().read(true).write(true).open(path)?;
        let size = Winsize {
            ws_row: ROWS.get(),
            ws_col: COLUMNS.get(),
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&window, size)?;
        let window = File::from(window);
        command
            .env("TERM", "xterm-256color")
            .stdin(device.try_clone()?)
            .stdout(device.try_clone()?)
            .stderr(device.try_clone()?);
        let child = command.spawn()?;
        let screen = Arc::new(Mutex::new(Seen {
            parser: vt100::Parser::new(ROWS, COLUMNS, 0),
            bytes: 0,
        }));
        thread::spawn({
            let (screen, window) = (Arc::clone(&screen), window.try_clone()?);
            move || follow(window, &screen)
        });
        Ok(Self {
            child,
            window,
            device,
            screen,
        })
    }

    fn seen<T>(&self, what: impl FnOnce(&Seen) -> T) -> T {
        what(&self.screen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn screen(&self) -> String {
        self.seen(|seen| seen.parser.screen().contents())
    }

    pub fn wait_for(&mut self, text: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !self.screen().contains(text) {
            if Instant::now() > deadline || self.child.try_wait()?.is_some() {
                bail!("{text:?} does not appear in\n{}", self.screen());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Fails if more is written than it takes to say that nothing has changed.
    pub fn stays_as_it_is(&self, time: Duration) -> Result<()> {
        let before = self.seen(|seen| seen.bytes);
        thread::sleep(time);
        let written = self.seen(|seen| seen.bytes) - before;
        if written > 1_000 {
            bail!("{written} bytes were written though nothing changed");
        }
        Ok(())
    }

    pub fn press(&mut self, keys: &str) -> Result<()> {
        Ok(self.window.write_all(keys.as_bytes())?)
    }

    pub fn signal(&mut self, signal: i32) -> Result<()> {
        let pid = i32::try_from(self.child.id())?;
        // SAFETY: the child was not waited for, so the pid is still its own.
        match unsafe { libc::kill(pid, signal) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()).context("signal it"),
        }
    }

    /// Waits for its end, and looks whether the terminal is as it was: its settings, its screen and its cursor. How it ended,
    /// and what stands on the screen.
    pub fn ended(mut self) -> Result<(ExitStatus, String)> {
        let was_raw = !is_cooked(&self.device)?;
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait()? {
                Some(status) => break status,
                None if Instant::now() > deadline => bail!("it does not end:\n{}", self.screen()),
                None => thread::sleep(Duration::from_millis(20)),
            }
        };
        // What it has written last may not have been read yet.
        let is_back = |seen: &Seen| {
            let screen = seen.parser.screen();
            !screen.alternate_screen() && !screen.hide_cursor()
        };
        while !self.seen(is_back) {
            if Instant::now() > deadline {
                bail!("the screen is not as it was:\n{}", self.screen());
            }
            thread::sleep(Duration::from_millis(20));
        }
        thread::sleep(Duration::from_millis(200));
        if !is_cooked(&self.device)? {
            bail!("the terminal is still raw; before the end: {was_raw}");
        }
        Ok((status, self.screen()))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended as a rule.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines are edited and echoed, and keys send signals.
fn is_cooked(device: &File) -> Result<bool> {
    let modes = tcgetattr(device)?.local_modes;
    Ok(modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG))
}

fn follow(mut window: File, screen: &Mutex<Seen>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = window.read(&mut buffer) {
        let bytes = buffer.get(..count).unwrap_or_default();
        let mut seen = screen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.parser.process(bytes);
        seen.bytes += count;
    }
}
