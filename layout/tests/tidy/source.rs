//! One text file, as the rules look at it.

/// A file and its path from the root of the tree.
pub(crate) struct Source<'a> {
    pub(crate) path: &'a str,
    pub(crate) lines: Vec<&'a str>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(path: &'a str, text: &'a str) -> Self {
        let lines = text.lines().collect();
        Self { path, lines }
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub(crate) fn is_go(&self) -> bool {
        self.path.ends_with(".go")
    }

    pub(crate) fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("_test.go")
    }

    /// Rust or Go that a person wrote.
    pub(crate) fn is_written_code(&self) -> bool {
        let generated = |line: &&str| line.contains("DO NOT EDIT");
        (self.is_rust() || self.is_go()) && !self.lines.first().is_some_and(generated)
    }

    /// Last line of the item that begins at `start`: the first that closes a
    /// bracket at the same indentation. (rustfmt and gofmt see to that.)
    pub(crate) fn end_of_item(&self, start: usize) -> usize {
        let line = self.lines[start];
        let indent = &line[..line.len() - line.trim_start().len()];
        let closes = |line: &&str| {
            let rest = line.strip_prefix(indent).unwrap_or("");
            rest.starts_with('}') || (rest.starts_with([']', ')']) && rest.ends_with(';'))
        };
        if line.ends_with(['}', ';']) {
            return start;
        }
        let later = self.lines[start + 1..].iter().position(closes);
        later.map_or(start, |count| start + 1 + count)
    }

    /// True for a line of an item that rustfmt leaves alone.
    pub(crate) fn is_in_table(&self, index: usize) -> bool {
        let skips = |line: &&str| line.trim() == "#[rustfmt::skip]";
        let skip = self.lines[..index].iter().rposition(skips);
        skip.is_some_and(|skip| index <= self.end_of_item(skip + 1))
    }
}

/// A line of Rust without its comment.
pub(crate) fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or("")
}

/// True if `text` has `word` in it, and not as part of a longer word.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = word.starts_with(part) && text[..at].ends_with(part);
        let after = word.chars().all(part) && text[at + word.len()..].starts_with(part);
        !before && !after
    })
}
