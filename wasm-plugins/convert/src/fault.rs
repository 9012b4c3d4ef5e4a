//! An error in the text or in the conversion, with the places in the text that it concerns.

use hostbridge_sdk::Problem;

use crate::options::{Source, Target};
use crate::position::position;

#[derive(Clone, Copy)]
pub enum Kind {
    /// The text breaks the rules of its format.
    Syntax(Source),
    /// The target format cannot express a value.
    Inexpressible(Target),
    /// The text is not Unicode.
    Encoding,
    /// The text or the result exceeds a limit on nesting or size.
    Limit,
}

/// One or more errors of the same kind, in the order of the text.
pub struct Fault {
    kind: Kind,
    places: Vec<Place>,
}

struct Place {
    /// Byte offset into the text.
    at: Option<usize>,
    /// Starts with the line and column after [`Fault::located_in`].
    message: String,
}

impl Fault {
    fn new(kind: Kind, at: Option<usize>, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            kind,
            places: vec![Place { at, message }],
        }
    }

    pub fn syntax(format: Source, at: usize, message: impl Into<String>) -> Self {
        Self::new(Kind::Syntax(format), Some(at), message)
    }

    pub fn inexpressible(format: Target, at: usize, message: impl Into<String>) -> Self {
        Self::new(Kind::Inexpressible(format), Some(at), message)
    }

    pub fn limit(at: Option<usize>, message: impl Into<String>) -> Self {
        Self::new(Kind::Limit, at, message)
    }

    pub fn encoding(message: impl Into<String>) -> Self {
        Self::new(Kind::Encoding, None, message)
    }

    /// Adds the places of another fault of the same kind.
    pub fn append(&mut self, other: Self) {
        self.places.extend(other.places);
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Puts the line and column in front of each message, counted from 1, columns in characters.
    pub fn located_in(mut self, text: &str) -> Self {
        for place in &mut self.places {
            if let Some(at) = place.at.take() {
                let (line, column) = position(text, at);
                place.message = format!("Line {line}, column {column}: {}", place.message);
            }
        }
        self
    }

    /// The problem to answer with. `pointer` is the field of the input that holds the text.
    pub fn into_problem(self, pointer: &str) -> Problem {
        let (code, title) = match self.kind {
            Kind::Syntax(format) => (
                format!("invalid-{}", format.title().to_lowercase()),
                format!("This is not valid {}", format.title()),
            ),
            Kind::Inexpressible(format) => (
                "inexpressible".to_owned(),
                format!("{format} cannot express this"),
            ),
            Kind::Encoding => (
                "invalid-encoding".to_owned(),
                "The file is not Unicode text".to_owned(),
            ),
            Kind::Limit => (
                "limit-exceeded".to_owned(),
                "Limit exceeded".to_owned(),
            ),
        };
        let detail = self.places.first().map_or("", |place| &place.message);
        let mut problem = Problem::new(422, code, title, detail);
        for place in &self.places {
            problem = problem.with_error(pointer, &place.message);
        }
        problem
    }
}
