//! Once the faults have ended, everything is settled within a stated time, and every wanted subscription granted.

use crate::scenario::SETTLES_WITHIN;
use crate::story::Story;

/// What was still open then.
pub fn check(story: &Story) -> Vec<String> {
    story.unsettled.iter().map(|open| format!("after {SETTLES_WITHIN:?}: {open}")).collect()
}
