//! Completeness: whatever happens, in the end all is told.
