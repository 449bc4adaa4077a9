//! The files channel, by whoever is in the room: what is understood means the same when it is said again; and whatever comes in
//! whatever order, no more is asked for than a window, nothing is written that does not fit its value, and no name leads out
//! of the folder.
#![no_main]

use std::sync::Arc;
use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use tincan_protocol::{FileEntry, FilesFrame, FilesMessage, PeerId};
use tincan_share::{Files, FilesOutput, List, MAX_THEIRS, WINDOW, piece_value, safe_name, safe_paths};

fuzz_target!(|words: Vec<(u8, u8, &[u8])>| {
    let id = |byte: u8| PeerId::from_bytes([byte % 3 + 1; 32]);
    let now = Instant::now();
    let mut files = Files::new([7; 32]);
    let entry = |bytes| FileEntry { path: vec!["x".into()], bytes: Some(bytes), modified: None };
    let list = Arc::new(List::new(vec![entry(3 << 20)]).unwrap());
    let _ = files.offer_files(list, None);
    for (deed, from, bytes) in words {
        let peer = id(from);
        match FilesFrame::decode(bytes) {
            Ok(FilesFrame::Message(message)) => {
                assert_eq!(FilesFrame::decode(&message.encode()), Ok(FilesFrame::Message(message.clone())));
                if let FilesMessage::Entries { entries, .. } = &message
                    && let Ok(paths) = safe_paths(entries)
                {
                    for name in paths.iter().flatten() {
                        assert_eq!(safe_name(name), *name);
                        assert!(!name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', ':', '\0']));
                    }
                }
            }
            Ok(FilesFrame::Data(data)) => assert_eq!(data.encode(), bytes),
            Err(_) => {}
        }
        let all = files.offers();
        let one = all.get(from as usize % all.len().max(1)).copied();
        match (deed % 16, one) {
            (0, _) => files.link_opened(now, peer, id(0)),
            (1, _) => files.link_closed(peer),
            (2, _) => files.left(peer),
            (3, Some(one)) => drop(files.accept(one)),
            (4, Some(one)) => files.pause(one, None),
            (5, Some(one)) => files.resume(one, None),
            (6, Some(one)) => files.cancel(one, None),
            (7, Some(one)) => drop(files.forget(one)),
            (8, _) => files.look(now),
            _ => files.received(now, peer, bytes),
        }
        let mut todo = Vec::new();
        while let Some(output) = files.poll() {
            match output {
                FilesOutput::Prepare(offer) => files.prepared(offer, Ok(vec![(0, [1; 32])])),
                FilesOutput::Write { offer, piece, data, value } => {
                    let place = files.list(offer).unwrap().layout().place(piece).unwrap();
                    assert_eq!(piece_value(&place, &data), value);
                    todo.push((offer, piece));
                }
                FilesOutput::Finish(offer) => files.finished(offer, Ok(())),
                FilesOutput::Send { peer, offer, piece } => files.sent(peer, offer, piece),
                FilesOutput::Hash { peer, offer, piece } => files.hashed(peer, offer, piece, [2; 32]),
                _ => {}
            }
        }
        for (offer, piece) in todo {
            files.written(offer, piece, Ok(()));
        }
        for linked in files.linked().collect::<Vec<_>>() {
            let mut asked = 0;
            files.tell(linked, |message| {
                assert_eq!(FilesFrame::decode(&message.encode()), Ok(FilesFrame::Message(message.clone())));
                if let FilesMessage::Want { count, .. } = message {
                    asked += u64::from(*count);
                }
                true
            });
            // Each offer has a window of its own.
            assert!(asked <= WINDOW * MAX_THEIRS as u64);
        }
        assert!(files.offers().len() <= MAX_THEIRS + 1);
    }
});
