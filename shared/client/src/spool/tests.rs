use std::io::Write as _;

use tempfile::TempDir;
use weir_model::Timestamp;

use super::*;

const ME: &str = "me";

fn now() -> Timestamp {
    Timestamp::from_millis(1_715_768_430_000).unwrap()
}

fn place(directory: &TempDir) -> Place {
    Place {
        directory: directory.path().join("spool"),
        bytes: 1 << 20,
        durability: Durability::Program,
    }
}

fn open(directory: &TempDir) -> (Spool, Vec<Spooled>) {
    Spool::open(place(directory), &Notices::default(), &Counters::new(None)).unwrap()
}

fn begin(spooled: &Spooled) -> Opened {
    let key = &spooled.part.key;
    let begin = |file: &mut BatchFile| file.begin(key, now(), ME);
    spooled.file.work(begin).unwrap()
}

fn replace(spooled: &Spooled, by: &[Vec<usize>]) -> Vec<Spooled> {
    let parts = spooled
        .file
        .work(|file| file.replace(&spooled.part.key, by))
        .unwrap();
    let file = &spooled.file;
    let spooled = |part| Spooled {
        file: Arc::clone(file),
        part,
    };
    parts.into_iter().map(spooled).collect()
}

fn files(directory: &TempDir, suffix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory.path().join("spool")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.to_string_lossy().ends_with(suffix))
        .collect()
}

#[test]
fn what_was_not_attempted_is_found_by_the_next_run_with_its_key() {
    let directory = TempDir::new().unwrap();
    let (mut spool, found) = open(&directory);
    assert!(found.is_empty());
    spool.append(b"a\nb\n", 2).unwrap();
    spool.append(b"c\n", 1).unwrap();
    assert_eq!((spool.waiting(), spool.events()), ((3, 6), 3));
    drop(spool);
    let (_, found) = open(&directory);
    assert_eq!(found[0].part.events(), 3);
    assert_eq!(&begin(&found[0]).lines[..], b"a\nb\nc\n");
}

#[test]
fn an_attempted_batch_is_found_with_its_key_its_bytes_and_its_time() {
    let directory = TempDir::new().unwrap();
    let (mut spool, _) = open(&directory);
    spool.append(b"a\nb\n", 2).unwrap();
    let sealed = spool.seal();
    let (first, first_key) = (begin(&sealed[0]), sealed[0].part.key.clone());
    spool.append(b"c\n", 1).unwrap();
    drop((spool, sealed));
    let (mut spool, found) = open(&directory);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].part.key, first_key);
    let key = &found[0].part.key;
    let later = now().saturating_add(std::time::Duration::from_secs(60));
    let again = found[0]
        .file
        .work(|file| file.begin(key, later, "another"))
        .unwrap();
    assert_eq!(
        (again.lines, again.attempted),
        (first.lines, first.attempted)
    );
    for spooled in &found {
        assert!(replace(spooled, &[]).is_empty());
    }
    spool.tidy();
    assert_eq!((spool.events(), spool.bytes()), (0, 0));
    assert!(files(&directory, SUFFIX).is_empty());
}

#[test]
fn pieces_of_a_batch_are_found_as_pieces() {
    let directory = TempDir::new().unwrap();
    let (mut spool, _) = open(&directory);
    spool.append(b"a\nb\nc\nd\n", 4).unwrap();
    let sealed = spool.seal();
    begin(&sealed[0]);
    let halves = replace(&sealed[0], &[vec![0, 1], vec![2, 3]]);
    let without_c = replace(&halves[1], &[vec![1]]);
    assert_eq!(&begin(&without_c[0]).lines[..], b"d\n");
    assert_eq!(spool.events(), 3);
    let expected = [&halves[0], &without_c[0]].map(|spooled| spooled.part.key.clone());
    drop((spool, sealed, halves, without_c));
    let (_, found) = open(&directory);
    let parts = found.iter().map(|spooled| spooled.part.key.clone());
    assert_eq!(parts.collect::<Vec<_>>(), expected);
    assert_eq!(&begin(&found[0]).lines[..], b"a\nb\n");
    assert_eq!(&begin(&found[1]).lines[..], b"d\n");
}

#[test]
fn a_torn_end_is_cut_and_told() {
    let directory = TempDir::new().unwrap();
    let (mut spool, _) = open(&directory);
    spool.append(b"a\n", 1).unwrap();
    drop(spool);
    let path = files(&directory, SUFFIX).remove(0);
    let whole = fs::metadata(&path).unwrap().len();
    let mut file = File::options().append(true).open(&path).unwrap();
    file.write_all(b"\x10\0\0\0half a record").unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let notices = Notices::to({
        let told = Arc::clone(&told);
        move |notice| told.lock().unwrap().push(notice.code)
    });
    let (_spool, found) = Spool::open(place(&directory), &notices, &Counters::new(None)).unwrap();
    assert_eq!(&begin(&found[0]).lines[..], b"a\n");
    assert_eq!(*told.lock().unwrap(), [codes::SPOOL_CUT]);
    assert!(
        fs::metadata(&path).unwrap().len() > whole,
        "the plan stands where the rest was"
    );
}

#[test]
fn a_damaged_file_is_not_sent_and_stays() {
    let directory = TempDir::new().unwrap();
    let (mut spool, _) = open(&directory);
    spool.append(&b"a\n".repeat(100), 100).unwrap();
    let sealed = spool.seal();
    let path = files(&directory, SUFFIX).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    let key = &sealed[0].part.key;
    let error = sealed[0]
        .file
        .work(|file| file.begin(key, now(), ME))
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    sealed[0].file.work(|file| file.give_up()).unwrap();
    assert_eq!(files(&directory, ".stale").len(), 1);
    spool.tidy();
    assert_eq!(spool.events(), 0);
}

#[test]
fn a_stale_batch_is_kept_as_lines() {
    let directory = TempDir::new().unwrap();
    let (mut spool, _) = open(&directory);
    spool.append(b"a\nb\nc\n", 3).unwrap();
    let sealed = spool.seal();
    begin(&sealed[0]);
    let halves = replace(&sealed[0], &[vec![0], vec![1, 2]]);
    let key = &halves[1].part.key;
    let path = halves[1].file.work(|file| file.set_aside(key)).unwrap();
    assert_eq!(fs::read(path).unwrap(), b"b\nc\n");
    assert_eq!(spool.events(), 1);
    drop((spool, sealed, halves));
    assert_eq!(open(&directory).1.len(), 1);
}

#[test]
fn one_client_has_a_directory_and_it_has_a_bound() {
    let directory = TempDir::new().unwrap();
    let (mut spool, _) = open(&directory);
    let second = Spool::open(place(&directory), &Notices::default(), &Counters::new(None));
    assert!(matches!(second, Err(SpoolError::InUse(_))));
    let large = b"a\n".repeat(600_000);
    assert!(matches!(
        spool.append(&large, 600_000),
        Err(AppendError::Full)
    ));
    spool.append(b"a\n", 1).unwrap();
}

#[test]
fn a_file_without_an_event_is_nothing() {
    let directory = TempDir::new().unwrap();
    let (mut spool, _) = open(&directory);
    spool.append(b"", 0).unwrap();
    assert!(spool.seal().is_empty());
    assert!(files(&directory, SUFFIX).is_empty());
    fs::write(
        place(&directory)
            .directory
            .join("batch-0000000000000009.spool"),
        b"\x05",
    )
    .unwrap();
    drop(spool);
    let (mut spool, found) = open(&directory);
    assert!(found.is_empty() && files(&directory, SUFFIX).is_empty());
    spool.append(b"a\n", 1).unwrap();
    assert!(files(&directory, "a.spool").len() == 1, "numbers go on");
}

#[test]
fn a_file_that_cannot_be_begun_does_not_stand_in_the_way_of_the_next() {
    let directory = TempDir::new().unwrap();
    let (mut spool, _) = open(&directory);
    let taken = place(&directory)
        .directory
        .join("batch-0000000000000000.spool");
    fs::write(&taken, "").unwrap();
    assert!(matches!(spool.append(b"a\n", 1), Err(AppendError::Io(_))));
    spool.append(b"a\n", 1).unwrap();
    assert_eq!(spool.events(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn batches_that_wait_hold_no_file_open_and_nobody_else_can_read_them() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = TempDir::new().unwrap();
    let (mut spool, _) = open(&directory);
    let mut batches = Vec::new();
    for _ in 0..10 {
        spool.append(b"a\n", 1).unwrap();
        batches.extend(spool.seal());
    }
    begin(&batches[0]);
    let key = &batches[1].part.key;
    batches[1].file.work(|file| file.set_aside(key)).unwrap();
    let links = fs::read_dir("/proc/self/fd").unwrap();
    let paths = links.filter_map(|link| fs::read_link(link.unwrap().path()).ok());
    let spooled: Vec<_> = paths
        .filter(|path| path.starts_with(directory.path()))
        .collect();
    assert_eq!(spooled, [place(&directory).directory.join(LOCK)]);
    for path in files(&directory, "") {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
}

#[test]
fn a_file_damaged_in_its_middle_is_set_aside_counted_and_told() {
    let directory = TempDir::new().unwrap();
    let (mut spool, _) = open(&directory);
    for line in [b"a\n", b"b\n", b"c\n", b"d\n"] {
        spool.append(line, 1).unwrap();
    }
    drop(spool);
    let path = files(&directory, SUFFIX).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(2).position(|two| two == b"b\n").unwrap();
    bytes[at] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&told);
    let notices = Notices::to(move |notice| hears.lock().unwrap().push(notice.code));
    let counters = Counters::new(None);
    let (_, found) = Spool::open(place(&directory), &notices, &counters).unwrap();
    assert!(found.is_empty());
    assert_eq!(counters.read().dropped(Loss::Stale), 3);
    assert_eq!(*told.lock().unwrap(), [codes::SPOOL_BROKEN]);
    assert!(files(&directory, SUFFIX).is_empty());
    assert_eq!(
        fs::read(files(&directory, ".stale").remove(0)).unwrap(),
        bytes
    );
}

#[test]
fn the_directory_is_held_until_work_on_its_files_is_over() {
    let directory = TempDir::new().unwrap();
    let (mut spool, _) = open(&directory);
    spool.append(b"a\n", 1).unwrap();
    let under_way = spool.seal();
    drop(spool);
    let again = || Spool::open(place(&directory), &Notices::default(), &Counters::new(None));
    assert!(matches!(again(), Err(SpoolError::InUse(_))));
    drop(under_way);
    again().unwrap();
}

#[test]
fn files_given_up_do_not_replace_one_another() {
    let directory = TempDir::new().unwrap();
    for run in 1..=3 {
        let (mut spool, _) = open(&directory);
        spool.append(b"a\n", 1).unwrap();
        spool.seal()[0].file.work(BatchFile::give_up).unwrap();
        assert_eq!(files(&directory, ".stale").len(), run);
    }
}
