//! Without voice activity detection: the client says where a turn ends and when it wants a reply.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rose::audio::{Companding, samples_from_g711, to_g711};
use rose::domain::audio::Clip;
use serde_json::{Value, json};

use super::client::Client;
use crate::audio::original;
use crate::support::app::TestApp;

#[tokio::test]
async fn a_spoken_turn_goes_as_the_protocol_says() {
    let app = TestApp::fake_with(|config| config.stt.fake.text = Some("Tell me about the sea.".into())).await;
    let mut client = Client::push_to_talk(&app.url).await;
    client.seen.clear();
    client.speak(&original("jfk.wav")).await;
    client.send(json!({"type": "input_audio_buffer.commit"})).await;
    client.ask().await;
    let done = client.until("response.done").await;

    let mut names = client.names();
    names.dedup();
    names.retain(|name| !name.ends_with(".delta") && !name.starts_with("rose."));
    assert_eq!(
        names,
        [
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.created",
            "conversation.item.done",
            "conversation.item.input_audio_transcription.completed",
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "conversation.item.created",
            "response.content_part.added",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "response.output_item.done",
            "conversation.item.done",
            "response.done",
        ]
    );
    let transcript = client.all("conversation.item.input_audio_transcription.completed")[0];
    assert_eq!(transcript["transcript"], "Tell me about the sea.");
    assert_eq!(transcript["item_id"], client.all("input_audio_buffer.committed")[0]["item_id"]);
    let said = client.joined("response.output_audio_transcript.delta", "delta");
    assert!(said.contains("Tell me about the sea."), "{said}");
    assert_eq!(client.all("response.output_audio_transcript.done")[0]["transcript"], said.as_str());
    assert!(client.heard_seconds() > 1.0);

    let response = &done["response"];
    assert_eq!((&response["status"], &response["object"]), (&json!("completed"), &json!("realtime.response")));
    assert_eq!(response["output"][0]["content"][0]["transcript"], said.as_str());
    assert_eq!(response["output"][0]["status"], "completed");
    let usage = &response["usage"];
    let tokens = |name: &str| usage[name].as_u64().expect("a number");
    assert!(tokens("input_tokens") > 0 && tokens("output_tokens") > 0);
    assert_eq!(tokens("total_tokens"), tokens("input_tokens") + tokens("output_tokens"));
    let stages = client.all("rose.stages")[0]["stages"].as_array().expect("stages").clone();
    let stages: Vec<&str> = stages.iter().filter_map(|stage| stage["stage"].as_str()).collect();
    assert!(stages.contains(&"speech_to_text") && stages.contains(&"first_audio"), "{stages:?}");
}

#[tokio::test]
async fn a_written_turn_is_answered_in_writing_where_that_is_wanted() {
    let app = TestApp::fake().await;
    let mut client = Client::connect(&app.url).await;
    client
        .send(json!({"type": "session.update", "session": {"type": "realtime", "output_modalities": ["text"]}}))
        .await;
    let updated = client.until("session.updated").await;
    assert_eq!(updated["session"]["output_modalities"], json!(["text"]));
    client.write("Good morning, Rose.").await;
    client.ask().await;
    let done = client.until("response.done").await;
    let said = client.joined("response.output_text.delta", "delta");
    assert!(said.contains("Good morning, Rose"), "{said}");
    assert_eq!(done["response"]["output"][0]["content"], json!([{"type": "output_text", "text": said}]));
    assert!(client.all("response.output_audio.delta").is_empty());

    // For one response alone.
    client.write("And aloud?").await;
    client.send(json!({"type": "response.create", "response": {"output_modalities": ["audio"]}})).await;
    client.until("response.done").await;
    assert!(client.heard_seconds() > 0.5);
}

#[tokio::test]
async fn the_conversation_is_gone_on_with_and_belongs_to_one_person() {
    let app = TestApp::fake().await;
    let mut client = Client::connect(&app.url).await;
    client.until("session.created").await;
    client.write("Remember the lighthouse.").await;
    // In writing: of a spoken reply the history keeps what was heard, and this client leaves at once.
    client.send(json!({"type": "response.create", "response": {"output_modalities": ["text"]}})).await;
    client.until("response.done").await;
    let (session, cookie) = (client.session_id(), client.cookie());
    drop(client);

    let query = format!("?session_id={session}&model=gpt-realtime");
    let mut again = Client::connect_with(&app.url, &query, &[("cookie", &cookie)]).await.ok().expect("let in");
    let created = again.until("session.created").await;
    assert_eq!(created["session"]["id"], session.as_str());
    assert_eq!(created["session"]["model"], "gpt-realtime");
    again.write("And now?").await;
    again.send(json!({"type": "response.create", "response": {"output_modalities": ["text"]}})).await;
    again.until("response.done").await;
    let history = app.stranger().request(reqwest::Method::GET, &format!("/api/sessions/{session}"));
    let history: Value = history.header("cookie", &cookie).send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(history["messages"].as_array().expect("messages").len(), 4, "{history}");

    let refused = Client::connect_with(&app.url, &query, &[]).await.err().expect("another's");
    assert_eq!((refused.status, &refused.body["error"]["code"]), (404, &json!("not_found")));
}

#[tokio::test]
async fn telephone_sound_goes_both_ways() {
    let app = TestApp::fake().await;
    for (name, curve) in [("audio/pcmu", Companding::Mu), ("audio/pcma", Companding::A)] {
        let mut client = Client::push_to_talk(&app.url).await;
        let audio = json!({"input": {"format": {"type": name}}, "output": {"format": {"type": name}}});
        client.send(json!({"type": "session.update", "session": {"type": "realtime", "audio": audio}})).await;
        client.until("session.updated").await;
        let clip = rose::audio::resample(&original("jfk.wav"), rose::domain::audio::SampleRate(8_000));
        let sound = BASE64_STANDARD.encode(to_g711(&clip.samples, curve));
        client.send(json!({"type": "input_audio_buffer.append", "audio": sound})).await;
        client.send(json!({"type": "input_audio_buffer.commit"})).await;
        client.ask().await;
        client.until("response.done").await;
        let heard = &client.all("conversation.item.input_audio_transcription.completed")[0]["transcript"];
        assert_eq!(heard, "This is a fake transcript of 11.0 seconds.", "{name}");
        let sound: Vec<u8> = client
            .all("response.output_audio.delta")
            .iter()
            .flat_map(|event| BASE64_STANDARD.decode(event["delta"].as_str().expect("base64")).expect("base64"))
            .collect();
        let reply = Clip::new(samples_from_g711(&sound, curve), clip.rate);
        assert!(reply.duration().as_secs_f64() > 1.0 && reply.rms() > 0.02, "{name}: {reply:?} at {}", reply.rms());
    }
}

#[tokio::test]
async fn a_recording_can_be_a_message_and_what_waits_can_be_taken_back() {
    let app = TestApp::fake_with(|config| config.stt.fake.text = Some("From a recording.".into())).await;
    let mut client = Client::push_to_talk(&app.url).await;
    let clip = rose::audio::resample(&original("austen-0890.wav"), rose::domain::audio::SampleRate::REALTIME);
    let sound = BASE64_STANDARD.encode(rose::audio::encode(&clip, rose::audio::Encoding::Pcm16));
    let content = json!([{"type": "input_audio", "audio": sound}]);
    let item = json!({"id": "mine", "type": "message", "role": "user", "content": content});
    client.send(json!({"type": "conversation.item.create", "item": item})).await;
    client.until("conversation.item.input_audio_transcription.completed").await;
    client.write("Not this.").await;
    let other = client.until("conversation.item.done").await["item"]["id"].clone();
    client.send(json!({"type": "conversation.item.delete", "item_id": other})).await;
    client.until("conversation.item.deleted").await;
    client.send(json!({"type": "conversation.item.retrieve", "item_id": "mine"})).await;
    let kept = client.until("conversation.item.retrieved").await;
    assert_eq!(kept["item"]["content"][0]["transcript"], "From a recording.");
    client.ask().await;
    client.until("response.done").await;
    let said = client.joined("response.output_audio_transcript.delta", "delta");
    assert!(said.contains("From a recording."), "{said}");
}
