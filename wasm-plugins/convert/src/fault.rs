//! What is wrong with a text, and where.

use hostbridge_sdk::Problem;

use crate::encoding::position;
use crate::options::{Source, Target};

#[derive(Clone, Copy)]
pub enum Kind {
    /// The text is not what its format allows.
    Syntax(Source),
    /// The target has no way to say this.
    Inexpressible(Target),
    /// The text is not Unicode.
    Encoding,
    /// Nesting or size.
    Limit,
}

/// One or more places of the same kind, in the order of the text.
pub struct Fault {
    kind: Kind,
    places: Vec<Place>,
}

struct Place {
    /// Byte offset into the text.
    at: Option<usize>,
    /// With the line and column in front, once the text is known.
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

    /// Another place of the same kind.
    pub fn and(&mut self, other: Self) {
        self.places.extend(other.places);
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Puts the line and column, counted from 1 in characters, in front of each message.
    pub fn located_in(mut self, text: &str) -> Self {
        for place in &mut self.places {
            if let Some(at) = place.at.take() {
                let (line, column) = position(text, at);
                place.message = format!("Line {line}, column {column}: {}", place.message);
            }
        }
        self
    }

    /// As the caller gets it. `pointer` is where the caller put the text.
    pub fn into_problem(self, pointer: &str) -> Problem {
        let (code, title) = match self.kind {
            Kind::Syntax(format) => (
                format!("invalid-{}", format.title().to_lowercase()),
                format!("This is not valid {}", format.title()),
            ),
            Kind::Inexpressible(format) => (
                "inexpressible".to_owned(),
                format!("{format} has no way to say this"),
            ),
            Kind::Encoding => (
                "invalid-encoding".to_owned(),
                "This is not Unicode text".to_owned(),
            ),
            Kind::Limit => (
                "limit-exceeded".to_owned(),
                "The data goes beyond a limit".to_owned(),
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
