//! Answers what clients of the protocol ask.

use axum::http::request::Parts;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CustomRequest, CustomResult, ErrorCode,
        Implementation, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
        PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse,
        ReadResourceResult, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
};
use wk_api::{Problem, problem_type};

use crate::{Backend, outcome, resources, tools};

/// For whoever reads what a server is for.
const INSTRUCTIONS: &str = "Watchkeeper keeps watch over agent and terminal sessions. Tell of a \
    shell with track_session_start and track_session_end; find sessions with list_sessions, look \
    at one with show_session, and ask why it ended with why.";

/// Methods that we have: what the library does not read as one of them has wrong parameters.
const METHODS: [&str; 7] = [
    "initialize",
    "server/discover",
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/templates/list",
    "resources/read",
];

/// The server of one connection, or of one request.
#[derive(Clone, Debug)]
pub struct Server {
    backend: Backend,
}

impl Server {
    pub fn new(backend: Backend) -> Self {
        Self { backend }
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_resources().build();
        let mut info = ServerConfig::new(capabilities).with_instructions(INSTRUCTIONS);
        info.server_info = Implementation::new("watchkeeper", env!("CARGO_PKG_VERSION"));
        info
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = tools::ALL.iter().map(|spec| spec.tool.clone()).collect();
        Ok(ListToolsResult::with_all_items(tools))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::find(name).map(|spec| spec.tool.clone())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(spec) = tools::find(&request.name) else {
            let name: String = request.name.chars().take(80).collect();
            let detail = format!("there is no tool `{}`: see tools/list", name.escape_debug());
            return Err(ErrorData::invalid_params(detail, None));
        };
        let arguments = request.arguments.unwrap_or_default();
        let result = match spec.plan(&arguments) {
            Ok(ask) => spec.shape(&arguments, self.backend.ask(caller(&context), ask).await),
            Err(fault) => outcome::error(fault),
        };
        Ok(result.into())
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let shown: String = request.method.chars().take(80).collect();
        let shown = shown.escape_debug();
        if METHODS.contains(&request.method.as_str()) {
            let detail = format!("the parameters of `{shown}` are not as the protocol has them");
            return Err(ErrorData::invalid_params(detail, None));
        }
        let detail = format!("there is no method `{shown}`");
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, detail, None))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(resources::templates()))
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let cursor = request.and_then(|request| request.cursor);
        let ask = resources::ask_page(cursor.as_deref());
        let answered = self.backend.ask(caller(&context), ask).await.map_err(|p| protocol(&p))?;
        let (found, next) = resources::listed(&answered);
        let mut result = ListResourcesResult::with_all_items(found);
        result.next_cursor = next;
        Ok(result)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let (session, part) = resources::parse(&request.uri)
            .map_err(|fault| ErrorData::resource_not_found(fault, None))?;
        let ask = resources::ask(&session, part);
        let answered = self.backend.ask(caller(&context), ask).await.map_err(|p| protocol(&p))?;
        let contents = resources::contents(&request.uri, part, &answered);
        Ok(ReadResourceResult::new(vec![contents]).into())
    }
}

/// The HTTP request that a call came with; none over stdio.
fn caller(context: &RequestContext<RoleServer>) -> Option<&Parts> {
    context.extensions.get::<Parts>()
}

/// A problem as an error of the protocol.
fn protocol(problem: &Problem) -> ErrorData {
    let detail = problem.detail.clone();
    match problem.kind.as_str() {
        problem_type::NOT_FOUND => ErrorData::resource_not_found(detail, None),
        problem_type::INTERNAL | problem_type::UNAVAILABLE => {
            ErrorData::internal_error(detail, None)
        }
        problem_type::BAD_REQUEST | problem_type::AMBIGUOUS | problem_type::CONFLICT => {
            ErrorData::invalid_params(detail, None)
        }
        _ => ErrorData::new(ErrorCode::INVALID_REQUEST, detail, None),
    }
}
