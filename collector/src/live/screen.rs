//! The terminal: taken over, drawn to, and given back however the program ends.

use std::{
    io::{self, IsTerminal},
    thread,
};

use ratatui::{
    DefaultTerminal,
    crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
};
use tokio::sync::mpsc;

use super::{
    draw::draw,
    view::{Key, View},
};

/// Keys that wait to be read; who types faster loses some.
const KEYS: usize = 64;

#[derive(Debug, thiserror::Error)]
#[error("the terminal cannot be used: {0}")]
pub struct ScreenError(#[from] io::Error);

/// What comes from the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    Key(Key),
    Resized,
}

/// Raw mode and the alternate screen. Dropped, or when the program panics, the terminal is as it was before.
#[derive(Debug)]
pub struct Screen {
    terminal: DefaultTerminal,
    input: mpsc::Receiver<Input>,
}

/// Whether there is one to draw to and to read keys from.
pub fn is_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

impl Screen {
    /// # Errors
    /// It is no terminal, or one that cannot be set.
    pub fn open() -> Result<Self, ScreenError> {
        // Gives the terminal back on a panic too.
        let terminal = ratatui::try_init()?;
        let (sender, input) = mpsc::channel(KEYS);
        // It waits for a key at the end: nobody waits for it.
        thread::spawn(move || read(&sender));
        Ok(Self { terminal, input })
    }

    /// # Errors
    /// The terminal is gone.
    pub fn draw(&mut self, view: &View) -> Result<(), ScreenError> {
        self.terminal.draw(|frame| draw(frame, view))?;
        Ok(())
    }

    /// The next key. `None`: the terminal is gone.
    pub async fn input(&mut self) -> Option<Input> {
        self.input.recv().await
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = self.terminal.show_cursor();
        let _ = ratatui::try_restore();
    }
}

fn read(to: &mpsc::Sender<Input>) {
    while let Ok(event) = event::read() {
        let input = match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => key_of(key).map(Input::Key),
            Event::Resize(..) => Some(Input::Resized),
            _ => None,
        };
        if input.is_some_and(|input| to.blocking_send(input).is_err()) {
            return;
        }
    }
}

fn key_of(key: KeyEvent) -> Option<Key> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    Some(match key.code {
        KeyCode::Char('c') if control => Key::Interrupt,
        KeyCode::Char(_) if control => return None,
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        _ => return None,
    })
}
