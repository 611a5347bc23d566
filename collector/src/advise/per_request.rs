//! Maps that grow from small at the same line for each request anew: beside saying their size, one may keep them.

use super::regrown::{Habit, MAPS};
use crate::model::advice::Advice;

/// So many of a hundred maps have to be of a trace that no other map is of.
const PERCENT: usize = 90;

pub fn advice(habit: &Habit) -> Option<Advice> {
    let Habit { maps, requests, .. } = *habit;
    if requests < MAPS || requests.saturating_mul(100) < maps.saturating_mul(PERCENT) {
        return None;
    }
    let (map_type, (_, most)) = (habit.site.map_type(), habit.entries);
    let advice = format!(
        "Each request makes this map anew. Say its size: make({map_type}, n), with n from what it is filled from, or \
         {most} where that is not known. If it is the same for many requests, make it once; if it ends with its request, \
         keep maps in a sync.Pool and clear() them: they keep their room."
    );
    let seen = format!(
        "At least {maps} maps grew here from small, in {} slow writes and {requests} traces.",
        habit.writes
    );
    Some(habit.advised("per_request", advice, seen))
}
