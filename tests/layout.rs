//! What JavaScript and the documents say of the vocabulary is what the engine defines. `npm run layout` writes it anew.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use turnout::engine::layout::{groups, head, name_in_javascript, Field, Kind, Named, Op, Prefix};

/// The text of a file, or of the part of it that is made here, must be `text`; with TURNOUT_WRITE_LAYOUT it is from now on.
fn check(file: &str, part: Option<&str>, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let old = fs::read_to_string(&path).unwrap_or_default();
    let new = match part {
        None => text.to_owned(),
        Some(part) => {
            let (begin, end) = (format!("<!-- layout: {part} -->\n"), "\n<!-- /layout -->");
            let from = old.find(&begin).unwrap_or_else(|| panic!("{file} has no {begin}")) + begin.len();
            let to = from + old[from..].find(end).unwrap_or_else(|| panic!("{file} has no end of {part}"));
            [&old[..from], text.trim_end(), &old[to..]].concat()
        }
    };
    if std::env::var_os("TURNOUT_WRITE_LAYOUT").is_some() {
        fs::write(&path, new).unwrap();
    } else {
        assert!(old == new, "{file} is not what src/engine/layout defines: npm run layout");
    }
}

#[test]
fn javascript_has_the_numbers_by_name() {
    let mut text = "'use strict';

/**
 * Every number that crosses between the engine and JavaScript, by name. Written by `npm run layout` of src/engine/layout: numbers are
 * changed there. Whoever uses one takes it into a `const` of its module, which costs no more than the number itself.
 */
"
    .to_owned();
    text.push_str("module.exports = Object.freeze({\n");
    for group in groups() {
        writeln!(text, "  /** {} */\n  {}: Object.freeze({{", group.about, group.name).unwrap();
        for (name, number, doc) in group.entries {
            if !doc.is_empty() {
                writeln!(text, "    /** {doc} */").unwrap();
            }
            writeln!(text, "    {name}: {number},").unwrap();
        }
        text.push_str("  }),\n");
    }
    text.push_str("});\n");
    check("lib/seam/layout.js", None, &text);
}

/// What a doc comment says, as the inside of a cell.
fn cell(doc: &str) -> String {
    doc.trim().trim_end_matches('.').replace('|', "\\|")
}

/// `seq, payload (length, place, offset)`.
fn row(fields: &[Field]) -> String {
    let words = fields.iter().map(|field| {
        let name = field.name.replace('_', " ");
        match (cell(field.doc), field.parts) {
            (doc, []) if doc.is_empty() => name,
            (doc, []) => format!("{name} ({})", doc[..1].to_lowercase() + &doc[1..]),
            (_, parts) => format!("{name} ({})", row(parts)),
        }
    });
    words.collect::<Vec<_>>().join(", ")
}

/// `1 LAST, 2 CLOSE`.
fn list(numbers: &[Named]) -> String {
    let names = numbers.iter().map(|one| format!("{} {}", one.value, name_in_javascript(one.name)));
    names.collect::<Vec<_>>().join(", ")
}

#[test]
fn kinds_and_commands_leave_room_for_flags() {
    let numbers = Kind::ALL.iter().map(|kind| kind.number()).chain(Op::ALL.iter().map(|op| op.number()));
    assert!(numbers.into_iter().all(|number| number & !head::KIND == 0 && head::KIND >> head::FLAGS_SHIFT == 0));
}

#[test]
fn the_documents_have_the_records() {
    let mut text = "| kind | meaning | words from 3 on | bytes | flags |\n|---|---|---|---|---|\n".to_owned();
    for (kind, named) in Kind::ALL.iter().zip(Kind::NAMED) {
        let at = Prefix::WORDS + kind.fields().iter().map(|field| field.words).sum::<usize>();
        let bytes = if kind.bytes().is_empty() { String::new() } else { format!("at word {at}: {}", kind.bytes()) };
        let (name, doc) = (name_in_javascript(named.name), cell(named.doc));
        let (words, flags) = (row(kind.fields()), list(kind.flags()));
        writeln!(text, "| {} {name} | {doc} | {words} | {bytes} | {flags} |", kind.number()).unwrap();
    }
    check("docs/architecture.md", Some("records"), &text);
}

#[test]
fn the_documents_have_the_commands() {
    let mut text = "| op | meaning | argument | flags |\n|---|---|---|---|\n".to_owned();
    for (op, named) in Op::ALL.iter().zip(Op::NAMED) {
        let (name, doc) = (name_in_javascript(named.name), cell(named.doc));
        writeln!(text, "| {} {name} | {doc} | {} | {} |", op.number(), op.argument(), list(op.flags())).unwrap();
    }
    check("docs/architecture.md", Some("commands"), &text);
}

#[test]
fn the_documents_have_the_other_numbers() {
    let mut text = "| in `lib/seam/layout.js` | is | numbers |\n|---|---|---|\n".to_owned();
    for group in groups().into_iter().filter(|group| !matches!(&*group.name, "kinds" | "words" | "ops")) {
        let numbers = group.entries.into_iter().map(|(name, number, doc)| match cell(&doc) {
            doc if doc.is_empty() => format!("{number} {name}"),
            doc => format!("{number} {name}: {doc}"),
        });
        let (name, about, numbers) = (group.name, cell(group.about), numbers.collect::<Vec<_>>().join("<br>"));
        writeln!(text, "| {name} | {about} | {numbers} |").unwrap();
    }
    check("docs/architecture.md", Some("numbers"), &text);
}
