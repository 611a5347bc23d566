//! Goroutines that came upon another one's write to their map, out of all that Go ends programs for.

use super::{clock, target::Target};
use crate::{
    assemble::Ending,
    model::{
        binary::{GoBinary, VirtualAddress},
        collision::{Collision, Growing},
        frame::Frame,
        text::printable,
    },
    symbolize::Symbolizer,
};

/// What Go's messages about it begin with, in all releases.
const MESSAGE: &str = "concurrent map ";
/// Longer than any of them.
const LONGEST: u64 = 64;

/// Adds what it tells of a goroutine at its end, or of the one that it came upon: that comes next.
pub(super) fn add(
    ending: &Ending,
    target: &Target,
    symbolizer: &Symbolizer,
    collisions: &mut Vec<Collision>,
) {
    let pid = target.process.pid;
    let (binary, bias) = (target.binary(), target.load_bias);
    let frames = || symbolizer.symbolize(pid, binary, bias, &ending.stack);
    let Some((address, length)) = ending.text else {
        let map = VirtualAddress(ending.map);
        let is_it = |last: &&mut Collision| {
            last.pid == pid.0 && last.map_address.is_none_or(|its| its == map)
        };
        if let Some(last) = collisions.last_mut().filter(is_it) {
            last.map_address = Some(map);
            last.growing = Some(Growing {
                goid: ending.goid,
                nano: ending.nano,
                stack: frames(),
            });
        }
        return;
    };
    let text = VirtualAddress(address.0.wrapping_sub(bias));
    let Some(message) = message(binary, text, length) else {
        return;
    };
    let map_type = symbolizer.map_type_name(binary, bias, ending.map_type);
    collisions.push(Collision {
        recording: None,
        pid: pid.0,
        service_name: Some(target.process.service_name_or_default()),
        time_unix_nano: clock::offset().wall(ending.time).0,
        message: message.to_owned(),
        goid: ending.goid,
        // Else it is no map either.
        map_address: map_type.is_some().then_some(VirtualAddress(ending.map)),
        map_type,
        stack: frames(),
        growing: None,
    });
}

/// As the executable has it: the process may not have had it in memory yet.
fn message(binary: &GoBinary, text: VirtualAddress, length: u64) -> Option<&str> {
    if length > LONGEST || !binary.image.is_unchanged() {
        return None;
    }
    let text = std::str::from_utf8(binary.image.read(text, length)?).ok()?;
    text.starts_with(MESSAGE).then_some(text)
}

pub(super) fn say(collision: &Collision) {
    let growing = collision.growing.as_ref();
    tracing::warn!(
        pid = collision.pid,
        service_name = collision
            .service_name
            .as_deref()
            .map(|name| printable(name).into_owned()),
        goid = collision.goid,
        at = line(collision.callers()),
        growing_in_goid = growing.map(|growing| growing.goid),
        growing_at = growing.and_then(|growing| line(growing.callers())),
        "{}: a map is shared without a lock, so Go has ended the process",
        collision.message
    );
}

fn line(callers: &[Frame]) -> Option<String> {
    let text = callers.first()?.text();
    Some(printable(&text).into_owned())
}
