//! Tasks side by side, against the same tasks one after another.
