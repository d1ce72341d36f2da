//! `GET /api/health`.

use axum::{Json, extract::State};
use wk_api::{HealthNumbers, RecoveryNumbers, SessionsByStatus};
use wk_journal::Tally;
use wk_model::{Condition, Life, Liveness, Session, Status};

use crate::{App, Failure, Sessions};

pub(crate) async fn health(State(app): State<App>) -> Result<Json<HealthNumbers>, Failure> {
    let tally = app.journal.tally()?;
    let live = app.journal.live();
    let count = |fits: &dyn Fn(&Session) -> bool| {
        live.iter().filter(|session| fits(session)).count() as u64
    };
    let having = |condition: Condition| count(&|session| session.conditions.contains(&condition));
    Ok(Json(HealthNumbers {
        total_sessions: tally.total(),
        living_sessions: live.len() as u64,
        healthy_sessions: count(&|session| is_healthy(session, &app.sessions)),
        stale_sessions: having(Condition::Stale),
        hung_sessions: having(Condition::Hung),
        over_limit_sessions: having(Condition::OverLimit),
        unreachable_sessions: count(&|session| {
            matches!(session.life, Life::Running { reachable: false, .. })
        }),
        average_memory_usage: app.sessions.average_memory(),
        sessions_by_status: by_status(&tally),
        recovery: recovery(&tally),
    }))
}

fn is_healthy(session: &Session, sessions: &Sessions) -> bool {
    let Life::Running { reachable: true, .. } = session.life else { return false };
    // Nobody has looked yet: its holder says that it runs.
    let reading = sessions.reading(session.id);
    let lives = reading.is_none_or(|reading| reading.alive != Liveness::Dead);
    lives && session.conditions.is_empty()
}

fn by_status(tally: &Tally) -> SessionsByStatus {
    SessionsByStatus {
        running: tally.of(Status::Running),
        completed: tally.of(Status::Completed),
        failed: tally.of(Status::Failed),
        cancelled: tally.of(Status::Cancelled),
        timeout: tally.of(Status::Timeout),
        recovering: tally.of(Status::Recovering),
    }
}

fn recovery(tally: &Tally) -> RecoveryNumbers {
    let Tally { retries, retried, recovered, .. } = *tally;
    RecoveryNumbers {
        attempts: retries,
        succeeded: recovered,
        sessions: retried,
        success_rate: (retried > 0).then(|| recovered as f64 / retried as f64),
    }
}
