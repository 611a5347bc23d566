//! Real frameworks and SDK releases: slow writes are linked to the innermost span that was open, and to no other trace.

use std::time::Duration;

use anyhow::Result;
use integration::{
    frameworks::{Linked, ROWS},
    machine, requirement,
};

#[test]
fn a_write_is_linked_to_the_innermost_open_span_behind_each_framework_and_to_no_other_trace()
-> Result<()> {
    if !requirement::root(
        "a_write_is_linked_to_the_innermost_open_span_behind_each_framework_and_to_no_other_trace",
    ) {
        return Ok(());
    }
    for row in ROWS {
        row.build()?;
    }
    let _alone = machine::alone()?;
    for row in ROWS {
        let name = row.name()?;
        let shapes = row.observe(3000, Duration::from_secs(120))?;
        let mut all = Linked::default();
        for (shape, linked) in &shapes {
            all.add(linked);
            let odd = linked.wrong + linked.wrong_span + linked.missed + linked.unsampled_wrong;
            if odd > 0 {
                println!("{name}: {shape}: {linked:?}");
            }
            let wrong = linked.wrong + linked.unsampled_wrong;
            assert_eq!(wrong, 0, "{name}: {shape}: {linked:?}");
        }
        let (trace, span) = all.right_percent();
        println!("{name}: {trace:.2} % {span:.2} % {all:?}");
        assert!(all.in_spans() >= 1000, "{name}: {all:?}");
        assert!(
            trace >= 99.5,
            "{name}: only {trace} % in the right trace: {all:?}"
        );
        assert!(
            span >= 99.0,
            "{name}: only {span} % in the right span: {all:?}"
        );
    }
    Ok(())
}
