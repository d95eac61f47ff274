//! The functions that a worker calls; what they take and give is told in the crate's documentation.
#![expect(unsafe_code, reason = "a function that is called by its name from outside counts as unsafe")]

use crate::{Eyes, Hand};
use frame::blank;
use gpu::{Buffer, Pixels, Plan, Storage};
use mirror::generator::Generator;
use mirror::live::LiveSettings;
use mirror::pack::{Net, Pack};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::error::Error;

thread_local! {
    static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static ANSWER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static FILES: RefCell<BTreeMap<String, Cow<'static, [u8]>>> = const { RefCell::new(BTreeMap::new()) };
    static EYES: RefCell<Option<Eyes>> = const { RefCell::new(None) };
    static HAND: RefCell<Option<Hand>> = const { RefCell::new(None) };
    static PLAN: RefCell<Option<Plan>> = const { RefCell::new(None) };
}

type Answer = Result<Vec<u8>, Box<dyn Error>>;

/// Runs `f` on the message and leaves its answer; says whether all went well.
fn answer(f: impl FnOnce(&[u8]) -> Answer) -> bool {
    let result = ROOM.with_borrow_mut(|message| {
        let result = f(message);
        // What stays in memory of a frame is blank.
        blank(message);
        result
    });
    let is_well = result.is_ok();
    ANSWER.set(result.unwrap_or_else(|error| error.to_string().into_bytes()));
    is_well
}

fn with_eyes(f: impl FnOnce(&mut Eyes, &[u8]) -> Answer) -> bool {
    answer(|message| EYES.with_borrow_mut(|eyes| f(eyes.as_mut().ok_or("open_eyes comes first")?, message)))
}

fn with_hand(f: impl FnOnce(&Hand, &[u8]) -> Answer) -> bool {
    answer(|message| HAND.with_borrow(|hand| f(hand.as_ref().ok_or("open_hand comes first")?, message)))
}

fn with_plan(f: impl FnOnce(&Plan, &[u8]) -> Answer) -> bool {
    answer(|message| PLAN.with_borrow(|plan| f(plan.as_ref().ok_or("open_plan comes first")?, message)))
}

/// The files that came make a pack; they are not needed any more.
fn pack() -> Result<Pack, Box<dyn Error>> {
    Ok(Pack::from_files("the pack", FILES.take())?)
}

fn settings(views: usize) -> LiveSettings {
    LiveSettings { views, ..LiveSettings::default() }
}

#[unsafe(no_mangle)]
extern "C" fn room(bytes: usize) -> *mut u8 {
    ROOM.with_borrow_mut(|room| {
        room.resize(bytes, 0);
        room.as_mut_ptr()
    })
}

/// Where the answer begins.
#[unsafe(no_mangle)]
extern "C" fn answer_at() -> *const u8 {
    let answer = ANSWER.take();
    let at = answer.as_ptr();
    ANSWER.set(answer);
    at
}

/// How many bytes it has.
#[unsafe(no_mangle)]
extern "C" fn answer_bytes() -> usize {
    let answer = ANSWER.take();
    let bytes = answer.len();
    ANSWER.set(answer);
    bytes
}

#[unsafe(no_mangle)]
extern "C" fn file(name_bytes: usize) -> bool {
    answer(|message| {
        let (name, bytes) = message.split_at_checked(name_bytes).ok_or("a file's name is longer than its message")?;
        FILES.with_borrow_mut(|files| files.insert(String::from_utf8_lossy(name).into_owned(), bytes.to_vec().into()));
        Ok(Vec::new())
    })
}

#[unsafe(no_mangle)]
extern "C" fn open_eyes(views: usize) -> bool {
    answer(|_| {
        EYES.set(Some(Eyes::open(&pack()?, settings(views))?));
        Ok(Vec::new())
    })
}

#[unsafe(no_mangle)]
extern "C" fn open_hand(views: usize, max_resolution: usize) -> bool {
    answer(|_| {
        HAND.set(Some(Hand::open(&pack()?, &settings(views), Some(max_resolution))?));
        Ok(Vec::new())
    })
}

#[unsafe(no_mangle)]
extern "C" fn open_plan(max_resolution: usize) -> bool {
    answer(|_| {
        let generator = pack()?.open(Net::Generator, Generator::from_bytes)?.at_most(max_resolution)?;
        let mut plan = Plan::new(&generator, Storage::F32)?;
        let weights = plan.take_weights();
        PLAN.set(Some(plan));
        Ok(weights)
    })
}

#[unsafe(no_mangle)]
extern "C" fn steps(side: usize) -> bool {
    with_plan(|plan, _| {
        let steps = plan.steps(side, Pixels::Bytes);
        let latent_bytes = plan.buffer_bytes(Buffer::Latent, &steps);
        Ok(serde_json::to_vec(&serde_json::json!({ "latent_bytes": latent_bytes, "steps": steps }))?)
    })
}

#[unsafe(no_mangle)]
extern "C" fn due(seconds: f64) -> bool {
    with_plan(|plan, message| {
        let request = std::str::from_utf8(message)?;
        HAND.with_borrow(|hand| Ok(hand.as_ref().ok_or("open_hand comes first")?.due(plan, request, seconds)?))
    })
}

#[unsafe(no_mangle)]
extern "C" fn painted() -> bool {
    with_hand(|hand, message| Ok(hand.painted(message)?))
}

#[unsafe(no_mangle)]
extern "C" fn paint() -> bool {
    with_hand(|hand, _| Ok(hand.paint()?))
}

#[unsafe(no_mangle)]
extern "C" fn controls() -> bool {
    with_eyes(|eyes, message| {
        eyes.set_controls(std::str::from_utf8(message)?)?;
        Ok(Vec::new())
    })
}

#[unsafe(no_mangle)]
extern "C" fn look(width: usize, height: usize, seconds: f64) -> bool {
    with_eyes(|eyes, message| Ok(serde_json::to_vec(&eyes.look(message, [width, height], seconds)?)?))
}

#[unsafe(no_mangle)]
extern "C" fn draw(seconds: f64) -> bool {
    with_hand(|hand, message| Ok(hand.draw(std::str::from_utf8(message)?, seconds)?))
}

#[unsafe(no_mangle)]
extern "C" fn shown() -> bool {
    with_eyes(|eyes, message| {
        eyes.set_shown(message)?;
        Ok(Vec::new())
    })
}

#[unsafe(no_mangle)]
extern "C" fn forget() -> bool {
    with_eyes(|eyes, _| Ok(eyes.forget().to_string().into_bytes()))
}

#[unsafe(no_mangle)]
extern "C" fn forget_drawn(epoch: u64) -> bool {
    with_hand(|hand, _| {
        hand.forget(epoch);
        Ok(Vec::new())
    })
}

/// After this a panic, which ends the instance, leaves its words as the answer.
#[unsafe(no_mangle)]
extern "C" fn start() {
    std::panic::set_hook(Box::new(|panic| ANSWER.set(panic.to_string().into_bytes())));
}
