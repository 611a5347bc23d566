//! `slowmap top` in a real terminal, as a person uses it.

mod terminal;

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::Result;
use integration::{
    go::{self, Toolchain},
    machine,
    program::Program,
    requirement, slowmap,
};

use self::terminal::Terminal;

/// A service that grows a map from empty again and again, some seconds long.
fn service() -> Result<Program> {
    let mut command = Command::new(go::target("misuse", Toolchain::Installed)?);
    command.args([
        "--case",
        "regrown",
        "--duration",
        "60s",
        "--start-after",
        "1ms",
    ]);
    let mut service = Program::start(command)?;
    service.line(slowmap::PATIENCE, |line| line.starts_with("READY "))?;
    Ok(service)
}

fn top(service: &Program, more: &[&str]) -> Result<Command> {
    let mut top = slowmap::command(["top", "--threshold", "20us", "--pid"])?;
    top.arg(service.pid().to_string()).args(more);
    Ok(top)
}

#[test]
fn top_shows_the_line_that_writes_and_its_stack_and_gives_the_terminal_back() -> Result<()> {
    let test = "top_shows_the_line_that_writes_and_its_stack_and_gives_the_terminal_back";
    if !requirement::root(test) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let service = service()?;
    let directory = tempfile::tempdir()?;
    let output = directory.path().join("out").display().to_string();
    let mut terminal = Terminal::start(top(&service, &["--output", &output])?)?;
    terminal.wait_for("misuse/cases.go:")?;
    terminal.wait_for("main.fill")?;
    terminal.wait_for("1 processes")?;
    terminal.press("\r")?;
    terminal.wait_for("Slowest write of misuse/cases.go:")?;
    terminal.wait_for("main.regrown")?;
    terminal.press("\x1b")?;
    terminal.wait_for("Enter stack")?;
    terminal.press("/nothing has this\r")?;
    terminal.wait_for("with \"nothing has this\": 0")?;
    terminal.press("p")?;
    terminal.wait_for("PAUSED")?;
    let shown = terminal.screen();
    terminal.stays_as_it_is(Duration::from_millis(1_500))?;
    assert_eq!(terminal.screen(), shown, "paused");
    terminal.press("q")?;
    let (status, after) = terminal.ended()?;
    assert_eq!(status.code(), Some(0), "{after}");
    assert!(
        after.contains("slow map writes"),
        "what was recorded is said: {after}"
    );
    let recorded = integration::recording::read(output.as_ref())?;
    assert!(
        recorded
            .events
            .iter()
            .any(|event| event.has_frame("main.fill"))
    );
    Ok(())
}

#[test]
fn a_signal_and_ctrl_c_give_the_terminal_back_too() -> Result<()> {
    let test = "a_signal_and_ctrl_c_give_the_terminal_back_too";
    if !requirement::root(test) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let service = service()?;
    for signal in [Some(libc::SIGTERM), Some(libc::SIGINT), None] {
        let mut terminal = Terminal::start(top(&service, &[])?)?;
        terminal.wait_for("Written by")?;
        match signal {
            Some(signal) => terminal.signal(signal)?,
            None => terminal.press("\x03")?,
        }
        let (status, after) = terminal.ended()?;
        assert_eq!(status.code(), Some(0), "{after}");
    }
    Ok(())
}

#[test]
fn without_a_terminal_top_says_in_one_line_what_to_use() -> Result<()> {
    let mut command = slowmap::command(["top"])?;
    command.stdin(Stdio::null());
    let ended = Program::run(command, slowmap::PATIENCE)?;
    assert_eq!(ended.code(), Some(2), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("slowmap record"), "{}", ended.stderr);
    Ok(())
}
