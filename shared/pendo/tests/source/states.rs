//! Going on from states: our own, the reference's, and those of other settings.
