//! Routes over labelled messages, written before any rule.

use rose::domain::route::Route;
use rose::graph::routing::RouteClassifier;
use serde::Deserialize;

const LABELLED: &str = include_str!("../../fixtures/labelled/routing.toml");

#[derive(Deserialize)]
struct Labelled {
    message: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    text: String,
    route: Route,
    split: Split,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Split {
    Dev,
    Test,
}

#[expect(clippy::print_stdout, reason = "the test reports what it counted")]
fn accuracy(messages: &[Message], split: Split) -> f64 {
    let classifier = RouteClassifier::new();
    let of_it: Vec<_> = messages.iter().filter(|message| message.split == split).collect();
    let right = of_it.iter().filter(|message| classifier.route(&message.text) == message.route).count();
    // The test half is counted, not shown: rules are tuned on the other.
    if split == Split::Dev {
        for message in of_it.iter().filter(|message| classifier.route(&message.text) != message.route) {
            println!("{} is routed to {}", message.text, classifier.route(&message.text).as_str());
        }
    }
    right as f64 / of_it.len() as f64
}

#[test]
fn labelled_messages_take_the_right_route() {
    let labelled: Labelled = toml::from_str(LABELLED).unwrap();
    assert!(labelled.message.len() >= 40);
    let (dev, test) = (accuracy(&labelled.message, Split::Dev), accuracy(&labelled.message, Split::Test));
    println!("routing accuracy: dev {dev:.3}, test {test:.3}");
    assert!(dev >= 0.95, "dev {dev:.3}");
    assert!(test >= 0.95, "test {test:.3}");
}

#[test]
fn any_text_has_a_route() {
    let classifier = RouteClassifier::new();
    for text in ["", " ", "…", "draw", "画一只猫", &"draw me ".repeat(10_000)] {
        let _: Route = classifier.route(text);
    }
}
