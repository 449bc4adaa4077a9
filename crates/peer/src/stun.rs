//! STUN messages (RFC 8489) as far as the socket layer looks into them.

use rtc::stun::attributes::{ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType};
use rtc::stun::message::{
    CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, METHOD_BINDING, Message, TransactionId, is_stun_message,
};

/// A datagram as a STUN message; `None` for anything else.
pub(crate) fn decode(datagram: &[u8]) -> Option<Message> {
    // The first two bits are 0 (RFC 8489, section 5); RTP and channels' data have others.
    if datagram.first().is_none_or(|byte| byte >> 6 != 0) || !is_stun_message(datagram) {
        return None;
    }
    let mut message = Message { raw: datagram.to_vec(), ..Message::default() };
    message.decode().ok()?;
    Some(message)
}

/// The value of an attribute.
pub(crate) fn attribute(message: &Message, kind: AttrType) -> Option<&[u8]> {
    message.attributes.0.iter().find(|attribute| attribute.typ == kind).map(|found| found.value.as_slice())
}

/// What a datagram means for ICE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ice {
    /// A connectivity check, and whether it nominates its pair.
    Check { transaction: TransactionId, nominates: bool },
    /// The answer to one.
    Success { transaction: TransactionId },
    /// Something else: media, DTLS, questions to a STUN server.
    Other,
}

/// What a datagram means for ICE.
pub(crate) fn ice(datagram: &[u8]) -> Ice {
    let Some(message) = decode(datagram) else { return Ice::Other };
    if message.typ.method != METHOD_BINDING {
        return Ice::Other;
    }
    let transaction = message.transaction_id;
    match message.typ.class {
        // Questions to a STUN server carry no name.
        CLASS_REQUEST if attribute(&message, ATTR_USERNAME).is_some() => {
            Ice::Check { transaction, nominates: attribute(&message, ATTR_USE_CANDIDATE).is_some() }
        }
        CLASS_SUCCESS_RESPONSE => Ice::Success { transaction },
        _ => Ice::Other,
    }
}

/// The content of TURN's channel data (RFC 8656, section 12.4), with the channel's number.
pub(crate) fn channel_data(datagram: &[u8]) -> Option<(u16, &[u8])> {
    let header = datagram.first_chunk::<4>()?;
    let channel = u16::from_be_bytes([header[0], header[1]]);
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    (0x4000..=0x4fff).contains(&channel).then(|| Some((channel, datagram.get(4..4 + length)?))).flatten()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use rtc::stun::message::BINDING_REQUEST;
    use rtc::stun::textattrs::Username;

    use super::*;

    #[test]
    fn a_check_is_told_from_a_question_to_a_server() {
        let transaction = TransactionId::new();
        let mut question = Message::new();
        question.build(&[Box::new(BINDING_REQUEST), Box::new(transaction)]).unwrap();
        assert_eq!(ice(&question.raw), Ice::Other);
        let mut check = Message::new();
        let name = Username::new(ATTR_USERNAME, "theirs:ours".to_owned());
        check.build(&[Box::new(BINDING_REQUEST), Box::new(transaction), Box::new(name)]).unwrap();
        assert_eq!(ice(&check.raw), Ice::Check { transaction, nominates: false });
        check.add(ATTR_USE_CANDIDATE, &[]);
        assert_eq!(ice(&check.raw), Ice::Check { transaction, nominates: true });
    }

    #[test]
    fn a_channels_data_is_taken_out() {
        assert_eq!(channel_data(&[0x40, 1, 0, 2, 7, 8, 0, 0]), Some((0x4001, &[7, 8][..])));
        assert_eq!(channel_data(&[0x40, 1, 0, 9, 7]), None);
        assert_eq!(channel_data(&[0x80, 1, 0, 1, 7]), None);
    }

    proptest! {
        #[test]
        fn any_datagram_is_safe_to_look_into(bytes in proptest::collection::vec(any::<u8>(), 0..120), stun: bool) {
            let mut bytes = bytes;
            if stun && bytes.len() >= 20 {
                bytes[0] &= 0x3f;
                bytes[4..8].copy_from_slice(&0x2112_a442_u32.to_be_bytes());
            }
            let _ = (ice(&bytes), channel_data(&bytes), decode(&bytes));
        }
    }
}
