//! The Go program, running.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// Idle until told to write; killed when dropped.
pub struct Target {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Target {
    pub fn start(executable: &Path) -> Self {
        let mut child = Command::new(executable)
            // Often collecting, so that allocations must assist.
            .env("GOGC", "20")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut target = Self {
            child,
            input,
            output,
        };
        target.expect("ready");
        target
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lets each of its four goroutines fill its five maps with so many entries.
    pub fn fill(&mut self, entries: usize) {
        writeln!(self.input, "{entries}").unwrap();
        self.expect("done");
    }

    fn expect(&mut self, word: &str) {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), word);
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
