//! In: how long slow writes took and when they ended, and that time goes by. Out: alerts that fire. Pure: time comes with the
//! writes and the looks. Never says or sends anything itself.

mod expression;
mod watch;

pub use self::{
    expression::{ALLOWED, Expression},
    watch::{Alerts, Fired},
};
