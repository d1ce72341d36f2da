//! `cargo xtask schema`: a fuzzer of OpenAPI documents against a daemon of its own. No answer
//! may be a 5xx, and the daemon must live on.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    command::{cargo, find, output, run as run_command, succeeds},
    metadata::Graph,
    packages,
};

/// Not called: the daemon under test would end, as it should.
const DEADLY: &str = "/api/daemon/stop";

/// Nor this: it answers when something happens, and by chance nothing ever does.
const PATIENT: &str = "/api/sessions/{session}/wait";

#[derive(clap::Args)]
pub(crate) struct SchemaArgs {
    /// Requests for each operation
    #[arg(long, default_value_t = 50)]
    examples: u32,
}

pub(crate) fn run(args: &SchemaArgs) -> Result<()> {
    let Some(fuzzer) = find("schemathesis") else {
        eprintln!("SKIPPED: schemathesis is not here: pip install schemathesis");
        return Ok(());
    };
    packages::ensure(&[packages::BUILD])?;
    run_command(&mut cargo("build --locked --quiet -p wk -p wk-holder -p wk-witness"))?;
    let house = House::open()?;
    let status = house.status()?;
    let address = status["listen"].as_str().context("the daemon does not listen")?.to_owned();
    let document = house.folder.join("openapi.json");
    fs::write(&document, house.document(&address)?.to_string())?;
    for scope in ["read", "write", "admin"] {
        println!("\n== scope {scope}");
        let token = output(&mut house.wk(&["token", "create", "--scope", scope]))?;
        run_command(
            Command::new(&fuzzer)
                .arg("run")
                .arg(&document)
                .args(["--url", &format!("http://{address}")])
                .args(["--header", &format!("Authorization: Bearer {}", token.trim())])
                .args([
                    "--checks",
                    "not_a_server_error",
                    "--exclude-path",
                    DEADLY,
                    "--exclude-path",
                    PATIENT,
                ])
                .args(["--phases", "examples,coverage,fuzzing", "--suppress-health-check", "all"])
                .args(["--max-examples", &args.examples.to_string()])
                .args(["--request-timeout", "20", "--no-color"])
                .current_dir(&house.folder),
        )?;
        ensure!(house.status()?["pid"] == status["pid"], "the daemon has not lived on");
    }
    Ok(())
}

/// A daemon in folders of its own; gone with this.
struct House {
    wk: PathBuf,
    folder: PathBuf,
}

impl House {
    fn open() -> Result<Self> {
        let wk = Graph::read()?.target.join("debug/wk");
        let folder = env::temp_dir().join(format!("wk-schema-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let house = Self { wk, folder };
        // What is run by chance does not run for long; streams end before the fuzzer gives up.
        fs::write(
            house.folder.join("config.toml"),
            "[session]\ntimeout = \"5s\"\ngrace = \"0s\"\n",
        )?;
        run_command(&mut house.wk(&["daemon", "start"]))?;
        run_command(&mut house.wk(&["run", "-d", "--name", "x", "--", "echo", "hello"]))?;
        Ok(house)
    }

    fn wk(&self, arguments: &[&str]) -> Command {
        let mut wk = Command::new(&self.wk);
        wk.args(arguments).current_dir(&self.folder).env_remove("WK_SESSION_ID");
        wk.env("WK_STATE_DIR", self.folder.join("state"))
            .env("WK_RUNTIME_DIR", self.folder.join("run"));
        wk.env("WK_CONFIG", self.folder.join("config.toml")).env("WK_SERVER_LISTEN", "127.0.0.1:0");
        wk.env("WK_WITNESS_START", "off").env("WK_TMUX_WATCH", "false").stdin(Stdio::null());
        wk
    }

    /// The document, without what makes streams that never end.
    fn document(&self, address: &str) -> Result<Value> {
        let token = output(&mut self.wk(&["token"]))?;
        let text = output(Command::new("curl").args(["-sf", "-H"]).args([
            format!("Authorization: Bearer {}", token.trim()),
            format!("http://{address}/api/openapi.json"),
        ]))?;
        let mut document: Value = serde_json::from_str(&text)?;
        let paths = document["paths"].as_object_mut().context("a document without paths")?;
        for operation in paths.values_mut().filter_map(Value::as_object_mut).flatten() {
            if let Some(parameters) =
                operation.1.get_mut("parameters").and_then(Value::as_array_mut)
            {
                parameters.retain(|parameter| parameter["name"] != "follow");
            }
        }
        Ok(document)
    }

    fn status(&self) -> Result<Value> {
        let text = output(&mut self.wk(&["daemon", "status", "--format", "json"]))?;
        serde_json::from_str(&text).context("the daemon's status is no JSON")
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // What it could not end ends by its own limit; what it could not remove may go.
        succeeds(&mut self.wk(&["stop", "--all", "--grace", "0s"]));
        succeeds(&mut self.wk(&["daemon", "stop"]));
        let _ = fs::remove_dir_all(&self.folder);
    }
}
