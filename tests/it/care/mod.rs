//! Danger is heard, answered and counted; what Rose is is said; a person's data can be taken away and deleted.

mod answers;
mod detection;
mod honesty;
mod judge;
mod own_data;
