//! The command line: in, arguments and environment; out, a typed configuration for the pipeline, and an exit
//! code. It holds no knowledge of what the commands do.

mod answer;
mod arguments;
pub mod check;
mod correlate;
pub mod inspect;
mod logging;
mod record;
mod report;
mod run;
mod top;

use clap::{Parser, error::ErrorKind};

use self::arguments::{Arguments, Command};
use crate::{config::Environment, cut_short, failure::Failure};

/// Does what the arguments of this process say.
///
/// # Errors
/// What `Failure` names; its message is for the user.
pub async fn main() -> Result<(), Failure> {
    cut_short::survive();
    let environment = Environment::read();
    let Arguments {
        log_format,
        command,
    } = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return answer(&error),
    };
    match command {
        Command::Run(arguments) => run::run(*arguments, log_format, &environment).await,
        Command::Record(arguments) => record::record(arguments, log_format, &environment).await,
        Command::Inspect(arguments) => inspect::inspect(&arguments, log_format, &environment),
        Command::Check(arguments) => check::check(&arguments, log_format, &environment),
        Command::Report(arguments) => report::report(arguments, log_format, &environment),
        Command::Top(arguments) => top::top(arguments, log_format, &environment).await,
        Command::Correlate(arguments) => {
            correlate::correlate(*arguments, log_format, &environment).await
        }
    }
}

/// Prints what was asked for by `--help` and `--version`; makes a single line of an error.
fn answer(error: &clap::Error) -> Result<(), Failure> {
    use ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    match error.kind() {
        DisplayHelp | DisplayVersion => error.print().map_err(|error| Failure::Other(error.into())),
        DisplayHelpOnMissingArgumentOrSubcommand => Err(Failure::Usage(
            "no command given; see `slowmap --help`".into(),
        )),
        _ => Err(Failure::Usage(one_line(&error.to_string()))),
    }
}

/// clap's message without its usage text.
fn one_line(message: &str) -> String {
    let lines: Vec<&str> = message
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty())
        .collect();
    let problem = lines.join(" ");
    format!(
        "{}; see `slowmap --help`",
        problem.trim_start_matches("error: ")
    )
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_error_of_the_command_line_is_one_line_that_names_the_flag() {
        let arguments = [
            "slowmap",
            "record",
            "--all",
            "--threshold",
            "5",
            "--output",
            "out",
        ];
        let error = Arguments::try_parse_from(arguments).unwrap_err();
        let line = one_line(&error.to_string());
        assert!(
            line.contains("--threshold") && line.contains("'5'") && line.contains("1us to 10s"),
            "{line}"
        );
        assert!(!line.contains('\n'), "{line}");
    }
}
