//! What the command is told.

/// Mutants of the fixed types, unless another number is given.
const MUTANTS: u64 = 1_000_000;

/// Minutes, likewise.
const MINUTES: u64 = 3;

/// How much is done, and from where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Of the fixed types' values, and of the first schema.
    pub(crate) seed: u64,
    /// No schema begins later than this.
    pub(crate) minutes: u64,
    /// How many mutants of the fixed types there are.
    pub(crate) mutants: u64,
    /// How many schemas there are, if time does not say so.
    pub(crate) schemas: Option<u64>,
}

impl Options {
    /// Reads words. Without a seed it is another one each time.
    pub(crate) fn read(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            seed: u64::from(std::process::id()),
            minutes: MINUTES,
            mutants: MUTANTS,
            schemas: None,
        };
        let mut words = words;
        while let Some(word) = words.next() {
            let text = words.next().unwrap_or_default();
            let number = text.parse::<u64>();
            let number = number.map_err(|_| format!("{word} {text:?} (a number is wanted)"))?;
            match &*word {
                "--seed" => options.seed = number,
                "--minutes" => options.minutes = number,
                "--mutants" => options.mutants = number,
                "--schemas" => options.schemas = Some(number),
                _ => {
                    let allowed = "--seed, --minutes, --mutants, --schemas";
                    return Err(format!("{word} (allowed: {allowed})"));
                }
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Options, String> {
        Options::read(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn numbers_are_taken_and_anything_else_is_refused() {
        let options = read(&["--seed", "7", "--schemas", "2"]).expect("options");
        assert_eq!((options.seed, options.schemas), (7, Some(2)));
        assert_eq!(options.mutants, MUTANTS);
        assert!(
            read(&["--seed"])
                .unwrap_err()
                .ends_with("(a number is wanted)")
        );
        assert!(
            read(&["--size", "1"])
                .unwrap_err()
                .starts_with("--size (allowed")
        );
    }
}
