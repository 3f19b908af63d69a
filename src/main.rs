//! The `octrls` command.

fn main() -> std::process::ExitCode {
    octrls::cli::run(std::env::args_os())
}
