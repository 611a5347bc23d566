//! What of the statistics is looked at, and how keys change that. Pure.

use super::{callers::Caller, statistics::Snapshot};

/// A key, without what only terminals know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Char(char),
    Enter,
    Escape,
    Backspace,
    Up,
    Down,
    PageUp,
    PageDown,
    /// Ctrl-C, which is no signal while the terminal is the view's.
    Interrupt,
}

/// What a key asks for beyond the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    Nothing,
    Quit,
    /// Forget what was seen.
    Clear,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    #[default]
    Time,
    Writes,
    Rate,
    P99,
    Max,
}

#[derive(Debug, Default)]
pub struct View {
    pub sort: Sort,
    pub paused: bool,
    /// Only lines that have this somewhere.
    pub filter: String,
    /// The filter is being typed.
    pub typing: bool,
    pub selected: usize,
    /// The stack of the selected line is shown, from this frame on.
    pub stack: Option<usize>,
    shown: Snapshot,
}

const PAGE: usize = 10;

impl Sort {
    const ALL: [Self; 5] = [Self::Time, Self::Writes, Self::Rate, Self::P99, Self::Max];

    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Writes => "writes",
            Self::Rate => "per s",
            Self::P99 => "p99",
            Self::Max => "max",
        }
    }

    fn next(self) -> Self {
        let position = Self::ALL.iter().position(|&sort| sort == self);
        Self::ALL[position.map_or(0, |position| (position + 1) % Self::ALL.len())]
    }

    /// The larger, the higher in the table.
    fn of(self, caller: &Caller) -> u64 {
        let row = &caller.row;
        match self {
            Self::Time => row.nano,
            Self::Writes => row.count,
            Self::Rate => (row.per_second * 1_000.0) as u64,
            Self::P99 => row.p99_nano,
            Self::Max => row.max_nano,
        }
    }
}

impl View {
    /// Takes a new picture, unless it is paused. The selection stays on its line.
    pub fn show(&mut self, snapshot: Snapshot) {
        if self.paused {
            return;
        }
        let selected = self.selected().map(|caller| caller.id.clone());
        self.shown = snapshot;
        let callers = self.callers();
        let again = callers
            .iter()
            .position(|caller| Some(&caller.id) == selected.as_ref());
        // Who has not moved yet looks at the first, whichever that is.
        if self.selected > 0 || self.stack.is_some() {
            self.selected = again.unwrap_or(self.selected);
        }
        self.clamp();
    }

    pub fn shown(&self) -> &Snapshot {
        &self.shown
    }

    /// The lines that pass the filter, in order.
    pub fn callers(&self) -> Vec<&Caller> {
        let callers = self.shown.callers.iter();
        let mut callers: Vec<&Caller> = callers.filter(|caller| caller.has(&self.filter)).collect();
        callers.sort_by(|a, b| {
            let larger = self.sort.of(b).cmp(&self.sort.of(a));
            larger.then_with(|| a.id.cmp(&b.id))
        });
        callers
    }

    pub fn selected(&self) -> Option<&Caller> {
        self.callers().get(self.selected).copied()
    }

    pub fn press(&mut self, key: Key) -> Wish {
        if key == Key::Interrupt {
            return Wish::Quit;
        }
        if self.typing {
            self.type_filter(key);
            return Wish::Nothing;
        }
        match key {
            Key::Char('q') => return Wish::Quit,
            Key::Char('c') => {
                (self.selected, self.stack) = (0, None);
                return Wish::Clear;
            }
            Key::Char('p' | ' ') => self.paused = !self.paused,
            Key::Char('s') => self.sort = self.sort.next(),
            Key::Char('/') => (self.typing, self.stack) = (true, None),
            Key::Enter if self.selected().is_some() => self.stack = Some(0),
            Key::Escape if self.stack.is_some() => self.stack = None,
            Key::Escape => self.filter.clear(),
            Key::Up | Key::Char('k') => self.go(|at| at.saturating_sub(1)),
            Key::Down | Key::Char('j') => self.go(|at| at + 1),
            Key::PageUp => self.go(|at| at.saturating_sub(PAGE)),
            Key::PageDown => self.go(|at| at + PAGE),
            _ => {}
        }
        self.clamp();
        Wish::Nothing
    }

    fn type_filter(&mut self, key: Key) {
        match key {
            Key::Char(c) if !c.is_control() => self.filter.push(c),
            Key::Backspace => drop(self.filter.pop()),
            Key::Enter => self.typing = false,
            Key::Escape => {
                self.typing = false;
                self.filter.clear();
            }
            _ => {}
        }
        self.selected = 0;
    }

    fn go(&mut self, to: impl Fn(usize) -> usize) {
        match &mut self.stack {
            Some(frame) => *frame = to(*frame),
            None => self.selected = to(self.selected),
        }
    }

    fn clamp(&mut self) {
        let last = self.callers().len().saturating_sub(1);
        self.selected = self.selected.min(last);
        let frames = self.selected().map(|caller| caller.slowest.stack.len());
        self.stack = match (self.stack, frames) {
            (Some(frame), Some(frames)) => Some(frame.min(frames.saturating_sub(1))),
            _ => None,
        };
    }
}
