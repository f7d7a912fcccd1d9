//! Tasks side by side, against the same tasks one after another.

mod items;
mod property;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

use super::*;
use items::{Item, Live};

/// Why a task of these tests has failed.
#[derive(Debug, PartialEq, Eq)]
enum Failed {
    Own(usize),
    Broken(String),
    Gone,
}

impl From<Broken> for Failed {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken.to_string())
    }
}

impl From<Gone> for Failed {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

type Tasks<T> = Ordered<T, Item, Failed>;

/// Lets everyone else go on until nobody has anything left to do but to wait.
async fn settle() {
    for _ in 0..1000 {
        yield_now().await;
        // Threads at files are waited for by whoever waits for one more.
        tokio::task::spawn_blocking(|| {}).await.unwrap();
    }
}

/// All that comes, as numbers of tasks and of their items; an end is an item without number.
async fn drain<T>(tasks: &mut Tasks<T>) -> Vec<(Option<(usize, usize)>, Result<(), Failed>)> {
    let mut all = Vec::new();
    while let Some(out) = tasks.next().await {
        all.push(match out {
            Out::Item(item) => (Some(item.at()), Ok(())),
            Out::End(end) => (None, end),
        });
    }
    all
}

/// Tasks of which the first waits until it is let go; each makes so many items of 1 KB, and counts
/// them.
fn first_waits(
    spill: Spill,
    count: usize,
    live: &'static Live,
) -> (Tasks<usize>, Arc<Notify>, Arc<AtomicUsize>) {
    let go = Arc::new(Notify::new());
    let sent = Arc::new(AtomicUsize::new(0));
    let (let_go, counted) = (Arc::clone(&go), Arc::clone(&sent));
    let tasks = in_order(4, spill, move |task: usize, mut sender| {
        let (go, sent) = (Arc::clone(&go), Arc::clone(&sent));
        async move {
            if task == 0 {
                go.notified().await;
            }
            for n in 0..count {
                sender.send(Item::new(task, n, 1024, live)).await?;
                sent.fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        }
    });
    (tasks, let_go, counted)
}

#[tokio::test]
async fn what_waits_goes_to_memory_then_to_a_file_and_then_waits_itself() {
    let spill = Spill {
        memory_bytes: 10 * 1024,
        file_bytes: 3 * 70_000,
    };
    let (mut tasks, go, sent) = first_waits(spill, 1000, &items::UNCOUNTED);
    tasks.push(0);
    tasks.push(1);
    settle().await;
    let waiting = sent.load(Ordering::SeqCst);
    // Ten in memory, three blocks of 64 in the file, and one block that finds no place there.
    assert!((10 + 4 * 62..=10 + 4 * 65).contains(&waiting), "{waiting}");
    assert_eq!(tasks.pools.memory.left(), 0);
    assert!(tasks.pools.files.left() < 70_000);
    go.notify_one();
    let all = drain(&mut tasks).await;
    let order = |task| (0..1000).map(move |n| Some((task, n))).chain([None]);
    assert!(all.iter().map(|(at, _)| *at).eq(order(0).chain(order(1))));
    assert!(all.iter().all(|(_, end)| end.is_ok()));
    assert_eq!(tasks.pools.memory.left(), spill.memory_bytes);
    settle().await;
    assert_eq!(tasks.pools.files.left(), spill.file_bytes);
}

#[tokio::test]
async fn memory_is_bounded_however_much_the_tasks_make() {
    let live = &items::COUNTED;
    let spill = Spill {
        memory_bytes: 100 * 1024,
        file_bytes: 16 << 20,
    };
    let (mut tasks, go, _) = first_waits(spill, 2000, live);
    for task in 0..8 {
        tasks.push(task);
    }
    settle().await;
    // All of three tasks is 6 MB.
    assert!(live.now() <= 100 * 1024, "{}", live.now());
    go.notify_one();
    let all = drain(&mut tasks).await;
    assert_eq!(all.len(), 8 * 2001);
    // Waiting in memory and taken from there, on its way to the reader twice, and a block of a file.
    let most = 2 * 100 * 1024 + 2 * (256 * 1024 + 1024) + 2 * 66 * 1024;
    assert!(live.most() <= most, "{} of {most}", live.most());
    assert!(live.most() >= 100 * 1024);
    assert_eq!(live.now(), 0);
}

#[tokio::test(start_paused = true)]
async fn as_many_run_as_may_and_no_more() {
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (now, high) = (Arc::clone(&running), Arc::clone(&most));
    let mut tasks = in_order(4, Spill::default(), move |_: usize, _: Sender<Item>| {
        let (now, high) = (Arc::clone(&now), Arc::clone(&high));
        async move {
            high.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            sleep(Duration::from_millis(50)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, Failed>(())
        }
    });
    let began = Instant::now();
    let (mut left, mut ended) = (0..40, 0);
    loop {
        while tasks.has_room()
            && let Some(task) = left.next()
        {
            tasks.push(task);
        }
        match tasks.next().await {
            Some(Out::End(end)) => end.unwrap(),
            Some(Out::Item(_)) => unreachable!("there are no items"),
            None => break,
        }
        ended += 1;
    }
    assert_eq!((ended, most.load(Ordering::SeqCst)), (40, 4));
    let took = began.elapsed();
    assert!((500..=510).contains(&took.as_millis()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_first_task_does_not_keep_the_others_from_going_on() {
    let mut tasks = in_order(
        4,
        Spill::default(),
        |time_ms: u64, _: Sender<Item>| async move {
            sleep(Duration::from_millis(time_ms)).await;
            Ok::<_, Failed>(())
        },
    );
    let began = Instant::now();
    for time_ms in [200].into_iter().chain([50; 15]) {
        assert!(tasks.has_room());
        tasks.push(time_ms);
    }
    // They are not without bounds, all the same.
    assert!(!tasks.has_room());
    assert_eq!(drain(&mut tasks).await.len(), 16);
    let took = began.elapsed();
    assert!((250..=260).contains(&took.as_millis()), "{took:?}");
}

#[tokio::test]
async fn a_task_that_fails_or_panics_ends_at_its_place_and_the_others_go_on() {
    let mut tasks = in_order(3, Spill::default(), |task: usize, mut sender| async move {
        sender
            .send(Item::new(task, 0, 10, &items::UNCOUNTED))
            .await?;
        match task {
            1 => Err(Failed::Own(1)),
            2 => panic!("number {task}"),
            _ => Ok(()),
        }
    });
    (0..4).for_each(|task| tasks.push(task));
    let all = drain(&mut tasks).await;
    let panicked = Failed::Broken("a fault of the program: number 2".to_owned());
    let item = |task| (Some((task, 0)), Ok(()));
    let wanted = [
        [item(0), (None, Ok(()))],
        [item(1), (None, Err(Failed::Own(1)))],
        [item(2), (None, Err(panicked))],
        [item(3), (None, Ok(()))],
    ];
    assert_eq!(all, wanted.into_iter().flatten().collect::<Vec<_>>());
}

/// A device that is always full.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_disk_that_is_full_ends_the_task_with_what_was_kept_before() {
    let spill = Spill {
        memory_bytes: 10 * 1024,
        ..Spill::default()
    };
    let (mut tasks, go, _) = first_waits(spill, 1000, &items::UNCOUNTED);
    (0..3).for_each(|task| tasks.push(task));
    let full = std::fs::File::options().write(true).open("/dev/full");
    tasks.tasks[1].lane.use_file(full.unwrap());
    settle().await;
    go.notify_one();
    let all = drain(&mut tasks).await;
    let ends: Vec<_> = all.iter().filter(|(at, _)| at.is_none()).collect();
    let [(_, Ok(())), (_, Err(Failed::Broken(error))), (_, Ok(()))] = &ends[..] else {
        panic!("{ends:?}");
    };
    assert!(
        error.starts_with("a temporary file for answers that wait: No space left"),
        "{error}"
    );
    let count = |wanted| {
        all.iter()
            .flat_map(|(at, _)| at)
            .filter(|(task, _)| *task == wanted)
            .count()
    };
    assert!(
        count(0) == 1000 && count(1) < 20 && count(2) == 1000,
        "{}",
        count(1)
    );
}

#[tokio::test]
async fn an_item_that_cannot_be_read_back_ends_the_task_at_its_place() {
    let spill = Spill {
        memory_bytes: 0,
        ..Spill::default()
    };
    let mut tasks = in_order(2, spill, |task: usize, mut sender| async move {
        for n in 0..200 {
            let item = Item::new(task, n, 1024, &items::UNCOUNTED);
            let is_bad = task > 0 && n == 150;
            sender
                .send(if is_bad { item.unreadable(task) } else { item })
                .await?;
        }
        Ok::<_, Failed>(())
    });
    // The second fails to read, the third panics.
    (0..3).for_each(|task| tasks.push(task));
    settle().await;
    let all = drain(&mut tasks).await;
    let ends: Vec<_> = all.into_iter().filter(|(at, _)| at.is_none()).collect();
    let [
        (_, Ok(())),
        (_, Err(Failed::Broken(failed))),
        (_, Err(Failed::Broken(panicked))),
    ] = &ends[..]
    else {
        panic!("{ends:?}");
    };
    assert!(failed.ends_with("it is planted"), "{failed}");
    assert!(panicked.ends_with("its items cannot be read"), "{panicked}");
}

#[tokio::test]
async fn dropping_it_ends_the_tasks_and_removes_their_files() {
    let spill = Spill {
        memory_bytes: 0,
        file_bytes: 100_000,
    };
    let (mut tasks, _go, _) = first_waits(spill, 1000, &items::UNCOUNTED);
    (0..6).for_each(|task| tasks.push(task));
    settle().await;
    assert!(tasks.pools.files.left() < 100_000);
    let lanes: Vec<_> = tasks
        .tasks
        .iter()
        .map(|task| Arc::downgrade(&task.lane))
        .collect();
    drop(tasks);
    settle().await;
    // With a lane goes its file, which has no name.
    assert!(lanes.iter().all(|lane| lane.upgrade().is_none()));
}

#[tokio::test]
async fn a_sender_that_outlives_it_hears_that_nobody_listens() {
    let handed = Arc::new(Mutex::new(None));
    let hand = Arc::clone(&handed);
    let mut tasks = in_order(2, Spill::default(), move |(), sender: Sender<Item>| {
        *hand.lock().unwrap() = Some(sender);
        std::future::pending::<Result<(), Failed>>()
    });
    tasks.push(());
    let mut sender = handed.lock().unwrap().take().unwrap();
    let item = || Item::new(0, 0, 300 * 1024, &items::UNCOUNTED);
    sender.send(item()).await.unwrap();
    let waiting = tokio::spawn(async move { sender.send(item()).await });
    settle().await;
    assert!(!waiting.is_finished());
    drop(tasks);
    assert_eq!(waiting.await.unwrap(), Err(Gone));
}

#[tokio::test]
async fn without_tasks_there_is_nothing() {
    let (mut tasks, _, _) = first_waits(Spill::default(), 1, &items::UNCOUNTED);
    assert!(tasks.next().await.is_none() && tasks.is_empty() && tasks.has_room());
}
