use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match slowmap::cli::main().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("slowmap: {failure}");
            failure.exit_code()
        }
    }
}
