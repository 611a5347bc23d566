//! Page faults, which are given up first and come back at once.

use super::*;

#[test]
fn page_faults_are_given_up_before_any_probe_in_the_target() {
    let mut world = World::new(&[Growth, Deschedule, PageFault]);
    let load = Load::new(
        1.0,
        &[(Growth, 0.004), (Deschedule, 0.003), (PageFault, 0.05)],
    );
    let (spent, cpu) = world.run(60.0, &load);
    assert!(spent <= BUDGET.0 * cpu, "{spent}");
    let others = [Growth, Deschedule];
    assert!(others.iter().all(|pair| world.covered[pair] > 59.9));
    assert!(world.changes.iter().all(|(_, pair, _)| *pair == PageFault));
}

#[test]
fn page_faults_begin_thinned_and_are_watched_all_the_time_where_that_fits() {
    let mut world = World::new(&[Growth, PageFault]);
    assert_eq!(world.presence(PageFault), Presence::Thinned(16));
    world.run(
        60.0,
        &Load::new(1.0, &[(Growth, 0.002), (PageFault, 0.003)]),
    );
    assert_eq!(world.presence(PageFault), Presence::Whole);
}

#[test]
fn page_faults_that_cost_little_are_watched_all_the_time_after_two_seconds() {
    let mut world = World::new(&[Growth, PageFault]);
    let load = Load::new(1.0, &[(Growth, 0.002), (PageFault, 0.003)]);
    world.run(2.0, &load);
    assert_eq!(world.presence(PageFault), Presence::Whole);
    // Of that much more is afforded in a burst: what fits is all that is put back.
    let mut world = World::new(&[PageFault]);
    world.run(10.0, &Load::new(1.0, &[(PageFault, 0.03)]));
    assert_eq!(world.presence(PageFault), Presence::Thinned(4));
}

#[test]
fn page_faults_are_watched_again_seconds_after_each_burst_and_the_bursts_are_paid_back() {
    let mut world = World::new(&[Growth, PageFault]);
    let calm = Load::new(1.0, &[(Growth, 0.001), (PageFault, 0.002)]);
    let burst = Load::new(1.0, &[(Growth, 0.001), (PageFault, 0.1)]);
    world.run(5.0, &calm);
    let (covered, spent, cpu) = (world.covered[&PageFault], world.total(), world.cpu);
    for _ in 0..60 {
        world.run(0.5, &burst);
        world.run(9.5, &calm);
    }
    let covered = (world.covered[&PageFault] - covered) / 600.0;
    let share = (world.total() - spent) / (world.cpu - cpu);
    assert!(covered > 0.6, "{covered}");
    assert!(share <= BUDGET.0, "{share}");
}
