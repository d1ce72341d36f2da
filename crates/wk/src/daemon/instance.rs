//! What the instance of a template lays over a session that runs with it.

use std::collections::BTreeMap;

use wk_model::{OsText, SessionId};

use super::{
    core::Core,
    resolve::{folder, variables},
};

/// Variables and folder that go over the session's own.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    pub(super) environment: Vec<OsText>,
    pub(super) working_directory: Option<OsText>,
}

/// The overlay of the instance that a session runs with. An instance that is gone is an error:
/// without it, the session would run as somebody else.
pub(super) fn overlay(core: &Core, session_id: SessionId) -> Result<Overlay, String> {
    let session = core.journal.session(session_id).map_err(|error| error.to_string())?;
    let named = session.as_ref().and_then(|session| {
        Some((session.created.template.as_deref()?, session.instance.as_deref()?))
    });
    let Some((template, name)) = named else { return Ok(Overlay::default()) };
    let settings = core.settings();
    let instances = settings.templates.get(template)?.instances.iter().flatten();
    let instance =
        instances.into_iter().find(|instance| instance.name == name).ok_or_else(|| {
            format!("the settings have no instance `{name}` of template `{template}` any more")
        })?;
    let home = std::env::var_os("HOME").unwrap_or_else(|| "/".into());
    let home = std::os::unix::ffi::OsStrExt::as_bytes(home.as_os_str());
    let env: &BTreeMap<String, String> = &instance.env;
    Ok(Overlay {
        environment: variables(env),
        working_directory: instance.cwd.as_deref().map(|cwd| folder(cwd, home)),
    })
}
