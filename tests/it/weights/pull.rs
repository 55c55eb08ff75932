//! Fetching: sources in order, broken lines, several processes at once.

use std::fs;
use std::path::PathBuf;

use rose::config::ModelReference;
use rose::weights::{Capability, HubConfig, Outcome, Pulled, SourceError, WeightsError};

use super::hub::{Answer, Hub};
use super::{Lines, Place, content, from_file, from_hub, model, no_hub};

const SIZE: usize = 300_000;

fn pull(place: &Place, name: &str, hub: &HubConfig, lines: &Lines) -> Pulled {
    let mut pulled = place.store().pull(&[name.into()], hub, &lines.progress()).unwrap();
    assert_eq!(pulled.len(), 1);
    pulled.remove(0)
}

fn installed(place: &Place, name: &str) -> Option<Vec<u8>> {
    let reference = ModelReference::Named(name.into());
    let installed = place.store().installed(Capability::Llm, &reference).ok()?;
    Some(fs::read(installed.file("weights").unwrap()).unwrap())
}

/// A store whose model `a` comes from a hub that answers so.
fn from_this_hub(answers: Vec<Answer>) -> (Place, Hub) {
    let content = content(SIZE);
    (Place::new(&model("a", &content, &[from_hub("a.gguf")])), Hub::start(content, answers))
}

/// Where a broken download lies.
fn part(place: &Place) -> PathBuf {
    place.dir().join(".partial/a").join(format!("{}.part", super::sum_of(&content(SIZE)).sha256))
}

#[test]
fn the_hub_is_asked_for_the_file_at_its_revision() {
    let (place, hub) = from_this_hub(vec![]);
    let config = HubConfig { token: Some("secret".into()), ..hub.config() };
    let pulled = pull(&place, "a", &config, &Lines::default());
    assert_eq!(pulled.outcome.unwrap(), Outcome::From("hub someone/something".into()));
    assert_eq!(installed(&place, "a").unwrap(), content(SIZE));
    let requests = hub.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].path, "/someone/something/resolve/abc/a.gguf");
    assert_eq!(requests[0].authorization.as_deref(), Some("Bearer secret"));
    assert!(!format!("{config:?}").contains("secret"));
}

#[test]
fn what_is_there_is_not_fetched_again() {
    let (place, hub) = from_this_hub(vec![]);
    pull(&place, "a", &hub.config(), &Lines::default()).outcome.unwrap();
    let again = pull(&place, "a", &hub.config(), &Lines::default());
    assert_eq!(again.outcome.unwrap(), Outcome::AlreadyThere);
    assert_eq!(hub.requests().len(), 1);
}

#[test]
fn a_broken_download_is_taken_up_where_it_broke() {
    let (place, hub) = from_this_hub(vec![Answer::BreakAfter(100_000), Answer::BreakAfter(50_000)]);
    pull(&place, "a", &hub.config(), &Lines::default()).outcome.unwrap();
    assert_eq!(hub.ranges(), [None, Some("bytes=100000-".into()), Some("bytes=150000-".into())]);
    assert_eq!(installed(&place, "a").unwrap(), content(SIZE));
}

#[test]
fn a_download_that_only_breaks_is_given_up_and_kept() {
    let (place, hub) = from_this_hub([vec![Answer::BreakAfter(100_000)], vec![Answer::BreakAfter(0); 3]].concat());
    let pulled = pull(&place, "a", &hub.config(), &Lines::default());
    assert!(matches!(pulled.outcome, Err(WeightsError::Pull { .. })), "{pulled:?}");
    assert_eq!(installed(&place, "a"), None, "a part is never loaded");
    assert_eq!(fs::metadata(part(&place)).unwrap().len(), 100_000);

    pull(&place, "a", &hub.config(), &Lines::default()).outcome.unwrap();
    assert_eq!(hub.ranges().last().unwrap().as_deref(), Some("bytes=100000-"));
    assert_eq!(installed(&place, "a").unwrap(), content(SIZE));
    assert!(!part(&place).exists());
}

#[test]
fn a_server_without_ranges_sends_it_all_again() {
    let (place, hub) = from_this_hub(vec![Answer::BreakAfter(100_000), Answer::IgnoreRange]);
    pull(&place, "a", &hub.config(), &Lines::default()).outcome.unwrap();
    assert_eq!(installed(&place, "a").unwrap(), content(SIZE));
}

#[test]
fn a_part_of_something_else_starts_anew() {
    for left in [&b"something else entirely"[..], &[0; SIZE], &[0; SIZE + 5000]] {
        let (place, hub) = from_this_hub(vec![]);
        fs::create_dir_all(part(&place).parent().unwrap()).unwrap();
        fs::write(part(&place), left).unwrap();
        let first = pull(&place, "a", &hub.config(), &Lines::default());
        assert_eq!(installed(&place, "a").is_some(), first.outcome.is_ok(), "what is wrong is not loaded");
        if first.outcome.is_err() {
            pull(&place, "a", &hub.config(), &Lines::default()).outcome.unwrap();
        }
        assert_eq!(installed(&place, "a").unwrap(), content(SIZE));
    }
}

#[test]
fn other_bytes_than_promised_are_refused_with_both_sums() {
    let mut other = content(SIZE);
    other[1000] ^= 1;
    let (place, hub) = from_this_hub(vec![Answer::Other(other.clone())]);
    let error = pull(&place, "a", &hub.config(), &Lines::default()).outcome.expect_err("other bytes");
    for sum in [super::sum_of(&content(SIZE)), super::sum_of(&other)] {
        assert!(error.to_string().contains(&sum.sha256.to_string()), "{error}");
    }
    assert_eq!(installed(&place, "a"), None);
    assert!(!part(&place).exists(), "the next pull starts anew");
}

#[test]
fn more_bytes_than_promised_are_not_all_written() {
    let (place, hub) = from_this_hub(vec![Answer::Other(content(SIZE * 20))]);
    let error = pull(&place, "a", &hub.config(), &Lines::default()).outcome.expect_err("more bytes");
    let WeightsError::Pull { failures, .. } = error else { panic!("{error}") };
    let SourceError::Altered { actual, .. } = &failures[0].1 else { panic!("{failures:?}") };
    assert!(actual.size_bytes < 2 * SIZE as u64);
}

#[test]
fn the_next_source_stands_in_for_one_that_fails() {
    let content = content(SIZE);
    let place = Place::new("");
    let good = place.file("good", &content);
    let bad = place.file("bad", b"bad");
    let sources = [from_hub("a.gguf"), from_file(&bad), from_file(&place.dir().join("none")), from_file(&good)];
    fs::write(place.dir().join("manifest.toml"), model("a", &content, &sources)).unwrap();
    let hub = Hub::start(vec![], vec![Answer::Status(404)]);
    let lines = Lines::default();
    let pulled = pull(&place, "a", &hub.config(), &lines);
    assert_eq!(pulled.outcome.unwrap(), Outcome::From(format!("file {}", good.display())));
    let told = lines.text();
    assert!(told.contains("status 404") && told.contains("is not what it should be"), "{told}");
    assert_eq!(installed(&place, "a").unwrap(), content);
}

#[test]
fn a_dead_hub_is_told_of_once() {
    let content = content(1000);
    let place = Place::new("");
    let good = place.file("good", &content);
    let names = ["a", "b", "c"];
    let manifest: String =
        names.map(|name| model(name, &content, &[from_hub("a.gguf"), from_file(&good)])).into_iter().collect();
    fs::write(place.dir().join("manifest.toml"), manifest).unwrap();
    let lines = Lines::default();
    let pulled = place.store().pull(&names.map(String::from), &no_hub(), &lines.progress()).unwrap();
    assert!(pulled.iter().all(|pulled| pulled.outcome.is_ok()), "{pulled:?}");
    assert_eq!(lines.text().matches("can't be reached").count(), 1, "{}", lines.text());
}

#[test]
fn where_every_source_fails_each_is_named() {
    let place = Place::new("");
    let manifest = model("a", b"a", &[from_hub("a.gguf"), from_file(&place.dir().join("none"))]);
    fs::write(place.dir().join("manifest.toml"), manifest).unwrap();
    let error = pull(&place, "a", &no_hub(), &Lines::default()).outcome.expect_err("no source");
    let text = error.to_string();
    assert!(text.contains("can't be reached") && text.contains("none can't be read"), "{text}");
}

#[test]
fn one_that_fails_keeps_no_other_away() {
    let content = content(1000);
    let place = Place::new("");
    let good = place.file("good", &content);
    let manifest = model("a", &content, &[from_hub("a")]) + &model("b", &content, &[from_file(&good)]);
    fs::write(place.dir().join("manifest.toml"), manifest).unwrap();
    let names = ["a".to_owned(), "b".to_owned()];
    let pulled = place.store().pull(&names, &no_hub(), &Lines::default().progress()).unwrap();
    assert!(pulled[0].outcome.is_err() && pulled[1].outcome.is_ok(), "{pulled:?}");
}

#[test]
fn a_source_may_carry_another_build_of_a_file() {
    let (first, second) = (content(1000), content(2000));
    let place = Place::new("");
    let sum = super::sum_of(&second);
    let other = format!(
        "kind = \"file\"\nfiles.weights = {{ path = {:?}, size_bytes = {}, sha256 = \"{}\" }}",
        place.file("second", &second),
        sum.size_bytes,
        sum.sha256
    );
    fs::write(place.dir().join("manifest.toml"), model("a", &first, &[from_hub("a"), other])).unwrap();
    pull(&place, "a", &no_hub(), &Lines::default()).outcome.unwrap();
    assert_eq!(installed(&place, "a").unwrap(), second);
}

#[test]
fn many_at_once_do_not_harm_each_other() {
    let content = content(3_000_000);
    let place = Place::new("");
    let good = place.file("good", &content);
    fs::write(place.dir().join("manifest.toml"), model("a", &content, &[from_file(&good)])).unwrap();
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let pullers: Vec<_> =
            (0..4).map(|_| scope.spawn(|| pull(&place, "a", &no_hub(), &Lines::default()).outcome.unwrap())).collect();
        pullers.into_iter().map(|puller| puller.join().unwrap()).collect()
    });
    let fetched = outcomes.iter().filter(|outcome| **outcome != Outcome::AlreadyThere).count();
    assert_eq!(fetched, 1, "{outcomes:?}");
    assert_eq!(installed(&place, "a").unwrap(), content);
}

#[test]
fn what_a_killed_process_left_is_swept_away() {
    let (place, hub) = from_this_hub(vec![]);
    let staging = place.dir().join(".partial/a");
    fs::create_dir_all(staging.join(".tmp123")).unwrap();
    fs::write(staging.join(".tmp123/a.whl"), "half a wheel").unwrap();
    fs::write(staging.join("converted"), "half a model").unwrap();
    pull(&place, "a", &hub.config(), &Lines::default()).outcome.unwrap();
    assert!(!staging.exists());
}
