//! What the programs share: the command line, and the records they write.

use std::time::{Duration, Instant};

pub const COUNT: usize = 1000;
pub const PARTITIONS: i32 = 4;
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A check does its part against the broker at this address, and says what it did.
pub type Check = fn(&str) -> String;

/// Runs the check that the command line names; it panics where it fails.
pub fn run(checks: &[(&str, Check)]) {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [bootstrap, name] = &words[..] else {
        eprintln!("usage: PROGRAM BOOTSTRAP CHECK");
        std::process::exit(2);
    };
    match checks.iter().find(|(known, _)| known == name) {
        Some((_, check)) => println!("{}", check(bootstrap)),
        None => {
            println!("the client has no {name}");
            std::process::exit(77);
        }
    }
}

/// The text of record `i`.
pub fn value(tag: &str, i: usize) -> String {
    format!("{tag} {i} {}", "x".repeat(i % 97))
}

pub fn values(tag: &str, count: usize) -> Vec<String> {
    (0..count).map(|i| value(tag, i)).collect()
}

/// Asks again and again, and panics when it does not become true.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < PATIENCE, "did not happen within {PATIENCE:?}: {what}");
    }
}
