//! TURN messages on a stream (RFC 8656, sections 5 and 12.5): datagrams one after the other, of which those on channels are
//! filled up to four bytes.

use std::io;

use bytes::{Buf, Bytes, BytesMut};

/// What precedes a message's content, with its length in bytes 2 and 3: a STUN header or that of a channel's data.
const STUN_HEADER: usize = 20;
const CHANNEL_HEADER: usize = 4;

/// How long a message is that begins like this; `None` when that cannot be seen yet.
fn length(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(header) = bytes.first_chunk::<4>() else { return Ok(None) };
    let content = usize::from(u16::from_be_bytes([header[2], header[3]]));
    match header[0] >> 6 {
        0b00 => Ok(Some(STUN_HEADER + content)),
        0b01 => Ok(Some(CHANNEL_HEADER + content)),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// A datagram as a stream carries it; `None` when it is no TURN message.
pub(crate) fn to_stream(datagram: &[u8]) -> Option<Bytes> {
    let length = length(datagram).ok()??;
    let mut message = BytesMut::from(datagram.get(..length)?);
    message.resize(length.next_multiple_of(4), 0);
    Some(message.freeze())
}

/// Takes the next whole datagram out of what a stream brought; `None` when there is none yet.
///
/// # Errors
/// When it is not TURN that comes there.
pub(crate) fn from_stream(buffer: &mut BytesMut) -> io::Result<Option<Bytes>> {
    let Some(length) = length(buffer)? else { return Ok(None) };
    let filled = length.next_multiple_of(4);
    if buffer.len() < filled {
        return Ok(None);
    }
    let datagram = buffer.split_to(length).freeze();
    buffer.advance(filled - length);
    Ok(Some(datagram))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn channel_data(content: &[u8]) -> Vec<u8> {
        let mut message = vec![0x40, 0x01];
        message.extend((content.len() as u16).to_be_bytes());
        message.extend(content);
        message
    }

    fn stun(words: usize) -> Vec<u8> {
        let mut message = vec![0; STUN_HEADER + words * 4];
        message[2..4].copy_from_slice(&(words as u16 * 4).to_be_bytes());
        message
    }

    #[test]
    fn a_channels_data_is_filled_up_and_cut_again() {
        let datagram = channel_data(b"12345");
        let sent = to_stream(&datagram).unwrap();
        assert_eq!(sent.len(), 12);
        let mut buffer = BytesMut::from(&sent[..]);
        assert_eq!(from_stream(&mut buffer).unwrap().unwrap(), datagram);
        assert!(buffer.is_empty());
    }

    #[test]
    fn what_is_not_turn_is_neither_sent_nor_taken() {
        assert!(to_stream(b"\x80 RTP that lost its way").is_none());
        assert!(to_stream(&channel_data(b"12345")[..7]).is_none());
        assert!(
            from_stream(&mut BytesMut::from(&b"HTTP/1.1 400"[..])).is_ok_and(|message| message.is_none())
        );
        assert!(from_stream(&mut BytesMut::from(&b"\xffHTTP"[..])).is_err());
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in_however_the_stream_is_cut(
            contents in vec((any::<bool>(), vec(any::<u8>(), 0..50)), 1..10),
            cut in 1usize..40,
        ) {
            let make = |(channel, content): &(bool, Vec<u8>)| {
                if *channel { channel_data(content) } else { stun(content.len()) }
            };
            let datagrams: Vec<Vec<u8>> = contents.iter().map(make).collect();
            let stream: Vec<u8> =
                datagrams.iter().flat_map(|datagram| to_stream(datagram).unwrap()).collect();
            let (mut buffer, mut taken) = (BytesMut::new(), Vec::new());
            for piece in stream.chunks(cut) {
                buffer.extend_from_slice(piece);
                while let Some(datagram) = from_stream(&mut buffer).unwrap() {
                    taken.push(datagram.to_vec());
                }
            }
            prop_assert_eq!(taken, datagrams);
            prop_assert!(buffer.is_empty());
        }

        #[test]
        fn any_bytes_are_safe_to_take_messages_from(bytes in vec(any::<u8>(), 0..200)) {
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = from_stream(&mut buffer) {}
            let _ = to_stream(&bytes);
        }
    }
}
