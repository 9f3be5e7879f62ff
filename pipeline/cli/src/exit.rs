//! Exit codes: 0 done; 1 it failed; 2 the arguments, a file or a setting are wrong; 3 done, but bad input was
//! quarantined; 4 another process took over; 5 the answer is "no" (a check found a difference); 130 interrupted;
//! 141 whoever read the output has gone.

use candleflow_schema::{ConnectorError, Fault};
use std::{fmt, process::ExitCode};

/// It failed.
pub(crate) const FAILED: u8 = 1;
/// The arguments, a file or a setting are wrong.
pub(crate) const USAGE: u8 = 2;
/// Done, but bad input was quarantined.
pub(crate) const QUARANTINED: u8 = 3;
/// Another process took over.
pub(crate) const FENCED: u8 = 4;
/// A check found a difference.
pub(crate) const DIFFERENT: u8 = 5;
/// Whoever read the output has gone, as a shell counts SIGPIPE.
const UNREAD: u8 = 141;
/// Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

/// An error with an exit code of its own.
#[derive(Debug)]
pub(crate) struct Coded {
    code: u8,
    text: String,
}

impl fmt::Display for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Coded {}

/// A mistake of the user.
pub(crate) fn usage(text: impl fmt::Display) -> anyhow::Error {
    coded(USAGE, text)
}

/// An error with an exit code of its own.
pub(crate) fn coded(code: u8, text: impl fmt::Display) -> anyhow::Error {
    Coded { code, text: text.to_string() }.into()
}

/// An error with all its causes, each said once.
pub(crate) fn text(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text += &format!(": {cause}");
        }
    }
    text
}

/// The same error once more, for whoever only has a reference.
pub(crate) fn again(error: &anyhow::Error) -> anyhow::Error {
    coded(code_of(error), text(error))
}

/// Prints an error and gives its exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if nobody_reads(error) {
        return ExitCode::from(UNREAD);
    }
    crate::talk::say(&format!("error: {}", text(error)));
    ExitCode::from(code_of(error))
}

/// Whether stdout was closed, as `| head` does: there is nobody to tell.
fn nobody_reads(error: &anyhow::Error) -> bool {
    let pipe = |e: &std::io::Error| e.kind() == std::io::ErrorKind::BrokenPipe;
    error.downcast_ref::<std::io::Error>().is_some_and(pipe)
}

/// The exit code of an error.
pub(crate) fn code_of(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if let Some(coded) = cause.downcast_ref::<Coded>() {
            return coded.code;
        }
        if cause.is::<candleflow_config::Diagnostics>() || cause.is::<candleflow_files::FileError>() {
            return USAGE;
        }
        if let Some(candleflow_topics::Error::Fenced { .. }) = cause.downcast_ref::<candleflow_topics::Error>() {
            return FENCED;
        }
        if cause.downcast_ref::<ConnectorError>().is_some_and(|e| e.fault == Fault::User) {
            return USAGE;
        }
        if let Some(error) = cause.downcast_ref::<candleflow_runtime::RunError>() {
            match error {
                candleflow_runtime::RunError::Cancelled => return INTERRUPTED,
                error if error.fault() == Fault::User => return USAGE,
                _ => {}
            }
        }
        let lake = cause.downcast_ref::<candleflow_lake::Error>();
        if matches!(lake, Some(candleflow_lake::Error::Fenced { .. })) {
            return FENCED;
        }
        if lake.is_some_and(|e| e.fault() == Fault::User) {
            return USAGE;
        }
    }
    FAILED
}
