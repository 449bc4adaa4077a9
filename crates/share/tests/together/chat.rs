//! The chat of several members whose links break, come back and are slow, in any order.

use std::collections::BTreeSet;

use crate::world::{self, World, id};
use proptest::prelude::*;
use tincan_protocol::{
    Author, ChatMember, ChatMessage, MAX_CHAT_CLOCK, MAX_CHAT_MEMBERS, MAX_MESSAGE_CHARS, PeerId, Post,
    PostId, React, Reaction,
};
use tincan_share::{Chat, ChatError, ChatInput, ChatOutput, Draft, MAX_AUTHORS, MAX_POSTS, MAX_TEXT};

/// What somebody's window shows, for short: who said what.
fn lines(world: &World, member: usize) -> Vec<String> {
    world.view(member).into_iter().map(|said| said.text.unwrap_or_else(|| "(deleted)".into())).collect()
}

fn draft(text: &str) -> Draft {
    Draft { text: text.into(), to: None, reply: None }
}

/// Three who are all linked.
fn three() -> World {
    let mut world = World::new(3);
    world.join_all();
    world.settle();
    world
}

#[test]
fn what_is_said_to_all_reaches_all_and_stands_in_the_same_order() {
    let mut world = three();
    let first = world.say(0, "one");
    world.say(1, "two at the same time");
    world.settle();
    world.chat(2).say(Draft { reply: Some(first), ..draft("three") }, 0).unwrap();
    world.settle();
    for member in 0..3 {
        assert_eq!(lines(&world, member).len(), 3);
        assert_eq!(lines(&world, member), lines(&world, 0));
        assert_eq!(lines(&world, member)[2], "three");
        assert_eq!(world.view(member)[2].reply, Some(first));
    }
}

#[test]
fn edits_deletions_and_reactions_are_everybodys_and_only_the_authors_to_make() {
    let mut world = three();
    let (kept, gone) = (world.say(0, "helo"), world.say(0, "secret"));
    world.settle();
    assert_eq!(world.chat(1).edit(kept, "hacked"), Err(ChatError::NotYours));
    assert_eq!(world.chat(1).delete(kept), Err(ChatError::NotYours));
    world.chat(0).edit(kept, "hello").unwrap();
    world.chat(0).delete(gone).unwrap();
    world.chat(1).react(kept, Reaction::Heart, true).unwrap();
    world.chat(2).react(kept, Reaction::Heart, true).unwrap();
    world.chat(2).react(kept, Reaction::Heart, false).unwrap();
    world.settle();
    for member in 0..3 {
        let view = world.view(member);
        assert_eq!(lines(&world, member), ["hello", "(deleted)"]);
        assert!(view[0].edited);
        assert_eq!(view[0].reactions, [(Reaction::Heart, BTreeSet::from([id(1)]))].into());
    }
    assert_eq!(world.chat(0).edit(gone, "back"), Err(ChatError::Unknown));
    assert_eq!(world.chat(1).react(gone, Reaction::Clap, true), Err(ChatError::Unknown));
}

#[test]
fn what_is_for_one_is_nobody_elses_and_is_handed_on_by_nobody() {
    let mut world = three();
    let id_1 = Some(id(1));
    let private = world.chat(0).say(Draft { to: id_1, ..draft("psst") }, 0).unwrap();
    world.settle();
    assert_eq!(lines(&world, 1), ["psst"]);
    assert!(lines(&world, 2).is_empty());
    // A reply stays between the two.
    let reply = Draft { reply: Some(private), ..draft("what?") };
    assert_eq!(world.chat(1).say(reply.clone(), 0), Err(ChatError::Private));
    world.chat(1).say(Draft { to: Some(id(0)), ..reply }, 0).unwrap();
    world.chat(1).react(private, Reaction::Laugh, true).unwrap();
    world.settle();
    assert_eq!(lines(&world, 0), ["psst", "what?"]);
    assert_eq!(world.view(0)[0].reactions.len(), 1);
    world.leave(0);
    world.settle();
    assert!(lines(&world, 2).is_empty());
    assert_eq!(world.chat(1).say(Draft { to: Some(id(0)), ..draft("gone?") }, 0), Err(ChatError::NotHere));
}

#[test]
fn a_late_joiner_hears_what_was_said_also_by_whoever_left() {
    let mut world = World::new(4);
    (0..3).for_each(|member| world.join(member));
    world.settle();
    world.say(0, "from the first");
    world.say(1, "from the second");
    world.settle();
    world.leave(0);
    world.join(3);
    world.settle();
    assert_eq!(lines(&world, 3), lines(&world, 1));
    let view = world.view(3);
    assert_eq!(view[0].via.is_some(), view[0].id.author == id(0));
    assert_eq!(world.chat(3).name(id(0)), "member 0");
    assert!(world.view(1).iter().all(|said| said.via.is_none()));
}

#[test]
fn with_a_closed_history_a_late_joiner_hears_only_what_is_said_from_then_on() {
    let mut world = World::new(4);
    (0..3).for_each(|member| world.join(member));
    world.settle();
    let old = world.say(0, "before");
    world.chat(1).close_history();
    world.settle();
    world.join(3);
    world.settle();
    world.say(0, "after");
    world.chat(0).edit(old, "before, changed").unwrap();
    world.chat(2).react(old, Reaction::Clap, true).unwrap();
    world.settle();
    assert_eq!(lines(&world, 3), ["after"]);
    assert_eq!(lines(&world, 2), ["before, changed", "after"]);
    assert!(!world.chat(3).is_open(), "the newcomer keeps it closed too");
    world.leave(0);
    world.settle();
    assert_eq!(lines(&world, 3), ["after"]);
}

#[test]
fn whoever_was_told_before_the_history_was_closed_hears_what_becomes_of_it() {
    let mut world = World::new(3);
    (0..2).for_each(|member| world.join(member));
    let old = world.say(0, "before");
    world.settle();
    world.join(2);
    world.settle();
    world.chat(1).close_history();
    world.settle();
    world.break_link(0, 2);
    world.chat(0).delete(old).unwrap();
    world.open_link(0, 2);
    world.settle();
    assert_eq!(lines(&world, 2), ["(deleted)"]);
}

#[test]
fn a_link_that_breaks_loses_and_doubles_nothing() {
    let mut world = three();
    world.say(0, "one");
    world.say(0, "two");
    world.step(0, 1);
    world.break_link(0, 1);
    world.say(0, "three");
    world.say(1, "four");
    world.open_link(0, 1);
    world.settle();
    assert_eq!(lines(&world, 1).len(), 4);
    assert_eq!(lines(&world, 0), lines(&world, 1));
    assert_eq!(lines(&world, 2), lines(&world, 1));
}

#[test]
fn what_somebody_said_to_some_only_before_they_crashed_is_handed_on() {
    let mut world = three();
    world.break_link(0, 2);
    world.say(0, "my last words");
    world.settle();
    assert!(lines(&world, 2).is_empty());
    world.leave(0);
    world.settle();
    assert_eq!(lines(&world, 2), ["my last words"]);
    assert_eq!(world.view(2)[0].via, Some(id(1)));
}

#[test]
fn what_one_who_left_in_the_middle_of_telling_did_not_say_another_says() {
    let mut world = World::new(4);
    (0..3).for_each(|member| world.join(member));
    world.settle();
    let first = world.say(0, "first");
    world.say(0, "second");
    world.settle();
    // Only one hears of the change, which now comes last in what is told.
    world.break_link(0, 2);
    world.chat(0).edit(first, "first, changed").unwrap();
    world.settle();
    world.leave(0);
    world.settle();
    world.join(3);
    world.break_link(2, 3);
    world.step(3, 1);
    world.step(1, 3);
    world.step(1, 3);
    assert_eq!(lines(&world, 3), ["second"]);
    world.leave(1);
    world.open_link(2, 3);
    world.settle();
    assert_eq!(lines(&world, 3), ["first", "second"]);
}

#[test]
fn a_full_link_is_told_the_rest_later() {
    let mut world = three();
    for number in 0..20 {
        world.say(0, &number.to_string());
    }
    let mut room = 5;
    let mut told = Vec::new();
    let chat = world.chat(0);
    chat.tell(id(1), |message| {
        told.extend((room > 0).then(|| message.clone()));
        room -= 1;
        room >= 0
    });
    chat.tell(id(1), |message| {
        told.push(message.clone());
        true
    });
    let numbers: Vec<_> = told
        .iter()
        .filter_map(|message| match message {
            ChatMessage::Post(post) => Some((post.text.clone().unwrap(), post.last)),
            _ => None,
        })
        .collect();
    let all: Vec<_> = (0..20).map(|number| (number.to_string(), number == 19)).collect();
    assert_eq!(numbers, all);
}

/// A member, and a hostile one who is linked to it.
struct Attacked {
    chat: Chat,
}

impl Attacked {
    fn new() -> Self {
        let mut chat = Chat::new(id(0));
        chat.handle(ChatInput::Came(id(1)));
        chat.handle(ChatInput::LinkOpened(id(1)));
        Self { chat }
    }

    fn hears(&mut self, message: &ChatMessage) {
        self.chat.handle(ChatInput::Received { peer: id(1), bytes: message.encode().into_bytes() });
    }

    fn hears_post(&mut self, number: u64, author: Option<PeerId>, text: &str) {
        let author = author.map(|peer| Author { peer, name: "x".into() });
        let text = Some(text.to_owned());
        self.hears(&ChatMessage::Post(Post {
            author,
            number,
            clock: number,
            at: 0,
            to: None,
            reply: None,
            text,
            last: true,
        }));
    }
}

#[test]
fn nobody_can_make_a_clock_jump_so_far_that_others_cannot_write() {
    let mut attacked = Attacked::new();
    attacked.hears_post(MAX_CHAT_CLOCK, None, "the end");
    for number in 0..10_000 {
        attacked.hears_post(MAX_CHAT_CLOCK - 20_000 + number, None, "x");
    }
    let id = attacked.chat.say(draft("still here"), 0).unwrap();
    assert!(id.number < 1 << 40);
}

#[test]
fn what_one_says_is_bounded_and_costs_the_others_nothing() {
    let mut attacked = Attacked::new();
    let own = attacked.chat.say(draft("mine"), 0).unwrap();
    for number in 1..3 * MAX_POSTS as u64 {
        attacked.hears_post(number + 1, None, &"x".repeat(MAX_MESSAGE_CHARS));
    }
    let kept: Vec<_> = attacked.chat.posts().into_iter().filter(|post| post.author == id(1)).collect();
    assert_eq!(kept.len(), MAX_TEXT / MAX_MESSAGE_CHARS);
    assert!(attacked.chat.said(own).is_some());
    for number in 1..3 * MAX_POSTS as u64 {
        attacked.hears_post(number + 10_000, None, "x");
    }
    assert_eq!(attacked.chat.posts().len(), MAX_POSTS + 1);
    // A text that only cleaning makes too long is none.
    attacked.hears_post(20_000, None, &format!("x{}x", "\t".repeat(MAX_MESSAGE_CHARS - 2)));
    assert_eq!(attacked.chat.said(PostId { number: 20_000, author: id(1) }).unwrap().text, None);
    // Nor do people who are made up, or reactions to what is not there.
    for number in 0..=255 {
        attacked.hears_post(7, Some(PeerId::from_bytes([number; 32])), "x");
        let of = PostId { number: 3 + u64::from(number), author: id(9) };
        let reactions = BTreeSet::from([Reaction::Clap]);
        attacked.hears(&ChatMessage::React(React { author: None, of, clock: 9, reactions, last: false }));
    }
    assert!(attacked.chat.posts().len() <= MAX_POSTS + 1 + MAX_AUTHORS);
    let mut dropped = 0;
    while let Some(output) = attacked.chat.poll() {
        dropped += usize::from(matches!(output, ChatOutput::Dropped(_)));
    }
    assert!(dropped >= 2 * MAX_POSTS);
    // Who really comes takes the place of somebody made up.
    for number in 0..20 {
        attacked.chat.handle(ChatInput::Came(PeerId::from_bytes([200 - number; 32])));
    }
    attacked.chat.handle(ChatInput::Came(id(7)));
    attacked.chat.handle(ChatInput::LinkOpened(id(7)));
    assert!(attacked.chat.linked().any(|peer| peer == id(7)));
}

#[test]
fn whoever_invents_people_is_answered_for_some_of_them_only() {
    let mut attacked = Attacked::new();
    let mut answered = BTreeSet::new();
    for batch in 0..100_u8 {
        let invented = |n: u8| {
            let mut bytes = [n; 32];
            bytes[0] = batch;
            ChatMember { peer: PeerId::from_bytes(bytes), clock: Some(5) }
        };
        let members = (0..MAX_CHAT_MEMBERS as u8).map(invented).collect();
        attacked.hears(&ChatMessage::Have { members, closed: false });
        attacked.chat.tell(id(1), |message| {
            if let ChatMessage::Have { members, .. } = message {
                answered.extend(members.iter().map(|member| member.peer));
            }
            true
        });
    }
    assert!(answered.len() <= 3 * MAX_CHAT_MEMBERS + 2, "{}", answered.len());
}

#[test]
fn nobody_speaks_for_whoever_is_here_or_changes_what_was_heard_from_its_author() {
    let mut attacked = Attacked::new();
    let (me, third) = (id(0), id(2));
    attacked.chat.handle(ChatInput::Came(third));
    attacked.chat.handle(ChatInput::LinkOpened(third));
    let say = Post {
        author: None,
        number: 1,
        clock: 1,
        at: 0,
        to: None,
        reply: None,
        text: Some("true".into()),
        last: true,
    };
    let bytes = ChatMessage::Post(say.clone()).encode().into_bytes();
    attacked.chat.handle(ChatInput::Received { peer: third, bytes });
    attacked.hears_post(2, Some(third), "made up");
    attacked.hears_post(2, Some(me), "made up");
    attacked.hears(&ChatMessage::Post(Post { to: Some(third), ..say.clone() }));
    assert_eq!(attacked.chat.posts().len(), 1);
    attacked.chat.handle(ChatInput::Left(third));
    let author = Some(Author { peer: third, name: String::new() });
    for text in [Some("changed".to_owned()), None] {
        attacked.hears(&ChatMessage::Post(Post { author: author.clone(), clock: 9, text, ..say.clone() }));
    }
    let said = attacked.chat.said(PostId { number: 1, author: third }).unwrap();
    assert_eq!((said.text, said.via), (Some("true"), None));
}

#[test]
fn what_may_not_be_sent_is_refused_with_a_reason() {
    let mut chat = Chat::new(id(0));
    let long = "x".repeat(MAX_MESSAGE_CHARS + 1);
    assert_eq!(chat.say(draft(" \u{200b}\n "), 0), Err(ChatError::Empty));
    assert_eq!(chat.say(draft(&long), 0), Err(ChatError::TooLong));
    assert_eq!(chat.say(draft(&"x".repeat(1 << 24)), 0), Err(ChatError::TooLong));
    let own = chat.say(draft("\u{202e}a\r\nb"), 0).unwrap();
    assert_eq!(chat.said(own).unwrap().text, Some("a\nb"));
    assert_eq!(chat.edit(own, &long), Err(ChatError::TooLong));
    let reply = Some(PostId { number: 77, ..own });
    assert_eq!(chat.say(Draft { reply, ..draft("x") }, 0), Err(ChatError::Unknown));
    assert_eq!(chat.say(Draft { to: Some(id(0)), ..draft("x") }, 0), Err(ChatError::NotHere));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_everybody_has_the_same_in_the_end(
        deeds in prop::collection::vec(world::deed(), 0..120)
    ) {
        let mut world = World::new(5);
        (0..2).for_each(|member| world.join(member));
        deeds.into_iter().for_each(|deed| world.perform(deed));
        world.reconnect();
        world.settle();
        world.check();
    }

    #[test]
    fn whatever_a_peer_says_nothing_panics_and_everything_stays_bounded(
        messages in prop::collection::vec(world::any_message(), 0..60)
    ) {
        let mut attacked = Attacked::new();
        attacked.chat.handle(ChatInput::Came(id(2)));
        attacked.chat.handle(ChatInput::LinkOpened(id(2)));
        for (deed, message) in messages {
            match deed {
                0 => attacked.chat.handle(ChatInput::Left(id(2))),
                1 => attacked.chat.handle(ChatInput::Came(id(2))),
                2 => drop(attacked.chat.say(draft("mine"), 0)),
                _ => attacked.hears(&message),
            }
            for peer in attacked.chat.linked().collect::<Vec<_>>() {
                let mut told = 0;
                attacked.chat.tell(peer, |message| {
                    told += 1;
                    assert!(told < 10_000, "it never ends");
                    ChatMessage::decode(message.encode().as_bytes()).is_ok()
                });
            }
        }
        let ids = attacked.chat.posts();
        prop_assert!(ids.iter().all(|id| attacked.chat.said(*id).is_some()));
        prop_assert!(ids.is_sorted());
    }
}

#[test]
fn first_words_on_a_link_say_what_is_had_already() {
    let mut attacked = Attacked::new();
    attacked.hears_post(4, None, "x");
    let mut told = Vec::new();
    attacked.chat.tell(id(1), |message| {
        told.push(message.clone());
        true
    });
    let members = vec![ChatMember { peer: id(1), clock: Some(4) }];
    assert_eq!(told, [ChatMessage::Have { members, closed: false }]);
}
