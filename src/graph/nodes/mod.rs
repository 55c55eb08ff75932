//! What a turn does, one verb a file.

mod answer_danger;
mod answer_image;
mod check_danger;
mod extract_memories;
mod forget;
mod inject_context;
mod inject_memories;
mod note_person;
mod respond;
mod route;
mod summarize;

pub use answer_danger::{AnswerDanger, count_alarm};
pub use answer_image::AnswerImage;
pub use check_danger::{CheckDanger, plainly, watch};
pub use extract_memories::ExtractMemories;
pub use forget::Forget;
pub use inject_context::{InjectContext, known_of_them};
pub use inject_memories::InjectMemories;
pub use note_person::NotePerson;
pub use respond::{Respond, grounds, request as reply_request};
pub use route::Route;
pub use summarize::Summarize;

use super::builder::{END, Graph, GraphBuilder, InvalidGraph};
use super::state::State;
use crate::domain::route::Route as Way;

/// The graph of a turn.
///
/// # Errors
/// None in a build whose tests pass: the graph is fixed.
pub fn turn_graph() -> Result<Graph, InvalidGraph> {
    GraphBuilder::new()
        .start(check_danger::NAME)
        .node(CheckDanger)
        .node(AnswerDanger)
        .node(Forget)
        .node(ExtractMemories)
        .node(Route)
        .node(AnswerImage)
        .node(InjectContext)
        .node(Respond)
        .node(InjectMemories)
        .node(NotePerson)
        .node(Summarize)
        .branch(check_danger::NAME, by_danger, &[answer_danger::NAME, forget::NAME])
        .branch(forget::NAME, by_answer, &[note_person::NAME, extract_memories::NAME])
        .edge(answer_danger::NAME, note_person::NAME)
        .edge(extract_memories::NAME, route::NAME)
        .branch(route::NAME, by_route, &[answer_image::NAME, inject_context::NAME])
        .edge(answer_image::NAME, inject_memories::NAME)
        .edge(inject_context::NAME, respond::NAME)
        .edge(respond::NAME, inject_memories::NAME)
        .edge(inject_memories::NAME, note_person::NAME)
        .edge(note_person::NAME, summarize::NAME)
        .edge(summarize::NAME, END)
        .build()
}

fn by_danger(state: &State) -> &'static str {
    let alarm = state.turn.as_ref().and_then(|turn| turn.alarm);
    if alarm.is_some() { answer_danger::NAME } else { forget::NAME }
}

/// A wish to forget is answered by what forgets.
fn by_answer(state: &State) -> &'static str {
    let answered = state.turn.as_ref().is_some_and(|turn| turn.answered);
    if answered { note_person::NAME } else { extract_memories::NAME }
}

fn by_route(state: &State) -> &'static str {
    match state.turn.as_ref().map(|turn| turn.route) {
        Some(Way::Image) => answer_image::NAME,
        _ => inject_context::NAME,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_graph_of_a_turn_is_valid() {
        if let Err(invalid) = turn_graph() {
            panic!("{invalid}");
        }
    }
}
