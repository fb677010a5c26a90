//! The modules of `src/` need one another in one direction: none leads back to itself, but for a module and those inside it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

type Module = Vec<String>;

/// Each module with its source, but for comments and tests.
fn modules(folder: &Path, at: &[String], found: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let module = if name == "mod" { at.to_vec() } else { [at, &[name]].concat() };
        if path.is_dir() {
            modules(&path, &module, found);
        } else {
            let source = fs::read_to_string(&path).unwrap();
            let code = source.split("#[cfg(test)]\nmod tests").next().unwrap();
            let lines = code.lines().map(|line| line.split("//").next().unwrap());
            found.insert(module, lines.collect::<Vec<_>>().join("\n"));
        }
    }
}

/// What stands before the first of these, which is not in braces, and what stands after it.
fn cut(text: &str, at: char) -> (&str, &str) {
    let mut depth = 0;
    for (i, char) in text.char_indices() {
        match char {
            _ if char == at && depth == 0 => return (&text[..i], &text[i + 1..]),
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    (text, "")
}

/// The paths that `text` begins with: one, or those of a group in braces.
fn paths(text: &str) -> Vec<Module> {
    let length = text.find(|char: char| !char.is_alphanumeric() && char != '_' && char != ':').unwrap_or(text.len());
    let (path, rest) = text.split_at(length);
    let parts: Module = path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let Some(group) = rest.strip_prefix('{').filter(|_| path.ends_with("::")) else { return vec![parts] };
    let (mut items, mut all) = (cut(group, '}').0, Vec::new());
    while !items.is_empty() {
        let (item, others) = cut(items, ',');
        all.extend(paths(item.trim_start()).into_iter().map(|inner| [&parts[..], &inner].concat()));
        items = others;
    }
    all
}

/// The module that `path` leads to from `module`, if it is one of `all` and has nothing to do with that one by its place.
fn target(module: &[String], path: &[String], all: &BTreeMap<Module, String>) -> Option<Module> {
    let supers = path.iter().take_while(|part| *part == "super").count();
    let base = if supers > 0 { &module[..module.len().saturating_sub(supers)] } else { &[] };
    let full = [base, &path[supers.max(1)..]].concat();
    let found = (1..=full.len()).rev().map(|length| full[..length].to_vec()).find(|part| all.contains_key(part))?;
    (!module.starts_with(&found) && !found.starts_with(module)).then_some(found)
}

#[test]
fn no_module_leads_back_to_itself() {
    let mut all = BTreeMap::new();
    modules(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &[], &mut all);
    let mut needs: BTreeMap<&Module, BTreeSet<Module>> = BTreeMap::new();
    for (module, source) in &all {
        let starts = ["crate::", "super::"].into_iter().flat_map(|start| source.match_indices(start));
        let starts = starts.filter(|(at, _)| !source[..*at].ends_with("::"));
        let found = starts.flat_map(|(at, _)| paths(&source[at..]));
        needs.insert(module, found.filter_map(|path| target(module, &path, &all)).collect());
    }
    assert!(needs.len() > 60 && needs.values().map(BTreeSet::len).sum::<usize>() > 200, "{needs:?}");
    // Who needs nobody that is left is in no circle, nor is who is needed by nobody that is left.
    loop {
        let left: BTreeSet<Module> = needs.keys().map(|module| (*module).clone()).collect();
        let needed: BTreeSet<Module> = needs.values().flatten().cloned().collect();
        needs.retain(|module, of| needed.contains(*module) && of.iter().any(|other| left.contains(other)));
        if needs.len() == left.len() {
            break;
        }
    }
    let names: Vec<_> = needs.keys().map(|module| module.join("::")).collect();
    assert!(names.is_empty(), "in circles, or between two: {names:?}");
}
