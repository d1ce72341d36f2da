//! What a session waits for, as far as it is known.

use wk_api::SessionView;

use crate::text::visible::visible;

/// `a free slot`, `the end of session k7f3q2m9x1ab`, …
pub(crate) fn for_what(view: &SessionView) -> String {
    view.waits_for
        .as_deref()
        .map_or_else(|| "its turn".to_owned(), |text| visible(text).into_owned())
}
