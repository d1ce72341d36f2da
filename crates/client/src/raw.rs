//! Calls whose answers are passed on as they are.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Method;
use serde::Serialize;

use crate::{Client, ClientError};

/// An answer as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawAnswer {
    pub bytes: Bytes,
    /// A list was cut at its limit.
    pub more: bool,
    /// There were more bytes than were wanted.
    pub cut: bool,
}

impl Client {
    /// Any call below `/api`, of which at most so many bytes are read.
    pub async fn raw(
        &self,
        method: Method,
        path: &str,
        query: &impl Serialize,
        body: Bytes,
        most: usize,
    ) -> Result<RawAnswer, ClientError> {
        let response = self.call(method, path, query, &[], body).await?;
        let more = response.headers().contains_key(wk_api::MORE);
        let (mut body, mut bytes, mut cut) = (response.into_body(), Vec::new(), false);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| ClientError::Closed(Some(error)))?;
            bytes.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()));
            if bytes.len() > most {
                bytes.truncate(most);
                cut = true;
                break;
            }
        }
        Ok(RawAnswer { bytes: bytes.into(), more, cut })
    }
}
