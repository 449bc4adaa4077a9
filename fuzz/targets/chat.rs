//! The chat channel, by whoever is in the room: what is understood means the same when it is said again, and a chat takes
//! it in whatever order it comes, says nothing that others do not understand, and comes to an end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tincan_protocol::{ChatMessage, PeerId};
use tincan_share::{Chat, ChatInput, Draft, MAX_AUTHORS, MAX_POSTS};

/// More than this is never told at once: everything of everybody, and what was had of whom.
const MAX_TOLD: usize = 3 * MAX_AUTHORS * MAX_POSTS;

fuzz_target!(|words: Vec<(u8, u8, &[u8])>| {
    let id = |byte: u8| PeerId::from_bytes([byte % 5; 32]);
    let mut chat = Chat::new(id(0));
    for (deed, from, bytes) in words {
        let peer = id(from);
        if let Ok(message) = ChatMessage::decode(bytes) {
            assert_eq!(ChatMessage::decode(message.encode().as_bytes()).unwrap(), message);
        }
        match deed % 16 {
            0 => chat.handle(ChatInput::Came(peer)),
            1 => chat.handle(ChatInput::Left(peer)),
            2 => {
                chat.handle(ChatInput::Came(peer));
                chat.handle(ChatInput::LinkOpened(peer));
            }
            3 => chat.handle(ChatInput::LinkClosed(peer)),
            4 => {
                let text = String::from_utf8_lossy(bytes).into_owned();
                let _ = chat.say(Draft { text, to: (from > 127).then_some(peer), reply: None }, 0);
            }
            5 => {
                if let Some(own) = chat.posts().into_iter().find(|post| post.author == id(0)) {
                    let _ = chat.edit(own, &String::from_utf8_lossy(bytes));
                }
            }
            6 => chat.close_history(),
            _ => chat.handle(ChatInput::Received { peer, bytes: bytes.to_vec() }),
        }
        for linked in chat.linked().collect::<Vec<_>>() {
            let mut told = 0;
            chat.tell(linked, |message| {
                told += 1;
                assert!(told < MAX_TOLD);
                assert_eq!(ChatMessage::decode(message.encode().as_bytes()).as_ref(), Ok(message));
                true
            });
        }
    }
    let posts = chat.posts();
    assert!(posts.is_sorted() && posts.iter().all(|post| chat.said(*post).is_some()));
});
