// Tells Watchkeeper what opencode does. It only looks on: whatever goes wrong here, opencode
// does not hear of it.
import { spawn } from "node:child_process";

function tell(hook_event_name, session_id, more) {
  try {
    const event = { hook_event_name, session_id, cwd: process.cwd(), ...more };
    const hook = spawn(PROGRAM, ["opencode"], { stdio: ["pipe", "ignore", "ignore"] });
    hook.on("error", () => {});
    hook.stdin.on("error", () => {});
    hook.stdin.end(JSON.stringify(event));
    hook.unref();
  } catch {}
}

function told(event) {
  const type = event?.type;
  const has = event?.properties ?? event?.data ?? {};
  const id = has.sessionID ?? has.part?.sessionID ?? has.info?.sessionID ?? has.info?.id ?? has.id;
  if (typeof id !== "string") return;
  if (type === "session.created") {
    tell("SessionStart", id, { source: "startup", parent_session_id: has.info?.parentID });
  } else if (type === "session.deleted") {
    tell("SessionEnd", id, { reason: "deleted" });
  } else if (type === "session.idle") {
    tell("Stop", id);
  } else if (type === "session.compacted") {
    tell("PostCompact", id);
  } else if (type === "permission.asked" || type === "permission.updated") {
    tell("PermissionRequest", id, { tool_name: has.permission ?? has.type });
  } else if (type === "message.part.updated" && has.part?.type === "tool") {
    // No hook of its own tells of a tool that failed.
    const { state, tool, callID } = has.part;
    if (state?.status !== "error") return;
    const failure = { tool_name: tool, tool_use_id: callID, error: String(state.error) };
    tell("PostToolUseFailure", id, failure);
  }
}

function prompt(id, parts) {
  const texts = (parts ?? []).filter((part) => part.type === "text").map((part) => part.text);
  tell("UserPromptSubmit", id, { prompt: texts.join("\n") });
}

// opencode 1: functions by the name of what they are called for.
async function server() {
  return {
    event: async ({ event }) => told(event),
    "chat.message": async (input, output) => prompt(input.sessionID, output.parts),
    "tool.execute.before": async (input, output) =>
      tell("PreToolUse", input.sessionID, {
        tool_name: input.tool,
        tool_use_id: input.callID,
        tool_input: output.args,
      }),
    "tool.execute.after": async (input, output) =>
      tell("PostToolUse", input.sessionID, {
        tool_name: input.tool,
        tool_use_id: input.callID,
        tool_input: input.args,
        tool_response: output?.output,
      }),
  };
}

// opencode 2: it is asked for what is to be heard.
async function setup(host) {
  const name = (event) => event?.tool?.name ?? event?.tool ?? event?.name;
  const use = (event) => event?.callID ?? event?.toolCallID ?? event?.id;
  await host?.tool?.hook?.("execute.before", async (event) =>
    tell("PreToolUse", event?.sessionID, {
      tool_name: name(event),
      tool_use_id: use(event),
      tool_input: event?.input ?? event?.args,
    }),
  );
  await host?.tool?.hook?.("execute.after", async (event) => {
    const failed = event?.error !== undefined || event?.status === "error";
    tell(failed ? "PostToolUseFailure" : "PostToolUse", event?.sessionID, {
      tool_name: name(event),
      tool_use_id: use(event),
      tool_response: event?.result,
      error: failed ? String(event?.error?.message ?? event?.error) : undefined,
    });
  });
  await host?.event?.subscribe?.((event) => told(event));
}

export default { id: "watchkeeper", server, setup };
