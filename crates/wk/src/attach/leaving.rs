//! The exit code of a session, as a shell would have it.

use wk_api::SessionView;
use wk_holder::protocol::Ended;
use wk_model::{LimitKind, Status};

use crate::code::Code;

/// The code of a session whose end the holder has just told.
pub(crate) fn ended_code(ended: &Ended) -> Code {
    match ended.limit {
        Some(LimitKind::Time | LimitKind::Idle | LimitKind::CpuTime) => Code::TIMEOUT,
        Some(LimitKind::Memory | LimitKind::Processes | LimitKind::Output)
            if ended.ending.shell_code() == 0 =>
        {
            Code::FAILURE
        }
        _ => Code::from_shell(ended.ending.shell_code()),
    }
}

/// The code of a session that has ended before.
pub(crate) fn view_code(view: &SessionView) -> Code {
    match (view.status, view.exit_code, view.signal) {
        (Some(Status::Timeout), ..) => Code::TIMEOUT,
        // It was asked to end for a limit, and ended well.
        (Some(Status::Failed), Some(0), _) => Code::FAILURE,
        (_, Some(code), _) => Code::from_shell(code),
        (_, None, Some(signal)) => Code::from_shell(128 + signal),
        (_, None, None) => Code::FAILURE,
    }
}
