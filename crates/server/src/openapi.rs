//! `GET /api/openapi.json`: the routes and their types, for machines.

use axum::Json;
use utoipa::OpenApi;
use wk_api as api;

/// Documents that live beside the handlers would make every handler's signature public; the
/// stand-ins below hold the attributes, and a test compares them with the router.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Watchkeeper",
        description = "Keeps watch over agent and terminal sessions. `{session}` is an id, any \
                       unique prefix of it, or a name. Errors are problem documents (RFC 9457).",
    ),
    paths(
        create,
        list,
        show,
        remove,
        stop,
        stop_many,
        restart,
        signal,
        input,
        resize,
        screen,
        output,
        attach,
        wait,
        recording,
        session_events,
        events,
        health,
        clean,
        stats,
        analytics,
        timeline,
        tools,
        why,
        deaths,
        patterns,
        daemon,
        daemon_stop,
        daemon_reload,
        rebuild,
        instances,
        reset_instance,
        tmux,
        tmux_repair,
        alive,
        alive_for_probes,
        collect,
        collected,
        collected_options,
        collected_stream,
        listener,
        listener_start,
        listener_stop,
        listener_restart,
        tokens,
        create_token,
        revoke_token,
        track_start,
        track_end,
        track_heartbeat,
        end_record,
    ),
    components(schemas(api::EventView, api::OutputChunk, api::Problem))
)]
struct Document;

pub(crate) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}

macro_rules! routes {
    ($($(#[$attribute:meta])* $name:ident;)+) => {
        $($(#[$attribute])* #[expect(dead_code, reason = "carries its attribute")] fn $name() {})+
    };
}

routes! {
    /// Tell that a shell has begun. The same `event_id` is the same session.
    #[utoipa::path(post, path = "/api/track/start", request_body = api::TrackStartRequest,
        responses((status = 200, body = api::Tracked), (status = "4XX", body = api::Problem)))]
    track_start;
    /// Tell that a shell is over.
    #[utoipa::path(post, path = "/api/track/end", request_body = api::TrackEndRequest,
        responses((status = 200, body = api::Tracked), (status = "4XX", body = api::Problem)))]
    track_end;
    /// Tell that a shell lives: every minute, where its start said so.
    #[utoipa::path(post, path = "/api/track/heartbeat", request_body = api::TrackHeartbeatRequest,
        responses((status = 200, body = api::Tracked), (status = "4XX", body = api::Problem)))]
    track_heartbeat;
    /// Close the record of a tracked shell whose end was never heard.
    #[utoipa::path(post, path = "/api/sessions/{session}/end", params(("session" = String, Path)),
        responses((status = 200, body = api::SessionView), (status = "4XX", body = api::Problem)))]
    end_record;
    /// List the tmux servers of this user, and what is watched.
    #[utoipa::path(get, path = "/api/tmux",
        responses((status = 200, body = Vec<api::TmuxServerView>), (status = "4XX", body = api::Problem)))]
    tmux;
    /// Have tmux servers make their sockets anew.
    #[utoipa::path(post, path = "/api/tmux/repair", request_body = api::RepairTmux,
        responses((status = 200, body = Vec<api::TmuxRepaired>), (status = "4XX", body = api::Problem)))]
    tmux_repair;
    /// List the instances of templates, and how their circuit breakers stand.
    #[utoipa::path(get, path = "/api/instances",
        responses((status = 200, body = Vec<api::InstanceView>), (status = "4XX", body = api::Problem)))]
    instances;
    /// Close an instance's circuit breaker: it gets sessions again.
    #[utoipa::path(post, path = "/api/instances/{template}/{instance}/reset",
        params(("template" = String, Path), ("instance" = String, Path)),
        responses((status = 200, body = Vec<api::InstanceView>), (status = "4XX", body = api::Problem)))]
    reset_instance;
    /// Run a command as a session.
    #[utoipa::path(post, path = "/api/sessions", request_body = api::CreateSession,
        params(("Idempotency-Key" = Option<String>, Header, description = "The same key never starts two sessions")),
        responses((status = 201, body = api::SessionView), (status = "4XX", body = api::Problem)))]
    create;
    /// List sessions, newest first. The header `x-wk-more` says that there are more.
    #[utoipa::path(get, path = "/api/sessions", params(api::ListQuery),
        responses((status = 200, body = Vec<api::SessionView>), (status = "4XX", body = api::Problem)))]
    list;
    /// Show a session.
    #[utoipa::path(get, path = "/api/sessions/{session}", params(("session" = String, Path)),
        responses((status = 200, body = api::SessionView), (status = "4XX", body = api::Problem)))]
    show;
    /// Remove an ended session's files.
    #[utoipa::path(delete, path = "/api/sessions/{session}", params(("session" = String, Path)),
        responses((status = 204), (status = "4XX", body = api::Problem)))]
    remove;
    /// End a session: TERM, and KILL after the grace, to its whole process tree.
    #[utoipa::path(post, path = "/api/sessions/{session}/stop", params(("session" = String, Path)),
        request_body = api::StopRequest,
        responses((status = 200, body = api::SessionView), (status = "4XX", body = api::Problem)))]
    stop;
    /// End all living sessions that the filters find.
    #[utoipa::path(post, path = "/api/sessions/stop", params(api::ListQuery),
        request_body = api::StopRequest,
        responses((status = 200, body = api::StoppedMany), (status = "4XX", body = api::Problem)))]
    stop_many;
    /// Start a session again; an attempt that runs is ended first.
    #[utoipa::path(post, path = "/api/sessions/{session}/restart", params(("session" = String, Path)),
        request_body = api::RestartRequest,
        responses((status = 200, body = api::SessionView), (status = "4XX", body = api::Problem)))]
    restart;
    /// Send a signal.
    #[utoipa::path(post, path = "/api/sessions/{session}/signal", params(("session" = String, Path)),
        request_body = api::SignalRequest,
        responses((status = 200, body = api::SessionView), (status = "4XX", body = api::Problem)))]
    signal;
    /// Type text and press keys.
    #[utoipa::path(post, path = "/api/sessions/{session}/input", params(("session" = String, Path)),
        request_body = api::InputRequest,
        responses((status = 200, body = api::SessionView), (status = "4XX", body = api::Problem)))]
    input;
    /// Resize the terminal.
    #[utoipa::path(post, path = "/api/sessions/{session}/resize", params(("session" = String, Path)),
        request_body = api::ResizeRequest,
        responses((status = 200, body = api::SessionView), (status = "4XX", body = api::Problem)))]
    resize;
    /// What the terminal shows now.
    #[utoipa::path(get, path = "/api/sessions/{session}/screen",
        params(("session" = String, Path), api::ScreenQuery),
        responses((status = 200, body = String, content_type = "text/plain"), (status = "4XX", body = api::Problem)))]
    screen;
    /// What was printed, as server-sent events.
    #[utoipa::path(get, path = "/api/sessions/{session}/output",
        params(("session" = String, Path), api::OutputQuery),
        responses((status = 200, body = String, content_type = "text/event-stream"), (status = "4XX", body = api::Problem)))]
    output;
    /// Attach: the connection is upgraded to the holder's frames.
    #[utoipa::path(get, path = "/api/sessions/{session}/attach",
        params(("session" = String, Path), api::AttachQuery),
        responses((status = 101), (status = "4XX", body = api::Problem)))]
    attach;
    /// Wait for an end, for silence, or for a text.
    #[utoipa::path(get, path = "/api/sessions/{session}/wait",
        params(("session" = String, Path), api::WaitQuery),
        responses((status = 200, body = api::Waited), (status = "4XX", body = api::Problem)))]
    wait;
    /// The recording as one asciicast v3 file.
    #[utoipa::path(get, path = "/api/sessions/{session}/recording", params(("session" = String, Path)),
        responses((status = 200, body = Vec<u8>, content_type = "application/x-asciicast"), (status = "4XX", body = api::Problem)))]
    recording;
    /// A session's events, as server-sent events.
    #[utoipa::path(get, path = "/api/sessions/{session}/events",
        params(("session" = String, Path), api::EventQuery),
        responses((status = 200, body = String, content_type = "text/event-stream"), (status = "4XX", body = api::Problem)))]
    session_events;
    /// All events, as server-sent events; `Last-Event-ID` resumes.
    #[utoipa::path(get, path = "/api/events", params(api::EventQuery),
        responses((status = 200, body = String, content_type = "text/event-stream"), (status = "4XX", body = api::Problem)))]
    events;
    /// How all sessions are, in numbers.
    #[utoipa::path(get, path = "/api/health", responses((status = 200, body = api::HealthNumbers)))]
    health;
    /// Remove files of ended sessions, or end what outlived them.
    #[utoipa::path(post, path = "/api/clean", request_body = api::CleanRequest,
        responses((status = 200, body = api::Cleaned), (status = "4XX", body = api::Problem)))]
    clean;
    /// Sessions over time: how many, how long, of how many users, at which hours.
    #[utoipa::path(get, path = "/api/analytics", params(api::AnalyticsQuery),
        responses((status = 200, body = api::Analytics), (status = "4XX", body = api::Problem)))]
    analytics;
    /// Sessions in numbers.
    #[utoipa::path(get, path = "/api/stats", params(api::StatsQuery),
        responses((status = 200, body = api::Stats), (status = "4XX", body = api::Problem)))]
    stats;
    /// What a session and those below it did, on one time axis.
    #[utoipa::path(get, path = "/api/sessions/{session}/timeline",
        params(("session" = String, Path), api::TimelineQuery),
        responses((status = 200, body = api::Timeline), (status = "4XX", body = api::Problem)))]
    timeline;
    /// Tools in numbers.
    #[utoipa::path(get, path = "/api/tools", params(api::ToolsQuery),
        responses((status = 200, body = Vec<api::ToolView>), (status = "4XX", body = api::Problem)))]
    tools;
    /// Why a session ended, with proof.
    #[utoipa::path(get, path = "/api/sessions/{session}/why",
        params(("session" = String, Path), api::WhyQuery),
        responses((status = 200, body = api::Why), (status = "4XX", body = api::Problem)))]
    why;
    /// List ends that nobody had meant, newest first.
    #[utoipa::path(get, path = "/api/deaths", params(api::DeathsQuery),
        responses((status = 200, body = Vec<api::Death>), (status = "4XX", body = api::Problem)))]
    deaths;
    /// What repeats in them.
    #[utoipa::path(get, path = "/api/deaths/patterns", params(api::DeathsQuery),
        responses((status = 200, body = api::Patterns), (status = "4XX", body = api::Problem)))]
    patterns;
    /// How the daemon stands.
    #[utoipa::path(get, path = "/api/daemon", responses((status = 200, body = api::DaemonStatus)))]
    daemon;
    /// End the daemon; sessions go on.
    #[utoipa::path(post, path = "/api/daemon/stop", responses((status = 200, body = Object)))]
    daemon_stop;
    /// Read the settings again.
    #[utoipa::path(post, path = "/api/daemon/reload",
        responses((status = 200, body = Object), (status = "4XX", body = api::Problem)))]
    daemon_reload;
    /// Say that the daemon is there; takes no token.
    #[utoipa::path(get, path = "/health", responses((status = 200, body = api::Alive)))]
    alive;
    /// The same, by its other name.
    #[utoipa::path(get, path = "/healthz", responses((status = 200, body = api::Alive)))]
    alive_for_probes;
    /// Take in events of agents: one, or a list of at most 10,000. They are on disk when this answers.
    ///
    /// One is answered as it is kept, with its `id`; a list by `{saved, ids}`.
    #[utoipa::path(post, path = "/events", request_body = api::CollectorEvent,
        responses((status = 200, body = api::CollectorEvent), (status = "4XX", body = Object)))]
    collect;
    /// The latest of them, oldest first: at most 1000.
    #[utoipa::path(get, path = "/events/recent", params(api::RecentQuery),
        responses((status = 200, body = Vec<api::CollectorEvent>), (status = "4XX", body = api::Problem)))]
    collected;
    /// What there is to choose from among the latest.
    #[utoipa::path(get, path = "/events/filter-options",
        responses((status = 200, body = api::FilterOptions), (status = "4XX", body = api::Problem)))]
    collected_options;
    /// A WebSocket: first the latest 300, then each as it comes.
    #[utoipa::path(get, path = "/stream",
        responses((status = 101), (status = "4XX", body = api::Problem)))]
    collected_stream;
    /// How the daemon listens over TCP.
    #[utoipa::path(get, path = "/api/listener",
        responses((status = 200, body = api::ListenerView), (status = "4XX", body = api::Problem)))]
    listener;
    /// Listen over TCP; try again where another program had the port.
    #[utoipa::path(post, path = "/api/listener/start",
        responses((status = 200, body = api::ListenerView), (status = "4XX", body = api::Problem)))]
    listener_start;
    /// Listen no more, until the next daemon. On the Unix socket only.
    #[utoipa::path(post, path = "/api/listener/stop",
        responses((status = 200, body = api::ListenerView), (status = "4XX", body = api::Problem)))]
    listener_stop;
    /// End its connections and listen anew. On the Unix socket only.
    #[utoipa::path(post, path = "/api/listener/restart",
        responses((status = 200, body = api::ListenerView), (status = "4XX", body = api::Problem)))]
    listener_restart;
    /// List made tokens, without what makes them tokens.
    #[utoipa::path(get, path = "/api/tokens",
        responses((status = 200, body = Vec<api::TokenView>), (status = "4XX", body = api::Problem)))]
    tokens;
    /// Make a token. It is told once.
    #[utoipa::path(post, path = "/api/tokens", request_body = api::CreateToken,
        responses((status = 201, body = api::NewToken), (status = "4XX", body = api::Problem)))]
    create_token;
    /// Revoke a token, by its id or name.
    #[utoipa::path(delete, path = "/api/tokens/{token}", params(("token" = String, Path)),
        responses((status = 204), (status = "4XX", body = api::Problem)))]
    revoke_token;
    /// Fold the journal anew and compare.
    #[utoipa::path(post, path = "/api/rebuild", responses((status = 200, body = Object)))]
    rebuild;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_every_route() {
        let document = serde_json::to_value(Document::openapi()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let router = include_str!("routes/mod.rs");
        let routes = router.lines().filter_map(|line| line.trim().strip_prefix(".route(\""));
        for route in routes.map(|rest| rest.split('"').next().unwrap()) {
            let documented =
                paths.contains_key(&format!("/api{route}")) || paths.contains_key(route);
            // MCP describes itself, to those who speak it.
            let apart = ["/openapi.json", "/mcp"].contains(&route);
            assert!(documented || apart, "{route} is not documented");
        }
    }
}
