//! Where a session is to run.
//!
//! The folder must be there before anything is started: later, nobody could be told. It may be
//! on a network that is down, where even a look at it hangs: the daemon waits for it on a
//! thread apart, not for long, and for few such looks at a time.

use std::{
    ffi::OsStr,
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};
use wk_api::Problem;
use wk_model::OsText;
use wk_server::{bad_request, unreachable};

/// A disk that sleeps wakes up in less.
const PATIENCE: Duration = Duration::from_secs(8);

/// Looks that may hang at a time; more have to wait for them.
static LOOKS: Semaphore = Semaphore::const_new(16);

/// The folder that was asked for, if a program can run there; else the user's own.
pub(super) async fn find(given: Option<&OsText>) -> Result<OsText, Problem> {
    let Some(given) = given else {
        let home = std::env::var_os("HOME").unwrap_or_else(|| "/".into());
        return OsText::new(home.as_bytes()).map_err(|error| bad_request(error.to_string()));
    };
    let path = Path::new(OsStr::from_bytes(given.as_bytes()));
    let is_folder = |path: PathBuf| std::fs::metadata(path).map(|found| found.is_dir());
    check(path, &LOOKS, PATIENCE, is_folder).await?;
    Ok(given.clone())
}

async fn check(
    path: &Path,
    looks: &'static Semaphore,
    patience: Duration,
    is_folder: impl FnOnce(PathBuf) -> io::Result<bool> + Send + 'static,
) -> Result<(), Problem> {
    let shown = path.display();
    if path.is_relative() {
        return Err(bad_request(format!("the working directory `{shown}` must be absolute")));
    }
    let look = async {
        let turn = looks.acquire().await.map_err(io::Error::other)?;
        let path = path.to_owned();
        // The turn is over when the kernel has answered, however long nobody waits for it.
        let looked = spawn_blocking(move || (is_folder(path), turn).0);
        looked.await.map_err(io::Error::other)?
    };
    match timeout(patience, look).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => {
            Err(bad_request(format!("the working directory `{shown}` is not a folder")))
        }
        Ok(Err(error)) => {
            Err(bad_request(format!("cannot use the working directory `{shown}`: {error}")))
        }
        Err(_) => {
            let problem = unreachable(format!(
                "the working directory `{shown}` does not answer within {} s: is it on a network \
                 that is down?",
                patience.as_secs()
            ));
            Err(Problem { title: "Working directory unreachable".into(), ..problem })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, mpsc};

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn a_folder_that_does_not_answer_is_said_and_holds_up_nobody() {
        static TWO: Semaphore = Semaphore::const_new(2);
        // Who looks waits for as long as this lives.
        let (dead, network) = mpsc::channel::<()>();
        let network = Arc::new(Mutex::new(network));
        for _ in 0..3 {
            let network = network.clone();
            let hangs = move |_| {
                let _ = network.lock().map(|network| network.recv());
                Ok(true)
            };
            let problem = check(Path::new("/mnt/dead"), &TWO, SHORT, hangs).await.unwrap_err();
            assert_eq!(problem.status, 504);
            assert!(problem.detail.contains("`/mnt/dead` does not answer"), "{}", problem.detail);
        }
        assert_eq!(TWO.available_permits(), 0, "the third one had no turn");
        drop(dead);
        let answers = |_| Ok(true);
        check(Path::new("/mnt/back"), &TWO, Duration::from_secs(60), answers).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_no_folder_is_refused() {
        let given = |text: &str| OsText::new(text).unwrap();
        assert_eq!(find(Some(&given("/"))).await.unwrap(), given("/"));
        for (text, want) in [
            ("relative", "must be absolute"),
            ("/dev/null", "not a folder"),
            ("/nowhere", "cannot use"),
        ] {
            let problem = find(Some(&given(text))).await.unwrap_err();
            assert!(problem.status == 400 && problem.detail.contains(want), "{}", problem.detail);
        }
    }
}
