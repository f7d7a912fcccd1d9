//! The functions' own programs on an emulated Lambda, killed at any moment and started again:
//! nothing is lost and nothing counts twice.

mod at_each_call;
mod at_random;
mod cloud;
mod collecting;
mod doors;
mod killing;
mod request;
mod secrets;
mod upkeep;
