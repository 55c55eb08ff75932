//! A reply's sound in parts.

use reqwest::{Method, Response};

use crate::support::app::TestApp;
use crate::support::person::{Person, assert_refused, json_of};
use crate::support::recordings;

async fn part(person: &Person, url: &str, range: &str) -> Response {
    person.request(Method::GET, url).header("range", range).send().await.expect("an answer")
}

#[tokio::test]
async fn parts_of_the_sound_join_to_the_whole() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    let session = person.start_session().await;
    let reply = json_of(person.say(&session, recordings::jfk()).await).await;
    let url = reply["audio_url"].as_str().expect("a spoken reply").to_owned();

    let whole = person.get(&url).await;
    assert_eq!(whole.status(), 200);
    assert_eq!(whole.headers()["accept-ranges"], "bytes");
    assert_eq!(whole.headers()["content-type"], "audio/wav");
    let etag = whole.headers()["etag"].to_str().expect("ASCII").to_owned();
    let whole = whole.bytes().await.expect("the sound");
    assert_eq!(&whole[..4], b"RIFF");
    let size = whole.len();

    let first = part(&person, &url, "bytes=0-99").await;
    assert_eq!(first.status(), 206);
    assert_eq!(first.headers()["content-range"], format!("bytes 0-99/{size}").as_str());
    assert_eq!(first.headers()["content-length"], "100");
    let rest = part(&person, &url, "bytes=100-").await;
    assert_eq!(rest.headers()["content-range"], format!("bytes 100-{}/{size}", size - 1).as_str());
    let joined = [first.bytes().await.expect("sound"), rest.bytes().await.expect("sound")].concat();
    assert_eq!(joined, whole);

    let last = part(&person, &url, "bytes=-10").await.bytes().await.expect("sound");
    assert_eq!(last, whole[size - 10..]);

    let beyond = part(&person, &url, &format!("bytes={size}-")).await;
    assert_eq!(beyond.headers()["content-range"], format!("bytes */{size}").as_str());
    assert_refused(beyond, 416, "range_not_satisfiable").await;

    for ignored in ["bytes=9-0", "bytes=0-1,5-6", "lines=0-1"] {
        assert_eq!(part(&person, &url, ignored).await.status(), 200, "{ignored}");
    }
    let of_another = person.request(Method::GET, &url).header("range", "bytes=0-9").header("if-range", "\"another\"");
    assert_eq!(of_another.send().await.expect("an answer").status(), 200);
    let known = person.request(Method::GET, &url).header("if-none-match", etag);
    assert_eq!(known.send().await.expect("an answer").status(), 304);
    let head = person.request(Method::HEAD, &url).send().await.expect("an answer");
    assert_eq!(head.headers()["content-length"], size.to_string().as_str());
}
