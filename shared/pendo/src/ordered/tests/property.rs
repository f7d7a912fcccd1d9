//! Any tasks, any bounds, any speeds: what comes is what comes of one task after another.

use std::pin::pin;
use std::task::Poll;

use futures::poll;
use proptest::prelude::*;
use tokio::runtime::Builder;

use super::*;

/// What a task does.
#[derive(Debug, Clone)]
struct Plan {
    /// How often others go first, and how large an item is then made.
    items: Vec<(usize, usize)>,
    ends: Ends,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Ends {
    Well,
    Failing,
    Panicking,
}

#[derive(Debug, Clone)]
struct Case {
    plans: Vec<Plan>,
    concurrency: usize,
    spill: Spill,
    /// How often the reader lets others go first, and whether it then asks without waiting.
    pauses: Vec<(usize, bool)>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let size = prop_oneof![4 => 0..100_usize, 2 => 1_000..9_000_usize, 1 => 30_000..90_000_usize];
    let items = prop::collection::vec((0..4_usize, size), 0..60);
    let ends = prop_oneof![
        8 => Just(Ends::Well),
        1 => Just(Ends::Failing),
        1 => Just(Ends::Panicking),
    ];
    (items, ends).prop_map(|(items, ends)| Plan { items, ends })
}

prop_compose! {
    fn case()(
        plans in prop::collection::vec(plan(), 0..14),
        concurrency in 1..6_usize,
        memory_bytes in prop_oneof![Just(0), 0..3_000_usize, 0..300_000_usize],
        file_bytes in prop_oneof![Just(0), 0..200_000_usize, Just(4_000_000)],
        pauses in prop::collection::vec((0..6_usize, any::<bool>()), 1..20),
    ) -> Case {
        let spill = Spill { memory_bytes, file_bytes };
        Case { plans, concurrency, spill, pauses }
    }
}

async fn follow(task: usize, plan: Plan, mut sender: Sender<Item>) -> Result<(), Failed> {
    for (n, (others, bytes)) in plan.items.into_iter().enumerate() {
        for _ in 0..others {
            yield_now().await;
        }
        sender
            .send(Item::new(task, n, bytes, &items::UNCOUNTED))
            .await?;
    }
    match plan.ends {
        Ends::Well => Ok(()),
        Ends::Failing => Err(Failed::Own(task)),
        Ends::Panicking => std::panic::panic_any(format!("planted in {task}")),
    }
}

/// The place of an item, or how a task ended.
type Came = (Option<(usize, usize)>, Result<(), Failed>);

/// What comes, and how many tasks ran at once.
async fn side_by_side(case: Case) -> (Vec<Came>, usize) {
    let most = Arc::new(AtomicUsize::new(0));
    let (high, now) = (Arc::clone(&most), Arc::new(AtomicUsize::new(0)));
    let mut tasks = in_order(case.concurrency, case.spill, move |(task, plan), sender| {
        let (now, high) = (Arc::clone(&now), Arc::clone(&high));
        async move {
            high.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let work = AssertUnwindSafe(follow(task, plan, sender))
                .catch_unwind()
                .await;
            now.fetch_sub(1, Ordering::SeqCst);
            work.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        }
    });
    let mut plans = case.plans.into_iter().enumerate();
    let mut pauses = case.pauses.into_iter().cycle();
    let mut all = Vec::new();
    loop {
        while tasks.has_room()
            && let Some(plan) = plans.next()
        {
            tasks.push(plan);
        }
        let (pause, is_hasty) = pauses.next().unwrap();
        for _ in 0..pause {
            yield_now().await;
        }
        let out = match is_hasty {
            // The call is dropped if there is nothing yet.
            true => match poll!(pin!(tasks.next())) {
                Poll::Ready(out) => out,
                Poll::Pending => {
                    yield_now().await;
                    continue;
                }
            },
            false => tasks.next().await,
        };
        match out {
            Some(Out::Item(item)) => all.push((Some(item.at()), Ok(()))),
            Some(Out::End(end)) => all.push((None, end)),
            None => return (all, most.load(Ordering::SeqCst)),
        }
    }
}

/// What is to come.
fn one_after_another(plans: &[Plan]) -> Vec<Came> {
    let of_task = |(task, plan): (usize, &Plan)| {
        let items = (0..plan.items.len()).map(move |n| (Some((task, n)), Ok(())));
        let end = match plan.ends {
            Ends::Well => Ok(()),
            Ends::Failing => Err(Failed::Own(task)),
            Ends::Panicking => {
                let broken = format!("a fault of the program: planted in {task}");
                Err(Failed::Broken(broken))
            }
        };
        items.chain([(None, end)])
    };
    plans.iter().enumerate().flat_map(of_task).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_comes_is_what_comes_of_one_task_after_another(case in case(), threads in 0..3_usize) {
        let runtime = match threads {
            0 => Builder::new_current_thread().build().unwrap(),
            _ => Builder::new_multi_thread().worker_threads(threads).build().unwrap(),
        };
        let wanted = one_after_another(&case.plans);
        let concurrency = case.concurrency;
        let (all, most) = runtime.block_on(side_by_side(case));
        prop_assert_eq!(all, wanted);
        prop_assert!(most <= concurrency);
    }
}
