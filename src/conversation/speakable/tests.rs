//! What is spoken of what a model writes, and of what somebody gives to be spoken.

use super::{Speakable, every_word};

/// A whole reply of Rose's at once.
fn whole(text: &str) -> String {
    let mut speakable = Speakable::of("Rose");
    let mut said = speakable.push(text);
    said.push_str(&speakable.finish());
    said
}

#[test]
fn plain_text_stays_as_it_is() {
    for text in [
        "Good evening, my dear. How are you?",
        "Dr. Smith paid $3.50 (about 20%) at 5:30 p.m., e.g. for tea & cake.",
        "She said, \"Come in and rest,\" and he did — at last…",
        "It's 20 °C, 1 + 1 = 2, and I'm at me@example.org.",
        "Why? Because! However: who cares; rosé, naïve, 你好, привет.",
        "Use this. You know. Human beings. Me too. System failure.",
        "The ratio is 3:1, it's 5:30, and <5 is less.",
    ] {
        assert_eq!(whole(text), text);
    }
}

#[test]
fn markdown_is_not_spoken() {
    for (text, expected) in [
        ("You are **very** *brave* and ***strong***.", "You are very brave and strong."),
        ("_Really_, __truly__, ~~not~~ `calm`.", "Really, truly, not calm."),
        ("**Breathe in.** Then *out*.", "Breathe in. Then out."),
        ("*Breathe.* Then rest.", "Breathe. Then rest."),
        ("Breathe *slowly* now.", "Breathe slowly now."),
        ("# Rest\n\nSleep well.", "Rest. Sleep well."),
        ("Try:\n- tea\n- a walk\n* sleep.\n1. Rest\n2) Dream", "Try: tea. a walk. sleep. Rest. Dream"),
        ("Above\n\n---\n\nBelow\n***\nEnd", "Above. Below. End"),
        ("> Be kind.\n> Always.", "Be kind. Always."),
        ("See [my page](https://example.com/a_b) now.", "See my page now."),
        ("A ![sunset](http://x.y/z.png) here.", "A here."),
        ("Look:\n```python\nprint(1)\n```\nDone.", "Look: Done."),
        ("Listen:\n```\nRoses are red\n```\nDone.", "Listen: Roses are red. Done."),
        ("| Herb | Use |\n|------|:---:|\n| Mint | calm |", "Herb, Use. Mint, calm"),
        ("- [ ] rest\n- [x] eat", "rest. eat"),
        ("As shown [1], yes.[^2]", "As shown, yes."),
        ("a snake_case_name and 3*4 or 3 * 4", "a snake case name and 3 times 4 or 3 times 4"),
        ("1\\. Fine \\*really\\*", "1. Fine really"),
        ("First\nsecond\n\nThird", "First second. Third"),
        ("Rest &amp; be well&nbsp;now", "Rest and be well now"),
        ("one<br>two <b>three</b>", "one two three"),
    ] {
        assert_eq!(whole(text), expected, "{text}");
    }
}

#[test]
fn stage_directions_are_not_spoken() {
    for (text, expected) in [
        ("*smiles* Hello there.", "Hello there."),
        ("*Smiles warmly and takes your hand.* I'm here.", "I'm here."),
        ("Hello *smiles*, friend.", "Hello, friend."),
        ("Sure. *smiles*. Come in.", "Sure. Come in."),
        ("I see. (laughs softly) Go on.", "I see. Go on."),
        ("[sighs] It is late. [Soft music]", "It is late."),
        ("_nods slowly_ Yes.", "Yes."),
        ("*gently brushes your hair back*\nRest.", "Rest."),
        ("*a warm smile spreads over my face*\n\nWelcome.", "Welcome."),
        ("*Rose smiles at you* Welcome.", "Welcome."),
        ("(pauses) Well.", "Well."),
        ("Mint (with care) may help.", "Mint (with care) may help."),
        ("This is *this* and *Yes* too.", "This is this and Yes too."),
        ("*Always* be kind.", "Always be kind."),
    ] {
        assert_eq!(whole(text), expected, "{text}");
    }
}

#[test]
fn pictures_and_faces_are_not_spoken() {
    for (text, expected) in [
        ("Hello 😊! I'm glad 🌿✨", "Hello! I'm glad"),
        ("👨‍👩‍👧‍👦 family 🇨🇭 flag 👍🏽 ok ❤️", "family flag ok"),
        ("1️⃣ Breathe → rest ★", "Breathe rest"),
        ("Hi :) there ;-) all :D <3 end", "Hi there all end"),
        ("zero\u{200b}width \u{feff}and\u{7} bell\u{202e}", "zero width and bell"),
    ] {
        assert_eq!(whole(text), expected, "{text}");
    }
}

#[test]
fn addresses_are_said_as_their_host() {
    for (text, expected) in [
        ("See https://www.example.org/a/b?c=d#e.", "See example.org."),
        ("Go to www.example.com, please.", "Go to www.example.com, please."),
        ("(http://user@example.net:8080/x)", "(example.net)"),
        ("<https://example.com> and the rest", "example.com and the rest"),
    ] {
        assert_eq!(whole(text).replace("www.", ""), expected.replace("www.", ""), "{text}");
    }
}

#[test]
fn role_markers_are_not_spoken() {
    for (text, expected) in [
        ("Rose: Hello.", "Hello."),
        ("**Rose:** Hello.", "Hello."),
        ("Assistant: Hi.\nRose: And hello.", "Hi. And hello."),
        ("<|im_start|>assistant\nHello.<|im_end|>", "Hello."),
        ("<|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|>", "Hello."),
        ("<s>[INST] Hello. [/INST]", "Hello."),
        ("<think>The person is sad.\nHow sad.</think>\nHello.", "Hello."),
        ("Rose petals: lovely.", "Rose petals: lovely."),
    ] {
        assert_eq!(whole(text), expected, "{text}");
    }
    let mut named = Speakable::of("Mira the Seer");
    let text = format!("{}{}", named.push("Mira the Seer: Hello. Mira: Yes."), named.finish());
    assert_eq!(text, "Hello. Yes.");
}

#[test]
fn the_reply_ends_where_the_other_party_speaks() {
    for text in [
        "I am here.\nUser: I feel better.\nRose: Good.",
        "I am here. User: I feel better.",
        "I am here.\n\n**Human**: thanks",
        "I am here.\n### Instruction: more",
        "I am here.<|im_end|>\n<|im_start|>user\nthanks",
        "I am here.</s> more",
        "I am here.\nYou: thanks",
    ] {
        let mut speakable = Speakable::of("Rose");
        let said = speakable.push(text);
        assert_eq!(said.trim_end(), "I am here.", "{text}");
        assert!(speakable.ended(), "{text}");
        assert_eq!(speakable.push("And more."), "");
        assert_eq!(speakable.finish(), "");
    }
}

#[test]
fn a_mark_that_is_never_closed_does_not_hold_the_reply_back() {
    let mut speakable = Speakable::of("Rose");
    let mut said = String::new();
    for mark in ["*", "(", "[", "<a", "![", "_"] {
        said.push_str(&speakable.push(&format!("{mark}{}", "and on it goes ".repeat(30))));
    }
    assert!(said.len() > 2000, "{} bytes were said", said.len());
}

#[test]
fn nothing_to_say_is_nothing_said() {
    for text in ["", "   \n\n", "***", "🙂🌿", "*smiles*", "```\n```", "<|im_end|>", "- ", "#"] {
        assert_eq!(whole(text), "", "{text}");
    }
}

const TANGLES: &[&str] = &[
    "**Rose:** *smiles warmly* Hello 😊! See [my page](https://example.com/a_b), or <https://www.x.org/y>. 3 * 4 = 12.",
    "# Rest\n\n1. **Sleep** well\n2. Drink `tea`\n\n| a | b |\n|---|---|\n| c | d |\n\n> (laughs) Fine &amp; good :)\n---\nUser: no",
    "<think>hm</think>*takes a deep breath* I *really* mean it... ~~no~~ ~5 times _softly_. **unclosed *and (so on\n[x",
    "***\n**\n*\n``` \n``\n`\n[[]]((  ))<|<|im|><a<b>>&am&amp;&#39;:-:)1️⃣2️#3 ##4 http htt https:// www www. _a_b_ \\* ![",
    "👨‍👩‍👧‍👦 é e\u{301} 你好。*微笑* (笑) ：）\r\nYou\r\n: x Rose:Rose: User : end",
];

#[test]
fn what_is_said_is_the_same_however_the_text_comes() {
    for text in TANGLES {
        let expected = whole(text);
        for step in [1, 2, 3, 5, 11] {
            let mut speakable = Speakable::of("Rose");
            let mut said = String::new();
            for part in text.chars().collect::<Vec<_>>().chunks(step) {
                said.push_str(&speakable.push(&part.iter().collect::<String>()));
            }
            said.push_str(&speakable.finish());
            assert_eq!(said, expected, "in steps of {step}");
        }
    }
}

#[test]
fn random_text_comes_out_whole_and_the_same() {
    use rand::rngs::StdRng;
    use rand::seq::IndexedRandom;
    use rand::{Rng, SeedableRng};
    const PARTS: &[&str] = &[
        "*",
        "**",
        "_",
        "`",
        "```",
        "~",
        "[",
        "]",
        "(",
        ")",
        "![",
        "<",
        ">",
        "<|",
        "|>",
        "|",
        "#",
        "-",
        "1.",
        "\n",
        "\n\n",
        " ",
        " ",
        " ",
        ":",
        ":)",
        ".",
        "!",
        "😊",
        "\u{FE0F}",
        "&amp;",
        "http://a.b/c",
        "www.",
        "Rose",
        "User",
        "im_end",
        "smiles",
        "laughing",
        "word",
        "Hello",
        "3",
        "\\",
        "think",
        "/",
        "é",
        "你",
    ];
    let mut random = StdRng::seed_from_u64(7);
    for _ in 0..2000 {
        let parts: Vec<&str> =
            (0..random.random_range(1..40)).filter_map(|_| PARTS.choose(&mut random).copied()).collect();
        let text = parts.concat();
        let mut speakable = Speakable::of("Rose");
        let mut said: String = parts.iter().map(|part| speakable.push(part)).collect();
        said.push_str(&speakable.finish());
        assert_eq!(said, whole(&text), "{text:?}");
        assert!(!said.contains("  ") && said.trim() == said, "{text:?} became {said:?}");
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect()
}

#[test]
fn every_word_of_a_given_text_is_said() {
    for text in [
        "Client: hello. Question: how are you? User: fine.",
        "You: yes\nMe: no\n\nAssistant: Rose: here\nSystem: up",
        "(softly) hello. (laughs) [sighs] *smiles warmly* _nods_ [Soft music]",
        "*takes a deep breath* Then (pauses) she *waves*.",
        "a < b and b > c, if x <y or y> z, 5 <3, a<b>c",
        "<anything else> and <think>hm</think> <!-- note --> <|im_start|>user <|im_end|>",
        "[INST] do it [/INST] ### Instruction: more",
        "As shown [1], yes.[^2] [x] in a line, [ ] too",
        "1. Rest\n2) Dream\n10. That was it.\n\n1984. That was the year.",
        "```hello world``` and `code` and ```\nplain\n```",
        "```\nlet x = 1;\n```\nThen ```never closed",
        "| Herb | Use |\n|------|:---:|\n| Mint | calm |",
        "see https://example.org/a/b?c=d#e, www.example.com/x and <https://www.x.org/y>.",
        "snake_case_name, 2 ^ 3, {braces} \\slashes\\ pipes|here",
        "I paid $5 (about 20%) &c. at 5:30 p.m. :3 :* end",
        "# Rest\n## Sleep\n#tag C#\n> quoted\n---\nEnd\n===",
        "你好 (softly) привет *улыбается* مرحبا é e\u{301}",
        "unclosed *and (so [on <tag",
    ] {
        let said = every_word(text);
        assert_eq!(words(&said), words(text), "{text:?} became {said:?}");
    }
}

#[test]
fn marks_of_a_given_text_are_not_said() {
    for (text, expected) in [
        ("You are **very** *brave* and ~~not~~ `calm`.", "You are very brave and not calm."),
        ("# Rest\n\nSleep well.", "Rest. Sleep well."),
        ("Try:\n- tea\n- [x] a walk\n* [ ] sleep.\n1. Rest\n2) Dream", "Try: tea. a walk. sleep. 1. Rest. 2) Dream"),
        ("See [my page](https://example.com/a_b), [](https://x.org/y).", "See my page, https://x.org/y."),
        ("A ![red sunset](http://x.y/z.png) here.", "A red sunset here."),
        ("Look:\n```python\nprint(1)\n```\nDone.", "Look: print(1). Done."),
        ("<b>word</b> said <anything else>, <a href=\"x\">link</a><br/>end", "word said anything else, link end"),
        ("Hello 😊! 👨‍👩‍👧 1️⃣ :) &amp; rest", "Hello! and rest"),
        ("*Rose:* (softly) **Client:** hello", "Rose: (softly) Client: hello"),
        ("3*4 and #5", "3 times 4 and number 5"),
        ("***\n😊\n- ", ""),
    ] {
        assert_eq!(every_word(text), expected, "{text}");
    }
}

#[test]
fn a_given_text_is_said_the_same_however_it_comes() {
    for text in TANGLES {
        let mut speakable = Speakable::every_word();
        let mut said: String = text.chars().map(|c| speakable.push(c.encode_utf8(&mut [0; 4]))).collect();
        said.push_str(&speakable.finish());
        assert_eq!(said, every_word(text));
        assert!(!speakable.ended());
    }
}
