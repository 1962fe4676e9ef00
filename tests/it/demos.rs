//! The demonstrations of docs/demos: each page's commands are run in their order, and print what the page shows (B18). `BPCTL_BLESS=1`
//! writes what was printed into the pages.
//!
//! What cannot be the same twice is compared by its shape: commits, ids and times; figures of two digits and more may differ by a tenth.

mod recorded;

use std::ops::Range;
use std::path::PathBuf;

use crate::support::{Ran, Repo};

/// A page, and how far it was told.
pub struct Page {
    path: PathBuf,
    text: String,
    blocks: Vec<Block>,
    told: Vec<String>,
    /// Names that this run has and the page has not.
    names: Vec<(String, &'static str)>,
}

/// A command of the page, and what it prints there.
struct Block {
    command: String,
    output: Range<usize>,
}

const FENCE: &str = "```console\n$ ";

impl Page {
    pub fn open(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/demos").join(name).with_extension("md");
        let text = std::fs::read_to_string(&path).expect("the page");
        let mut blocks = Vec::new();
        for (at, _) in text.match_indices(FENCE) {
            let from = at + FENCE.len();
            let line = from + text[from..].find('\n').expect("a line");
            let end = line + 1 + text[line + 1..].find("```\n").expect("the fence's end");
            blocks.push(Block { command: text[from..line].to_owned(), output: line + 1..end });
        }
        Self { path, text, blocks, told: Vec::new(), names: Vec::new() }
    }

    /// Something is called otherwise on the page.
    pub fn names(&mut self, here: impl Into<String>, there: &'static str) {
        self.names.push((here.into(), there));
    }

    /// The page's next command is this one, and prints this.
    #[track_caller]
    pub fn shows(&mut self, command: &str, printed: &str) {
        let mut printed = printed.trim_end().to_owned();
        if !printed.is_empty() {
            printed.push('\n');
        }
        for (here, there) in &self.names {
            printed = printed.replace(here, there);
        }
        let block = self.blocks.get(self.told.len()).unwrap_or_else(|| panic!("the page ends before {command:?}"));
        assert_eq!(block.command, command, "the page's next command");
        if !blesses() {
            let shown = &self.text[block.output.clone()];
            let differs = shown.lines().zip(printed.lines()).find(|(shown, printed)| !alike(shown, printed));
            let same = shown.lines().count() == printed.lines().count();
            assert!(differs.is_none() && same, "{command}: {differs:?}\n--- the page\n{shown}\n--- now\n{printed}");
        }
        self.told.push(printed);
    }

    /// Runs `bpctl ARGUMENTS` as the page writes it; `words` are its arguments, where the page shortens them.
    #[track_caller]
    pub fn run(&mut self, command: &str, words: &[&str], run: impl Fn(&[&str]) -> Ran, code: i32) -> Ran {
        let ran = run(words).exits(code);
        let printed = if ran.stdout.is_empty() { &ran.stderr } else { &ran.stdout };
        self.shows(command, printed);
        ran
    }

    /// The same with the page's own words as arguments.
    #[track_caller]
    pub fn bpctl(&mut self, repo: &Repo, command: &str, code: i32) -> Ran {
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        self.run(command, &words, |words| repo.run(words), code)
    }

    /// The page is told to its end.
    #[track_caller]
    pub fn end(self) {
        assert_eq!(self.told.len(), self.blocks.len(), "the page goes on");
        if blesses() {
            let mut text = self.text.clone();
            for (block, printed) in self.blocks.iter().zip(&self.told).rev() {
                text.replace_range(block.output.clone(), printed);
            }
            std::fs::write(&self.path, text).expect("written");
        }
    }
}

fn blesses() -> bool {
    std::env::var_os("BPCTL_BLESS").is_some()
}

/// A line without what depends on when somebody looked: what memory was before, how slow the time before was on average, what is waited for.
fn steady(line: &str) -> String {
    let mut steady = String::new();
    // Which window a verification waits for depends on how fast the pods were.
    let mut rest = line.split_once(": pending (").map_or(line, |(before, _)| before);
    while let Some(at) = rest.find("memory ").into_iter().chain(rest.find("p95 latency ")).min() {
        steady.push_str(&rest[..at]);
        let end = rest[at..].find([';', ')', ',']).map_or(rest.len(), |end| at + end);
        let skipped = &rest[at..end];
        // What it aims at, and whether that was reached, follows the comma.
        steady.push_str(skipped.split(' ').next().unwrap_or_default());
        rest = rest[end..].strip_prefix(", before not known").unwrap_or(&rest[end..]);
    }
    steady + rest
}

/// Whether two lines say the same, but for what differs each time.
fn alike(shown: &str, printed: &str) -> bool {
    let (shown, printed) = (steady(shown), steady(printed));
    let (mut shown, mut printed) = (shown.split_whitespace(), printed.split_whitespace());
    loop {
        match (shown.next(), printed.next()) {
            (None, None) => return true,
            (Some(shown), Some(printed)) if same_word(shown, printed) => {}
            _ => return false,
        }
    }
}

fn same_word(shown: &str, printed: &str) -> bool {
    let (one, other) = (shape(shown), shape(printed));
    if one.0 != other.0 {
        return false;
    }
    // A time, or a commit in what Git prints.
    if one.0.contains("#-#-#") || one.0.contains("#:#") {
        return true;
    }
    one.1.iter().zip(&other.1).all(|(one, other)| {
        let (low, high) = (one.min(*other), one.max(*other));
        (high - low).abs() < f64::EPSILON || (low >= 10.0 && high - low <= high / 10.0)
    })
}

/// A word without its figures, and its figures. Seven hexadecimal digits and more in a row are an id: one in a
/// thousand has letters alone, and no word of a page does.
fn shape(word: &str) -> (String, Vec<f64>) {
    let (mut shape, mut figures, mut rest) = (String::new(), Vec::new(), word);
    while let Some(first) = rest.chars().next() {
        let hex = rest.find(|c: char| !c.is_ascii_hexdigit() || c.is_ascii_uppercase()).unwrap_or(rest.len());
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        if hex >= 7 {
            shape.push_str("<id>");
            rest = &rest[hex..];
        } else if first.is_ascii_digit() {
            let figure = rest[..digits].trim_end_matches('.');
            // `1.4.0` is a version, and stays as it is.
            match figure.parse() {
                Ok(value) => {
                    shape.push('#');
                    figures.push(value);
                }
                Err(_) => shape.push_str(figure),
            }
            rest = &rest[figure.len()..];
        } else {
            shape.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    (shape, figures)
}

#[test]
fn pages_are_compared_by_what_they_say() {
    for (shown, printed) in [
        ("CPU 84.97% of request", "CPU   85.4% of request"),
        ("merged as 57cd402: allowed", "merged as 99aa001: allowed"),
        ("merged as a3a98cd: allowed", "merged as dbaedae: allowed"),
        ("observed 2026-11-21T02:50:29Z", "observed 2027-01-02T13:00:01Z"),
        ("171m of 200m", "169m of 200m"),
        ("verified #1: pending (settled pending: until 10:00)", "verified #1: pending (ready pending: 3 of 2 pods)"),
        ("(memory 1.56% → 1.56%; sustained: CPU", "(memory 1.5%, before not known; sustained: CPU"),
        ("p95 latency 150ms → 300ms, target 200ms: failure", "p95 latency 188ms → 300ms, target 200ms: failure"),
    ] {
        assert!(alike(shown, printed), "{shown:?} {printed:?}");
    }
    for (shown, printed) in [
        ("replicas 2 → 3", "replicas 2 → 4"),
        ("CPU 84.97%", "CPU 54.97%"),
        ("forbidden", "allowed"),
        ("p95 latency 150ms → 300ms, target 200ms: failure", "p95 latency 150ms → 300ms, target 200ms: success"),
        ("frontend 1.4.0", "frontend 1.5.0"),
        ("2 allowed", "2 allowed · 1 forbidden"),
    ] {
        assert!(!alike(shown, printed), "{shown:?} {printed:?}");
    }
}
