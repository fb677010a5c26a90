//! The fuzz targets without libFuzzer: their corpora, and seeded mutations of these.

#[path = "../fuzz/targets/mod.rs"]
mod targets;

use std::fs;
use std::path::{Path, PathBuf};

use targets::support::Random;

/// Mutated inputs of each target.
const ROUNDS: usize = 2_000;
/// Bytes of an input.
const MOST: usize = 2_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder().join("seeds").join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// The words of the dictionary: `"text"` lines with `\xNN`, `\\` and `\"`.
fn dictionary() -> Vec<Vec<u8>> {
    let text = fs::read_to_string(folder().join("http.dict")).unwrap();
    let quoted = |line: &str| line.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).map(str::to_owned);
    text.lines().filter_map(|line| quoted(line.trim())).map(|word| unescaped(&word)).collect()
}

fn unescaped(word: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = word.as_bytes();
    while let [first, more @ ..] = rest {
        rest = match (first, more) {
            (b'\\', [b'x', high, low, behind @ ..]) => {
                let hex = [*high, *low];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
                behind
            }
            (b'\\', [other, behind @ ..]) => {
                bytes.push(*other);
                behind
            }
            _ => {
                bytes.push(*first);
                more
            }
        };
    }
    bytes
}

fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[Vec<u8>], random: &mut Random) {
    let at = random.below(input.len() + 1);
    match random.below(6) {
        0 => input.insert(at, random.below(256) as u8),
        1 if at < input.len() => input[at] = random.below(256) as u8,
        2 if at < input.len() => {
            let to = (at + 1 + random.below(8)).min(input.len());
            input.drain(at..to);
        }
        3 => {
            let word = &words[random.below(words.len())];
            input.splice(at..at, word.iter().copied());
        }
        4 => {
            let other = &seeds[random.below(seeds.len())];
            input.truncate(at);
            input.extend_from_slice(&other[random.below(other.len() + 1)..]);
        }
        _ => {
            for _ in 0..random.below(24) {
                input.push(random.below(256) as u8);
            }
        }
    }
    input.truncate(MOST);
}

#[test]
fn targets_hold_for_their_corpora_and_mutations_of_these() {
    let words = dictionary();
    assert!(words.len() > 50);
    for (name, target) in targets::TARGETS {
        let seeds = corpus(name);
        assert!(!seeds.is_empty(), "{name} has a corpus");
        seeds.iter().for_each(|seed| target(seed));
        let mut random = Random(0x5eed_0000_0000_0001);
        let mut input = Vec::new();
        for _ in 0..ROUNDS {
            if random.below(3) == 0 || input.is_empty() {
                input.clone_from(&seeds[random.below(seeds.len())]);
            }
            mutate(&mut input, &seeds, &words, &mut random);
            target(&input);
        }
    }
}

#[test]
fn messages_mean_the_same_wherever_they_are_cut_in_two() {
    for (name, target) in targets::TARGETS.into_iter().take(3) {
        for mut input in corpus(name) {
            for settings in [0, 1] {
                for at in 0..=input.len().min(255) {
                    // See framing.rs: settings, the first cut, the distance of further ones.
                    input[..3].copy_from_slice(&[settings, at as u8, 255]);
                    target(&input);
                }
            }
        }
    }
}
