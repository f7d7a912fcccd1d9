//! What Segment's clients call: the last part of a path, and the `type` of a message.

/// A kind of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Track,
    Identify,
    Page,
    Screen,
    Group,
    Alias,
}

impl Call {
    const ALL: [Call; 6] = [
        Call::Track,
        Call::Identify,
        Call::Page,
        Call::Screen,
        Call::Group,
        Call::Alias,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Call::Track => "track",
            Call::Identify => "identify",
            Call::Page => "page",
            Call::Screen => "screen",
            Call::Group => "group",
            Call::Alias => "alias",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Call> {
        Call::ALL.into_iter().find(|call| call.word() == word)
    }
}

/// What a body holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bodies {
    /// One message of a kind.
    One(Call),
    /// A list of messages, each of which names its kind.
    Batch,
}

impl Bodies {
    /// Reads the last part of a path. The browser SDK writes its first letter alone.
    pub(super) fn parse(part: &str) -> Option<Bodies> {
        match part {
            "batch" | "b" => Some(Bodies::Batch),
            word if word.len() == 1 => Call::ALL
                .into_iter()
                .find(|call| call.word().starts_with(word))
                .map(Bodies::One),
            word => Call::parse(word).map(Bodies::One),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_by_word_and_by_letter() {
        let check = |part: &str, expected: Option<Bodies>| {
            assert_eq!(Bodies::parse(part), expected, "{part}");
        };
        for call in Call::ALL {
            check(call.word(), Some(Bodies::One(call)));
            check(&call.word()[..1], Some(Bodies::One(call)));
        }
        check("batch", Some(Bodies::Batch));
        check("b", Some(Bodies::Batch));
        for unknown in ["", "x", "Track", "tracks"] {
            check(unknown, None);
        }
    }
}
