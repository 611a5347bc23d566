use fastrand::Rng;

use super::*;

const SAMPLE: Sample = Sample {
    share: 0.1,
    uncertainty_nano: 0,
};

fn writer(function: &str, line: u32) -> Writer {
    Writer {
        function: function.to_owned(),
        caller: Some(Place {
            function: Some("main.fill".to_owned()),
            file: Some("/main.go".to_owned()),
            line: Some(line),
        }),
    }
}

fn of(durations: impl IntoIterator<Item = u64>) -> Histogram {
    let mut histogram = Histogram::default();
    durations
        .into_iter()
        .for_each(|nanos| histogram.add_one(nanos));
    histogram
}

/// A slice of a service whose load changes from slice to slice, so that its writes are alike.
fn slice(random: &mut Rng) -> Histogram {
    let load = 1.0 + random.f64();
    of((0..200).map(|_| {
        let slow = if random.u32(..100) == 0 { 40.0 } else { 1.0 };
        (-random.f64().ln() * 300.0 * load * slow) as u64
    }))
}

#[test]
fn a_95_percent_interval_holds_the_true_quantile_in_about_95_of_100_samples() {
    let mut random = Rng::with_seed(7);
    let mut truth = Histogram::default();
    (0..20_000).for_each(|_| truth.add(&slice(&mut random)));
    let truth = [0.5, 0.99].map(|q| truth.quantile(q).unwrap() / 1_000.0);
    let mut held = [0; 2];
    for _ in 0..200 {
        let mut distribution = Distribution::default();
        for _ in 0..20 {
            distribution.add_slice([(writer("f", 1), slice(&mut random))]);
        }
        let interval = distribution
            .latency(Some(SAMPLE))
            .unwrap()
            .interval
            .unwrap();
        for (held, (ends, truth)) in held
            .iter_mut()
            .zip([(interval.p50, truth[0]), (interval.p99, truth[1])])
        {
            *held += u32::from(ends[0] <= truth && truth <= ends[1]);
        }
    }
    println!("of 200 intervals, {held:?} held the truth");
    assert!(held.iter().all(|held| *held >= 180), "{held:?}");
}

#[test]
fn functions_and_callers_add_up_to_all_writes() {
    let mut distribution = Distribution::default();
    distribution.add_slice([
        (writer("a", 1), of([100, 200])),
        (writer("a", 2), of([300])),
        (writer("b", 3), of([400; 5])),
    ]);
    distribution.add_slice([(writer("a", 1), of([500]))]);
    let counts = |writers: Vec<WriterSummary>| -> Vec<(String, u64)> {
        writers
            .into_iter()
            .map(|writer| (writer.function, writer.latency.count))
            .collect()
    };
    let named = |name: &str, count| (name.to_owned(), count);
    assert_eq!(
        counts(distribution.by_function(None)),
        [named("b", 5), named("a", 4)]
    );
    assert_eq!(
        counts(distribution.by_caller(None)),
        [named("b", 5), named("a", 3), named("a", 1)]
    );
    let all = distribution.latency(None).unwrap();
    assert_eq!((all.count, all.max, all.interval), (9, 0.5, None));
}

#[test]
fn too_few_slices_give_no_interval_and_no_writes_no_latency() {
    let mut distribution = Distribution::default();
    assert_eq!(distribution.latency(Some(SAMPLE)), None);
    for _ in 0..7 {
        distribution.add_slice([(writer("a", 1), of([100, 200]))]);
    }
    assert_eq!(distribution.latency(Some(SAMPLE)).unwrap().interval, None);
    distribution.add_slice([]);
    assert!(
        distribution
            .latency(Some(SAMPLE))
            .unwrap()
            .interval
            .is_some()
    );
}

#[test]
fn an_interval_is_as_much_wider_as_the_correction_is_uncertain() {
    let mut distribution = Distribution::default();
    (0..9).for_each(|_| distribution.add_slice([(writer("a", 1), of([64; 5]))]));
    let interval = |uncertainty_nano| {
        let sample = Sample {
            uncertainty_nano,
            ..SAMPLE
        };
        distribution
            .latency(Some(sample))
            .unwrap()
            .interval
            .unwrap()
    };
    assert_eq!(interval(0).p50, [0.064, 0.068]);
    assert_eq!(interval(20).p50, [0.044, 0.088]);
    assert_eq!(interval(100).p50, [0.0, 0.168]);
}

#[test]
fn the_histogram_has_every_write_in_a_bucket_that_is_no_wider_than_a_sixteenth() {
    let mut distribution = Distribution::default();
    assert_eq!(distribution.histogram(), []);
    distribution.add_slice([(writer("a", 1), of([50, 50, 9_000]))]);
    distribution.add_slice([(writer("b", 1), of([50, 1_000_000]))]);
    let histogram = distribution.histogram();
    let counts: Vec<u64> = histogram.iter().map(|bucket| bucket.count).collect();
    assert_eq!(counts, [3, 1, 1]);
    for (bucket, micros) in histogram.iter().zip([0.05, 9.0, 1_000.0]) {
        assert!((bucket.from..bucket.until).contains(&micros), "{bucket:?}");
        assert!(bucket.until - bucket.from <= bucket.from / 16.0 + 1e-9);
    }
}
