//! The vocabulary as tables of names and numbers.

use super::*;
use crate::engine::error::ParseError;

/// Names and numbers of one kind.
#[derive(Clone, Debug)]
pub struct Group {
    /// In JavaScript.
    pub name: String,
    /// What they are.
    pub about: &'static str,
    /// Name in JavaScript, number, meaning; in their order.
    pub entries: Vec<(String, i32, String)>,
}

/// `remoteLength` of `remote_length` or `RemoteLength` is REMOTE_LENGTH.
pub fn name_in_javascript(name: &str) -> String {
    let mut out = String::new();
    for (at, char) in name.chars().enumerate() {
        if char.is_uppercase() && at > 0 && name.chars().any(char::is_lowercase) {
            out.push('_');
        }
        out.extend(char.to_uppercase());
    }
    out
}

/// All that crosses, as JavaScript has it.
pub fn groups() -> Vec<Group> {
    let mut groups = vec![
        named("kinds", Kind::ABOUT, Kind::NAMED),
        stream_kinds(),
        words_of_kinds(),
        named("head", head::ABOUT, head::NAMED),
        named("wide", wide::ABOUT, wide::NAMED),
        offsets("payload", "Words of a payload, from its first one.", 0, Payload::FIELDS),
        named("places", places::ABOUT, places::NAMED),
        named("line", line::ABOUT, line::NAMED),
        offsets("ends", "Words of a connection's ends, from the first one.", 0, Ends::FIELDS),
        named("families", Family::ABOUT, Family::NAMED),
        named("connectionFlags", connection_flags::ABOUT, connection_flags::NAMED),
        named("messageFlags", message_flags::ABOUT, message_flags::NAMED),
        named("upgradeFlags", upgrade_flags::ABOUT, upgrade_flags::NAMED),
        named("expired", Expired::ABOUT, Expired::NAMED),
        named("closedFlags", closed_flags::ABOUT, closed_flags::NAMED),
        named("movedFlags", moved_flags::ABOUT, moved_flags::NAMED),
        named("demandFlags", demand_flags::ABOUT, demand_flags::NAMED),
        named("ops", Op::ABOUT, Op::NAMED),
    ];
    let mut command = offsets("command", "Words of a command.", Prefix::WORDS, CommandWords::FIELDS);
    let payload = Prefix::WORDS + CommandWords::COUNT;
    command.entries.push(("PAYLOAD".to_owned(), payload as i32, "Where the payload begins.".to_owned()));
    groups.extend([
        command,
        named("writeFlags", write_flags::ABOUT, write_flags::NAMED),
        named("decideFlags", decide_flags::ABOUT, decide_flags::NAMED),
        named("closeFlags", close_flags::ABOUT, close_flags::NAMED),
        named("keepAliveFlags", keep_alive_flags::ABOUT, keep_alive_flags::NAMED),
        named("expectFlags", expect_flags::ABOUT, expect_flags::NAMED),
        named("validation", Validation::ABOUT, Validation::NAMED),
        named("readers", Reader::ABOUT, Reader::NAMED),
        named("tap", tap::ABOUT, tap::NAMED),
        named("tapFlags", tap_flags::ABOUT, tap_flags::NAMED),
        named("feedFlags", feed_flags::ABOUT, feed_flags::NAMED),
        named("turns", turns::ABOUT, turns::NAMED),
        named("limits", limits::ABOUT, limits::NAMED),
        statuses(),
    ]);
    groups
}

fn named(name: &str, about: &'static str, entries: &[Named]) -> Group {
    let entries = entries.iter().map(|one| (name_in_javascript(one.name), one.value, one.doc.trim().to_owned()));
    Group { name: name.to_owned(), about: about.trim(), entries: entries.collect() }
}

/// Where the fields stand, in words, when the first stands at `start`.
fn offsets(name: &str, about: &'static str, start: usize, fields: &[Field]) -> Group {
    let mut at = start;
    let entries = fields.iter().map(|field| {
        let entry = (name_in_javascript(field.name), at as i32, field.doc.trim().to_owned());
        at += field.words;
        entry
    });
    Group { name: name.to_owned(), about, entries: entries.collect() }
}

fn stream_kinds() -> Group {
    let about = "Kinds whose bytes belong to no message, but to whoever has the connection's stream.";
    let kinds = named("", "", Kind::NAMED).entries.into_iter().zip(Kind::ALL);
    let entries =
        kinds.filter(|(_, kind)| kind.is_stream()).map(|((name, number, _), _)| (name, number, String::new()));
    Group { name: "streamKinds".to_owned(), about, entries: entries.collect() }
}

fn words_of_kinds() -> Group {
    let mut entries = Vec::new();
    for kind in Kind::ALL {
        let of = |name: &str| format!("{}_{name}", name_in_javascript(&format!("{kind:?}")));
        let fields = offsets("", "", Prefix::WORDS, kind.fields()).entries;
        entries.extend(fields.into_iter().map(|(name, at, doc)| (of(&name), at, doc)));
        if !kind.bytes().is_empty() {
            let at = Prefix::WORDS + kind.fields().iter().map(|field| field.words).sum::<usize>();
            entries.push((of("BYTES"), at as i32, format!("Where bytes begin: {}.", kind.bytes())));
        }
    }
    Group { name: "words".to_owned(), about: "Words of records, by kind.", entries }
}

fn statuses() -> Group {
    let mut entries: Vec<(String, i32, String)> = Vec::new();
    for error in ParseError::ALL {
        let (code, status) = (error.code(), i32::from(error.status()));
        if status != 400 && !entries.iter().any(|(name, ..)| name == code) {
            entries.push((code.to_owned(), status, error.reason().to_owned()));
        }
    }
    Group {
        name: "statuses".to_owned(),
        about: "Statuses of the answers to what a peer does wrong; 400 where there is none.",
        entries,
    }
}
