//! What a queue directory keeps: across runs, torn files, full directories, and endpoints that say nothing.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    net::SocketAddr,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    time::Duration,
};

use slowmap::{
    export::otlp::{
        AgentUse, ExportCounts, ExportSettings, ExportTasks, Exporters, MetricSettings, Settings,
        SpillSettings, Temporality,
    },
    model::time::UnixNanos,
};
use tempfile::TempDir;
use tonic::Status;

use crate::{
    sample,
    sink::{Sink, free_address, wait_until},
    traces::{counts, finish, finish_all, settings, start_all},
};

fn spilling(directory: &Path, settings: Settings) -> ExportSettings {
    ExportSettings {
        traces: Some(settings),
        spill: Some(SpillSettings {
            directory: directory.to_owned(),
            limit: 64 << 20,
        }),
        ..ExportSettings::default()
    }
}

fn at(address: SocketAddr) -> Settings {
    settings(&format!("http://{address}"))
}

fn offer(exporters: &mut Exporters, count: usize) {
    let process = sample::process(1, "shop");
    for _ in 0..count {
        exporters.offer(sample::write(&process));
    }
}

/// The files of all signals.
fn files(directory: &Path) -> Vec<PathBuf> {
    let of = |path: PathBuf| fs::read_dir(path).into_iter().flatten();
    let entries = of(directory.to_owned()).flat_map(|entry| of(entry.unwrap().path()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn dropped(counts: &ExportCounts, reason: &str) -> u64 {
    counts.dropped.get(reason).copied().unwrap_or(0)
}

/// A run against an endpoint that is down, which ends with all of its writes on disk.
async fn left_on_disk(directory: &Path, address: SocketAddr, writes: usize) {
    let (mut exporters, tasks) = start_all(spilling(directory, at(address)));
    offer(&mut exporters, writes);
    let counts = finish(exporters, tasks).await;
    assert_eq!(counts.on_disk, writes as u64, "{counts:?}");
    assert_eq!(counts.dropped.len(), 0, "{counts:?}");
}

fn ids(sink: &Sink) -> HashSet<Vec<u8>> {
    let spans = sink.received.spans();
    let ids: HashSet<_> = spans.iter().map(|span| span.span_id.clone()).collect();
    assert_eq!(ids.len(), spans.len(), "no span was sent twice");
    ids
}

#[tokio::test]
async fn what_one_run_could_not_send_the_next_one_sends_once() {
    let (directory, address) = (TempDir::new().unwrap(), free_address());
    left_on_disk(directory.path(), address, 250).await;
    assert!(!files(directory.path()).is_empty());
    let sink = Sink::grpc_at(address);
    let (mut exporters, tasks) = start_all(spilling(directory.path(), at(address)));
    offer(&mut exporters, 50);
    let counts = finish(exporters, tasks).await;
    assert_eq!((counts.offered, counts.recovered), (50, 250), "{counts:?}");
    assert_eq!((counts.exported, counts.on_disk), (300, 0), "{counts:?}");
    assert_eq!(ids(&sink).len(), 300);
    let span = &sink.received.spans()[299];
    assert_eq!((&*span.name, span.events.len()), ("map assign slow", 1));
    // Removing them is not waited for.
    wait_until("the files are gone", || files(directory.path()).is_empty()).await;
}

#[tokio::test]
async fn an_endpoint_that_comes_back_gets_what_is_new_and_what_is_on_disk() {
    let (directory, address) = (TempDir::new().unwrap(), free_address());
    let (mut exporters, tasks) = start_all(spilling(directory.path(), at(address)));
    for _ in 0..10 {
        offer(&mut exporters, 400);
        wait_until("they are on disk", || {
            let counts = counts(&exporters);
            counts.on_disk == counts.offered
        })
        .await;
    }
    let sink = Sink::grpc_at(address);
    offer(&mut exporters, 100);
    sink.received.wait_for(4_100).await;
    let counts = finish(exporters, tasks).await;
    assert_eq!(counts.exported, 4_100, "{counts:?}");
    assert!(counts.dropped.is_empty(), "the queue has room for 1000");
    assert_eq!(ids(&sink).len(), 4_100);
}

#[tokio::test]
async fn all_signals_can_be_read_back() {
    let (directory, address) = (TempDir::new().unwrap(), free_address());
    let all = || ExportSettings {
        logs: Some(at(address)),
        profiles: Some(at(address)),
        metrics: Some(MetricSettings {
            export: Settings {
                batch_size: 1,
                ..at(address)
            },
            temporality: Temporality::Delta,
            resource: [("service.name".to_owned(), "slowmap".to_owned())].into(),
        }),
        ..spilling(directory.path(), at(address))
    };
    let (mut exporters, tasks) = start_all(all());
    offer(&mut exporters, 700);
    exporters.push_metrics(&AgentUse::default(), UnixNanos(sample::START));
    let first = finish_all(exporters, tasks).await;
    assert!(first.iter().all(|(_, counts)| counts.on_disk > 0));
    let sink = Sink::grpc_at(address);
    let (exporters, tasks) = start_all(all());
    let second = finish_all(exporters, tasks).await;
    for ((signal, first), (_, second)) in first.iter().zip(&second) {
        assert_eq!(second.exported, first.on_disk, "{signal}");
    }
    let records = sink.received.logs().into_iter();
    let records = records.flat_map(|resource| resource.scope_logs);
    assert_eq!(
        records.map(|scope| scope.log_records.len()).sum::<usize>(),
        700
    );
    assert_eq!(sink.received.metrics().len(), 1);
    for request in sink.received.profiles() {
        let strings = &request.dictionary.unwrap().string_table;
        let distinct: BTreeSet<_> = strings.iter().collect();
        assert_eq!(distinct.len(), strings.len(), "each has its own tables");
    }
}

#[tokio::test]
async fn of_torn_and_corrupt_files_what_can_be_read_is_sent_and_the_rest_counted() {
    let (directory, address) = (TempDir::new().unwrap(), free_address());
    for _ in 0..4 {
        left_on_disk(directory.path(), address, 100).await;
        // A run that ends finds those before it.
        let found = files(directory.path());
        fs::create_dir_all(directory.path().join("kept")).unwrap();
        for path in found {
            let name = path.file_name().unwrap();
            fs::rename(&path, directory.path().join("kept").join(name)).unwrap();
        }
        let kept = files(directory.path());
        let number = kept.len();
        let renamed = kept[0].with_file_name(format!("{number:020}-100.otlp"));
        fs::rename(&kept[0], renamed).unwrap();
    }
    let kept = directory.path().join("kept");
    fs::remove_dir_all(directory.path().join("traces")).unwrap();
    fs::rename(kept, directory.path().join("traces")).unwrap();
    let all = files(directory.path());
    assert_eq!(all.len(), 4, "{all:?}");
    // Torn, emptied, another's, and whole; and one that was not finished.
    let torn = fs::read(&all[0]).unwrap();
    fs::write(&all[0], &torn[..torn.len() / 2]).unwrap();
    fs::write(&all[1], b"").unwrap();
    fs::write(&all[2], vec![0xff; 5_000]).unwrap();
    let partial = directory
        .path()
        .join("traces/00000000000000000009-17.otlp.partial");
    fs::write(partial, b"slowmap1").unwrap();
    fs::write(directory.path().join("traces/README"), "not of the queue").unwrap();

    let sink = Sink::grpc_at(address);
    let (exporters, tasks) = start_all(spilling(directory.path(), at(address)));
    let counts = finish(exporters, tasks).await;
    assert_eq!(counts.recovered, 417);
    let corrupt = dropped(&counts, "corrupt");
    assert_eq!(counts.exported + corrupt, 417, "{counts:?}");
    // A frame has 32 writes: of the torn file one is whole.
    assert_eq!(counts.exported, 132, "{counts:?}");
    assert_eq!(ids(&sink).len(), 132);
    wait_until("only what is not the queue's is left", || {
        files(directory.path()).len() == 1
    })
    .await;
}

#[tokio::test]
async fn a_directory_is_never_fuller_than_its_limit_and_what_finds_no_room_is_counted() {
    let (directory, address) = (TempDir::new().unwrap(), free_address());
    let limit = 256 << 10;
    let mut narrow = spilling(directory.path(), at(address));
    narrow.spill.as_mut().unwrap().limit = limit;
    let (mut exporters, tasks) = start_all(narrow);
    for _ in 0..5 {
        offer(&mut exporters, 500);
        let settled = || {
            let counts = counts(&exporters);
            counts.on_disk + dropped(&counts, "disk_full") == counts.offered
        };
        wait_until("they are on disk or dropped", settled).await;
    }
    let counts = finish(exporters, tasks).await;
    let sizes = files(directory.path());
    let bytes: u64 = sizes
        .iter()
        .map(|path| path.metadata().unwrap().len())
        .sum();
    assert!(bytes <= limit && bytes > limit / 2, "{bytes}");
    assert!(counts.on_disk > 0 && dropped(&counts, "disk_full") > 0);
}

#[tokio::test]
async fn what_an_endpoint_that_never_answers_was_given_is_on_disk_at_the_end() {
    let directory = TempDir::new().unwrap();
    // The kernel takes the connection, and nobody else.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut exporters, tasks) = start_all(spilling(
        directory.path(),
        Settings {
            grace: Duration::from_millis(200),
            timeout: Duration::from_secs(60),
            ..at(silent.local_addr().unwrap())
        },
    ));
    let process = sample::process(1, "shop");
    for _ in 0..30 {
        for _ in 0..100 {
            exporters.offer(sample::write(&process));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let counts = finish(exporters, tasks).await;
    assert_eq!(counts.on_disk, 3_000, "three times the queue: {counts:?}");
}

#[tokio::test]
async fn what_an_endpoint_refuses_for_good_does_not_wait_on_disk() {
    let directory = TempDir::new().unwrap();
    let sink = Sink::grpc();
    sink.received.refuse(Some(Status::invalid_argument("no")));
    let (mut exporters, tasks) = start_all(spilling(directory.path(), settings(&sink.url())));
    offer(&mut exporters, 10);
    let counts = finish(exporters, tasks).await;
    assert_eq!(dropped(&counts, "export_failed"), 10, "{counts:?}");
    assert_eq!(files(directory.path()), [] as [PathBuf; 0]);
}

fn refusal(directory: &Path) -> String {
    let settings = spilling(directory, at(free_address()));
    let refused = Exporters::start(settings, UnixNanos(1)).map(|_: (Exporters, ExportTasks)| ());
    let message = refused.unwrap_err().to_string();
    for part in [
        "export.queue.directory",
        "SLOWMAP_QUEUE_DIRECTORY",
        "give a directory",
    ] {
        assert!(message.contains(part), "{message}");
    }
    message
}

#[tokio::test]
async fn a_directory_that_is_not_slowmaps_own_is_refused_with_the_reason() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(refusal(&file).contains("cannot be made"));
    assert!(refusal(Path::new("/proc/self/queue")).contains("cannot be made"));

    let open = directory.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(refusal(&open).contains("others may write to it (mode 777)"));

    let used = directory.path().join("deep/er/used");
    let first = Exporters::start(spilling(&used, at(free_address())), UnixNanos(1)).unwrap();
    assert_eq!(
        fs::metadata(&used).unwrap().permissions().mode() & 0o777,
        0o700
    );
    assert!(refusal(&used).contains("another slowmap uses it"));
    finish(first.0, first.1).await;

    let foreign = directory.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    // Only root can give a directory away; the others' is one that everybody has.
    match chown(&foreign, Some(4_711), None) {
        Ok(()) => assert!(refusal(&foreign).contains("belongs to user 4711, not to user 0")),
        Err(_) => assert!(refusal(Path::new("/")).contains("belongs to user 0, not to user")),
    }
}
