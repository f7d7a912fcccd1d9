use super::*;
use crate::entry::EventType;
use weir_model::Timestamp;

fn buffer(events: usize, when_full: WhenFull) -> Buffer {
    Buffer::new(Bounds {
        events,
        bytes: 1 << 20,
        when_full,
    })
}

fn entry(number: i64) -> Entry {
    let time = Timestamp::from_millis(number).unwrap();
    Entry::report("text".into(), &EventType::Label, time).unwrap()
}

fn numbers(buffer: &Buffer) -> Vec<i64> {
    let taken = std::iter::from_fn(|| buffer.take());
    let entries = taken.flat_map(|taken| taken.entries);
    entries.map(|entry| entry.time.as_millis()).collect()
}

#[test]
fn events_come_out_as_they_went_in_and_are_held_until_released() {
    let buffer = buffer(600, WhenFull::DropNewest);
    (0..600).for_each(|n| buffer.push(entry(n)).unwrap());
    assert_eq!(buffer.push(entry(600)), Err(Refused::Full));
    let first = buffer.take().unwrap();
    assert_eq!((first.first, first.entries.len()), (FIRST, CHUNK));
    assert_eq!(buffer.take().unwrap().first, FIRST + CHUNK as u64);
    assert_eq!(
        buffer.push(entry(600)),
        Err(Refused::Full),
        "held all the same"
    );
    let bytes = first.entries.iter().map(|entry| entry.bytes).sum();
    buffer.release(Load {
        events: CHUNK,
        bytes,
    });
    assert_eq!(buffer.push(entry(600)), Ok(()));
    assert_eq!(numbers(&buffer).last(), Some(&600));
    assert_eq!(buffer.view().waiting, Load::default());
    assert_eq!(buffer.take_lost(), 2);
    assert_eq!(buffer.take_lost(), 0);
}

#[test]
fn the_oldest_make_room_if_that_is_wanted() {
    let buffer = buffer(300, WhenFull::DropOldest);
    (0..1000).for_each(|n| buffer.push(entry(n)).unwrap());
    assert_eq!(buffer.take_lost(), 700);
    assert_eq!(buffer.view().next_out, FIRST + 700);
    assert_eq!(numbers(&buffer), (700..1000).collect::<Vec<_>>());
    assert_eq!(
        buffer.push(entry(7)),
        Err(Refused::Full),
        "all are under way"
    );
}

#[test]
fn nothing_is_dropped_for_an_event_that_will_not_fit_even_so() {
    let one = entry(0).bytes;
    let bounds = Bounds {
        events: 100,
        bytes: 3 * one,
        when_full: WhenFull::DropOldest,
    };
    let buffer = Buffer::new(bounds);
    (0..2).for_each(|n| buffer.push(entry(n)).unwrap());
    let _under_way = buffer.take().unwrap();
    buffer.push(entry(2)).unwrap();
    let large = "x".repeat(one + 1);
    let large = Entry::report(large.into(), &EventType::Label, Timestamp::MIN).unwrap();
    assert!((one + 1..3 * one).contains(&large.bytes));
    assert_eq!(buffer.push(large), Err(Refused::Full));
    assert_eq!(buffer.take_lost(), 1);
    assert_eq!(numbers(&buffer), [2]);
}

#[test]
fn bytes_are_bounded_too() {
    let one = entry(0).bytes;
    let bounds = Bounds {
        events: 100,
        bytes: 2 * one,
        when_full: WhenFull::DropNewest,
    };
    let buffer = Buffer::new(bounds);
    assert_eq!(buffer.push(entry(0)), Ok(()));
    assert_eq!(buffer.push(entry(1)), Ok(()));
    assert_eq!(buffer.push(entry(2)), Err(Refused::Full));
    let large = Entry::report(
        "x".repeat(2 * one).into(),
        &EventType::Label,
        Timestamp::MIN,
    );
    assert!(matches!(
        buffer.push(large.unwrap()),
        Err(Refused::TooLarge(_))
    ));
}

#[test]
fn a_blocked_report_goes_on_when_there_is_room_and_gives_up_in_the_end() {
    let short = WhenFull::Block {
        timeout: Duration::from_millis(1),
    };
    let full = buffer(1, short);
    full.push(entry(0)).unwrap();
    assert_eq!(full.push(entry(1)), Err(Refused::Full));

    let long = WhenFull::Block {
        timeout: Duration::from_secs(60),
    };
    let full = buffer(1, long);
    full.push(entry(0)).unwrap();
    std::thread::scope(|scope| {
        let blocked = scope.spawn(|| full.push(entry(1)));
        let taken = full.take().unwrap();
        full.release(Load::of(&taken.entries[0]));
        assert_eq!(blocked.join().unwrap(), Ok(()));
        let blocked = scope.spawn(|| full.push(entry(2)));
        full.close();
        assert_eq!(blocked.join().unwrap(), Err(Refused::Closed));
    });
}

#[tokio::test]
async fn the_sender_is_woken_when_its_wish_comes_true() {
    let buffer = buffer(1000, WhenFull::DropNewest);
    let is_woken = || futures::FutureExt::now_or_never(buffer.woken()).is_some();
    buffer.wish(Wish::Batch {
        events: 3,
        bytes: 1 << 20,
    });
    (0..2).for_each(|n| buffer.push(entry(n)).unwrap());
    assert!(!is_woken());
    buffer.push(entry(2)).unwrap();
    assert!(is_woken());
    buffer.push(entry(3)).unwrap();
    assert!(!is_woken(), "once is enough");
    buffer.wish(Wish::Any);
    assert!(is_woken(), "there was something already");
}
