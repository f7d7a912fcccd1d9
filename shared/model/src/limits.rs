//! What Weir takes at most, and where each figure comes from.

/// Characters of a namespace and of a name (the original tracking service's columns).
pub const NAME_CHARS: usize = 120;

/// Characters of an event's id: longer than any UUID, ULID or `messageId` (at most 100 there).
pub const ID_CHARS: usize = 128;

/// Characters of an actor: long enough for every e-mail address (254 by RFC 5321).
pub const ACTOR_CHARS: usize = 256;

/// Bytes of an event's properties as compact JSON (what Segment-style APIs allow an event).
pub const PROPERTIES_BYTES: usize = 32 * 1024;

/// Arrays and objects inside each other, the outermost included.
pub const NESTING: usize = 32;

/// Events of one request.
pub const EVENTS_PER_REQUEST: usize = 10_000;

/// Bytes of a request's body: AWS Lambda takes 6 MB, and base64 makes 4 MiB nearly that.
pub const BODY_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of a request's body once decompressed.
pub const DECOMPRESSED_BYTES: usize = 32 * 1024 * 1024;

/// Points of an answer without paging.
pub const POINTS: usize = 10_000;

/// Characters of an offending value that an error message repeats.
pub(crate) const SHOWN_CHARS: usize = 80;
