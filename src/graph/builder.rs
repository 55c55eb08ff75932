//! Is the graph valid? Collects nodes, edges and branches; refuses an invalid graph with all its faults at once.
//! Running it is the runner's matter.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::node::Node;
use super::state::State;

/// The name that an edge to the graph's end points to.
pub const END: &str = "end";

/// Names the next node, judged from the state.
pub type Decide = fn(&State) -> &'static str;

pub(super) enum Next {
    To(&'static str),
    Branch { decide: Decide, targets: Vec<&'static str> },
}

/// A valid graph: every node is reached, every way ends, none turns in a circle.
pub struct Graph {
    pub(super) start: &'static str,
    pub(super) nodes: BTreeMap<&'static str, Box<dyn Node>>,
    pub(super) next: BTreeMap<&'static str, Next>,
}

#[derive(Default)]
pub struct GraphBuilder {
    start: Option<&'static str>,
    nodes: Vec<Box<dyn Node>>,
    next: Vec<(&'static str, Next)>,
}

/// Everything that is wrong with a graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the graph is invalid: {}", .faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct InvalidGraph {
    pub faults: Vec<Fault>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    NoStart,
    UnknownStart(&'static str),
    /// `end` names the end of the graph.
    ReservedName,
    DuplicateNode(&'static str),
    /// An edge or branch from a node that isn't there.
    UnknownSource(&'static str),
    /// An edge or branch to a node that isn't there.
    UnknownTarget {
        from: &'static str,
        to: &'static str,
    },
    /// More than one edge or branch leaves it.
    SeveralWaysOn(&'static str),
    BranchWithoutTargets(&'static str),
    /// A branch names a target twice.
    DuplicateTarget {
        from: &'static str,
        to: &'static str,
    },
    Unreachable(&'static str),
    NoWayToEnd(&'static str),
    /// In walking order; the last leads to the first.
    Cycle(Vec<&'static str>),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NoStart => write!(f, "no start is named"),
            Fault::UnknownStart(name) => write!(f, "the start `{name}` is no node"),
            Fault::ReservedName => write!(f, "a node is called `{END}`"),
            Fault::DuplicateNode(name) => write!(f, "there are two nodes called `{name}`"),
            Fault::UnknownSource(name) => write!(f, "an edge leaves `{name}`, which is no node"),
            Fault::UnknownTarget { from, to } => write!(f, "`{from}` leads to `{to}`, which is no node"),
            Fault::SeveralWaysOn(name) => write!(f, "more than one edge or branch leaves `{name}`"),
            Fault::BranchWithoutTargets(name) => write!(f, "the branch at `{name}` has no targets"),
            Fault::DuplicateTarget { from, to } => write!(f, "the branch at `{from}` names `{to}` twice"),
            Fault::Unreachable(name) => write!(f, "no way leads to `{name}`"),
            Fault::NoWayToEnd(name) => write!(f, "no way leads from `{name}` to the end"),
            Fault::Cycle(names) => write!(f, "`{}` turn in a circle", names.join("` → `")),
        }
    }
}

impl GraphBuilder {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn start(mut self, name: &'static str) -> Self {
        self.start = Some(name);
        self
    }

    #[must_use]
    pub fn node(mut self, node: impl Node + 'static) -> Self {
        self.nodes.push(Box::new(node));
        self
    }

    #[must_use]
    pub fn edge(mut self, from: &'static str, to: &'static str) -> Self {
        self.next.push((from, Next::To(to)));
        self
    }

    /// `decide` may name any of `targets`, nothing else.
    #[must_use]
    pub fn branch(mut self, from: &'static str, decide: Decide, targets: &[&'static str]) -> Self {
        self.next.push((from, Next::Branch { decide, targets: targets.to_vec() }));
        self
    }

    /// # Errors
    /// All faults of the graph, each once.
    pub fn build(self) -> Result<Graph, InvalidGraph> {
        let faults = self.faults();
        if !faults.is_empty() {
            return Err(InvalidGraph { faults });
        }
        let start = self.start.expect("a graph without faults has a start");
        let nodes = self.nodes.into_iter().map(|node| (node.name(), node)).collect();
        let next = self.next.into_iter().collect();
        Ok(Graph { start, nodes, next })
    }

    fn faults(&self) -> Vec<Fault> {
        let mut faults = BTreeSet::new();
        let mut names = BTreeSet::new();
        for node in &self.nodes {
            if node.name() == END {
                faults.insert(Fault::ReservedName);
            } else if !names.insert(node.name()) {
                faults.insert(Fault::DuplicateNode(node.name()));
            }
        }
        let known = |name: &str| names.contains(name) || name == END;

        let mut ways: BTreeMap<&'static str, Vec<&'static str>> = BTreeMap::new();
        let mut left: BTreeSet<&'static str> = BTreeSet::new();
        for (from, next) in &self.next {
            if !names.contains(from) {
                faults.insert(Fault::UnknownSource(from));
            } else if !left.insert(from) {
                faults.insert(Fault::SeveralWaysOn(from));
            }
            let targets = match next {
                Next::To(target) => std::slice::from_ref(target),
                Next::Branch { targets, .. } => targets.as_slice(),
            };
            if targets.is_empty() {
                faults.insert(Fault::BranchWithoutTargets(from));
            }
            for (index, target) in targets.iter().enumerate() {
                if !known(target) {
                    faults.insert(Fault::UnknownTarget { from, to: target });
                }
                if targets[..index].contains(target) {
                    faults.insert(Fault::DuplicateTarget { from, to: target });
                }
            }
            ways.entry(from).or_default().extend(targets);
        }

        match self.start {
            None => drop(faults.insert(Fault::NoStart)),
            Some(start) if !names.contains(start) => drop(faults.insert(Fault::UnknownStart(start))),
            Some(start) => {
                let reached = reach(start, &ways);
                faults
                    .extend(names.iter().filter(|name| !reached.contains(*name)).map(|name| Fault::Unreachable(name)));
            }
        }
        faults
            .extend(names.iter().filter(|name| !reach(name, &ways).contains(END)).map(|name| Fault::NoWayToEnd(name)));
        faults.extend(cycles(&names, &ways));
        faults.into_iter().collect()
    }
}

fn reach(from: &'static str, ways: &BTreeMap<&'static str, Vec<&'static str>>) -> BTreeSet<&'static str> {
    let mut reached = BTreeSet::from([from]);
    let mut waiting = vec![from];
    while let Some(name) = waiting.pop() {
        for target in ways.get(name).into_iter().flatten() {
            if reached.insert(target) {
                waiting.push(target);
            }
        }
    }
    reached
}

/// Each edge that leads back into the path walked so far closes one circle.
fn cycles(names: &BTreeSet<&'static str>, ways: &BTreeMap<&'static str, Vec<&'static str>>) -> Vec<Fault> {
    fn walk(
        name: &'static str,
        ways: &BTreeMap<&'static str, Vec<&'static str>>,
        path: &mut Vec<&'static str>,
        done: &mut BTreeSet<&'static str>,
        found: &mut Vec<Fault>,
    ) {
        if let Some(position) = path.iter().position(|earlier| *earlier == name) {
            found.push(Fault::Cycle(path[position..].to_vec()));
            return;
        }
        if done.contains(name) {
            return;
        }
        path.push(name);
        for target in ways.get(name).into_iter().flatten() {
            walk(target, ways, path, done, found);
        }
        path.pop();
        done.insert(name);
    }
    let mut found = Vec::new();
    let mut done = BTreeSet::new();
    for name in names {
        walk(name, ways, &mut Vec::new(), &mut done, &mut found);
    }
    found
}

impl Graph {
    /// As a Mermaid flowchart, for the documentation.
    pub fn to_mermaid(&self) -> String {
        let mut lines = vec!["flowchart LR".to_owned(), format!("  start([start]) --> {}", self.start)];
        for (from, next) in &self.next {
            match next {
                Next::To(to) => lines.push(format!("  {from} --> {}", shape(to))),
                Next::Branch { targets, .. } => {
                    lines.extend(targets.iter().map(|to| format!("  {from} -.-> {}", shape(to))));
                }
            }
        }
        lines.join("\n") + "\n"
    }
}

/// `end` is a keyword of Mermaid's, so that the last box needs another name.
fn shape(target: &str) -> &str {
    if target == END { "finish([end])" } else { target }
}

#[cfg(test)]
mod tests {
    use super::super::node::test_node::Named;
    use super::*;

    fn first(_: &State) -> &'static str {
        "a"
    }

    fn faults(builder: GraphBuilder) -> Vec<Fault> {
        builder.build().err().map(|invalid| invalid.faults).unwrap_or_default()
    }

    #[test]
    fn a_valid_graph_is_built() {
        let graph = GraphBuilder::new()
            .start("start")
            .node(Named("start"))
            .node(Named("a"))
            .node(Named("b"))
            .branch("start", first, &["a", "b"])
            .edge("a", "b")
            .edge("b", END)
            .build()
            .unwrap();
        let diagram = graph.to_mermaid();
        assert!(diagram.contains("start -.-> a") && diagram.contains("b --> finish"), "{diagram}");
    }

    #[test]
    fn all_faults_come_at_once() {
        let builder = GraphBuilder::new()
            .start("nowhere")
            .node(Named("a"))
            .node(Named("a"))
            .node(Named("b"))
            .node(Named(END))
            .edge("a", "missing")
            .edge("ghost", "a")
            .branch("b", first, &[]);
        assert_eq!(
            faults(builder),
            [
                Fault::UnknownStart("nowhere"),
                Fault::ReservedName,
                Fault::DuplicateNode("a"),
                Fault::UnknownSource("ghost"),
                Fault::UnknownTarget { from: "a", to: "missing" },
                Fault::BranchWithoutTargets("b"),
                Fault::NoWayToEnd("a"),
                Fault::NoWayToEnd("b"),
            ]
        );
    }

    #[test]
    fn a_node_off_every_way_is_unreachable() {
        let builder = GraphBuilder::new().start("a").node(Named("a")).node(Named("b")).edge("a", END).edge("b", END);
        assert_eq!(faults(builder), [Fault::Unreachable("b")]);
    }

    #[test]
    fn a_circle_is_shown_in_walking_order() {
        let builder = GraphBuilder::new()
            .start("a")
            .node(Named("a"))
            .node(Named("b"))
            .node(Named("c"))
            .edge("a", "b")
            .edge("b", "c")
            .branch("c", first, &["a", END]);
        assert_eq!(faults(builder), [Fault::Cycle(vec!["a", "b", "c"])]);
    }

    #[test]
    fn two_edges_from_one_node_and_no_start_are_faults() {
        let builder = GraphBuilder::new().node(Named("a")).edge("a", END).branch("a", first, &[END, END]);
        assert_eq!(
            faults(builder),
            [Fault::NoStart, Fault::SeveralWaysOn("a"), Fault::DuplicateTarget { from: "a", to: END }]
        );
    }

    #[test]
    fn a_fault_is_told_in_words() {
        let told = GraphBuilder::new().node(Named("a")).build().err().unwrap().to_string();
        assert_eq!(told, "the graph is invalid: no start is named; no way leads from `a` to the end");
    }
}
