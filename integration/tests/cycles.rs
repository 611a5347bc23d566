//! What comes and goes again and again leaves nothing behind.

use anyhow::Result;
use integration::{cycles, machine, requirement};

/// `cargo xtask cycles` does a thousand.
const CYCLES: usize = 25;

#[test]
fn a_service_that_is_attached_to_again_and_again_while_its_stacks_are_copied_is_unharmed()
-> Result<()> {
    let test =
        "a_service_that_is_attached_to_again_and_again_while_its_stacks_are_copied_is_unharmed";
    if !requirement::root(test) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let cycles = cycles::run(|done| done < CYCLES)?;
    println!("{cycles:#?}");
    Ok(())
}
