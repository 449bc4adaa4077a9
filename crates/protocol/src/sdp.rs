//! What is demanded of the other side's descriptions (SDP, RFC 8866), and what is changed in descriptions: text in, text
//! out.
//!
//! Whoever makes connections has a parser of its own, and two parsers that read one text differently are how somebody
//! in between deceives one of them. So whatever matters is written anew here, in the one form that cannot be misread,
//! before another parser sees it.

use thiserror::Error;

use crate::identity::CertificateDigest;

/// A certificate is named by its SHA-256 (RFC 8122); older functions are refused, newer ones nobody offers.
const FINGERPRINT: &str = "a=fingerprint:sha-256 ";
const DIGEST_LEN: usize = 32;
/// The directions of RFC 8866, section 6.7.
const DIRECTIONS: [&str; 4] = ["sendrecv", "sendonly", "recvonly", "inactive"];

type Digest = [u8; DIGEST_LEN];

/// The description does not name one certificate: none, several, or one in a way that only some readers understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a description names one certificate, by one and the same sha-256 everywhere")]
pub struct CertificateError;

/// The other side's description as other parsers are to have it, and the certificate that it names.
///
/// # Errors
/// [`CertificateError`] unless every line that is about a fingerprint says one and the same SHA-256.
pub fn accepted(sdp: &str) -> Result<(String, CertificateDigest), CertificateError> {
    let digest = certificate(sdp).ok_or(CertificateError)?;
    let plain: String = sdp.split_inclusive('\n').map(|line| in_one_form(line, &digest)).collect();
    Ok((with_directions(&plain), CertificateDigest::from_bytes(digest)))
}

/// The one certificate that a description names, at whatever level (RFC 8122, section 5).
///
/// A line that only looks like a fingerprint to some reader, because of its case, of blanks or of a carriage return in
/// the middle, is none here, and makes the whole description one that names no certificate.
fn certificate(sdp: &str) -> Option<Digest> {
    let mut named = None;
    for line in sdp.split('\n').filter(|line| line.to_ascii_lowercase().contains("fingerprint")) {
        let digest = fingerprint(line.strip_suffix('\r').unwrap_or(line))?;
        if *named.get_or_insert(digest) != digest {
            return None;
        }
    }
    named
}

/// The digest in a line that is a fingerprint, and nothing but that.
fn fingerprint(line: &str) -> Option<Digest> {
    let (before, digits) = line.split_at_checked(FINGERPRINT.len())?;
    // Only the hash function's name may be spelled in either case (RFC 8122, section 5).
    let (attribute, function) = before.split_once(':')?;
    if attribute != "a=fingerprint" || !function.eq_ignore_ascii_case("sha-256 ") {
        return None;
    }
    let mut digest = Digest::default();
    let mut pairs = digits.split(':');
    for byte in &mut digest {
        let pair = pairs.next().filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        *byte = u8::from_str_radix(pair, 16).ok().filter(|_| pair.len() == 2)?;
    }
    pairs.next().is_none().then_some(digest)
}

/// A digest as descriptions spell it.
fn spelled(digest: &Digest) -> String {
    digest.map(|byte| format!("{byte:02X}")).join(":")
}

fn in_one_form(line: &str, digest: &Digest) -> String {
    if line.starts_with("a=fingerprint:") {
        let end = if line.ends_with('\n') { "\r\n" } else { "" };
        format!("{FINGERPRINT}{}{end}", spelled(digest))
    } else {
        line.to_owned()
    }
}

/// The description with a direction in every section of sound or pictures. One that says none has the session's, or
/// else sends and receives (RFC 8866, section 6.7); some libraries would leave such a section out of their answer.
fn with_directions(sdp: &str) -> String {
    let mut of_the_session = None;
    let mut section: Option<Section> = None;
    let mut whole = String::with_capacity(sdp.len());
    for line in sdp.split_inclusive('\n') {
        if let Some(media) = line.strip_prefix("m=") {
            end_section(&mut whole, section.take());
            // Data channels have no direction.
            let lacks_direction = !media.starts_with("application");
            section = Some(Section { direction: of_the_session.unwrap_or(DIRECTIONS[0]), lacks_direction });
        } else if let Some(direction) = direction(line) {
            match &mut section {
                Some(section) => section.lacks_direction = false,
                None => of_the_session = of_the_session.or(Some(direction)),
            }
        }
        whole.push_str(line);
    }
    end_section(&mut whole, section);
    whole
}

struct Section {
    /// What it has if it says nothing else.
    direction: &'static str,
    lacks_direction: bool,
}

fn end_section(whole: &mut String, section: Option<Section>) {
    if let Some(Section { direction, lacks_direction: true }) = section {
        if !whole.ends_with('\n') {
            whole.push_str("\r\n");
        }
        whole.push_str(&format!("a={direction}\r\n"));
    }
}

fn direction(line: &str) -> Option<&'static str> {
    let attribute = line.strip_prefix("a=")?.trim();
    let name = attribute.split_once(':').map_or(attribute, |(name, _)| name);
    DIRECTIONS.into_iter().find(|direction| *direction == name)
}

/// A candidate without its related address, which of a relayed one is this machine's own (RFC 8839, section 5.1, has
/// these values for privacy).
pub fn unrelated(candidate: &str) -> String {
    let mut words: Vec<&str> = candidate.split(' ').collect();
    for at in 1..words.len() {
        match words[at - 1] {
            "raddr" => words[at] = if words[at].contains(':') { "::" } else { "0.0.0.0" },
            "rport" => words[at] = "9",
            _ => {}
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ADA: Digest = [0xab; DIGEST_LEN];
    const EVE: Digest = [0xee; DIGEST_LEN];

    fn line(digest: &Digest) -> String {
        format!("{FINGERPRINT}{}\r\n", spelled(digest))
    }

    fn description(session: &str, section: &str) -> String {
        format!(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n{session}m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n{section}"
        )
    }

    #[test]
    fn one_certificate_is_read_at_every_level_and_in_every_case() {
        for (session, section) in [
            (line(&ADA), String::new()),
            (String::new(), line(&ADA)),
            (line(&ADA), line(&ADA)),
            (line(&ADA).to_lowercase(), line(&ADA)),
            (line(&ADA).replace("sha-256", "SHA-256"), line(&ADA)),
            (line(&ADA).replace("\r\n", "\n"), line(&ADA).trim_end().to_owned()),
        ] {
            let (sdp, digest) = accepted(&description(&session, &section)).unwrap();
            assert_eq!(digest.as_bytes(), &ADA);
            for said in sdp.lines().filter(|line| line.contains("fingerprint")) {
                assert_eq!(said, line(&ADA).trim_end());
            }
        }
    }

    #[test]
    fn more_than_one_certificate_and_none_are_refused() {
        let sha1 = "a=fingerprint:sha-1 AB:CD:AB:CD:AB:CD:AB:CD:AB:CD:AB:CD:AB:CD:AB:CD:AB:CD:AB:CD\r\n";
        for (session, section) in [
            (String::new(), String::new()),
            (line(&ADA), line(&EVE)),
            (format!("{}{}", line(&ADA), line(&EVE)), String::new()),
            (String::new(), format!("{}{}", line(&ADA), line(&EVE))),
            (line(&ADA), sha1.to_owned()),
        ] {
            let refused = accepted(&description(&session, &section));
            assert_eq!(refused, Err(CertificateError), "{session}{section}");
        }
    }

    #[test]
    fn a_disguised_fingerprint_is_refused() {
        let eve = line(&EVE);
        for disguise in [
            // A library takes this for the section's first attribute of that name, which hides the true one.
            "a=fingerprint\r\n".to_owned(),
            "a=fingerprint:\r\n".to_owned(),
            eve.replace("a=fingerprint:", "a=fingerprint: "),
            eve.replace("a=fingerprint", "a= fingerprint"),
            eve.replace("a=fingerprint", "a=Fingerprint"),
            eve.replace("a=", "A="),
            eve.replace("a=", " a="),
            eve.replace("a=", "\ta="),
            eve.replace("sha-256 ", "sha-256  "),
            eve.replace("sha-256 ", "sha-256\t"),
            eve.replace("\r\n", " \r\n"),
            eve.replace("\r\n", ":EE\r\n"),
            eve.replace(":EE\r\n", "\r\n"),
            eve.replace(":EE", ":+E"),
            eve.replace(":EE", "EE"),
            eve.replace("a=", "a=x\ra="),
            eve.replace("\r\n", "\r\r\n"),
            eve.replace("a=", "a=x\u{2028}a="),
            eve.replace("a=", "\0a="),
            eve.replace("\r\n", "\ra=mid:0\r\n"),
        ] {
            for before in [true, false] {
                let both = if before { disguise.clone() + &line(&ADA) } else { line(&ADA) + &disguise };
                for sdp in
                    [description(&both, ""), description("", &both), description(&line(&ADA), &disguise)]
                {
                    assert_eq!(accepted(&sdp), Err(CertificateError), "{disguise:?}");
                }
            }
        }
    }

    #[test]
    fn a_section_without_a_direction_has_the_sessions_or_sends_and_receives() {
        let fill = |text: &str| with_directions(&text.replace('\n', "\r\n")).replace("\r\n", "\n");
        assert_eq!(fill("v=0\nm=audio\na=mid:0\n"), "v=0\nm=audio\na=mid:0\na=sendrecv\n");
        assert_eq!(fill("v=0\nm=audio"), "v=0\nm=audio\na=sendrecv\n");
        assert_eq!(
            fill("v=0\na=recvonly\nm=audio\nm=video\na=sendonly\nm=video\na=mid:2\n"),
            "v=0\na=recvonly\nm=audio\na=recvonly\nm=video\na=sendonly\nm=video\na=mid:2\na=recvonly\n"
        );
        for whole in ["", "v=0\n", "v=0\nm=application\n", "v=0\nm=video\na=inactive\na=mid:0\n"] {
            assert_eq!(fill(whole), whole);
        }
    }

    #[test]
    fn a_hidden_candidate_names_the_relay_only() {
        let candidate =
            "candidate:1 1 udp 16777215 203.0.113.1 60953 typ relay raddr 198.51.100.2 rport 34297";
        let hidden = "candidate:1 1 udp 16777215 203.0.113.1 60953 typ relay raddr 0.0.0.0 rport 9";
        assert_eq!(unrelated(candidate), hidden);
        assert_eq!(unrelated(&format!("{candidate} generation 0")), format!("{hidden} generation 0"));
        assert_eq!(
            unrelated("candidate:1 raddr 2001:db8::2 rport 1 raddr"),
            "candidate:1 raddr :: rport 9 raddr"
        );
    }

    /// Lines as they come and as nobody writes them, about what matters here.
    fn lines() -> impl Strategy<Value = String> {
        let some = prop_oneof![
            Just(line(&ADA)),
            Just(line(&EVE)),
            Just("a=fingerprint\r\n".to_owned()),
            Just("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n".to_owned()),
            Just("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\n".to_owned()),
            Just("a=sendonly\r\n".to_owned()),
            Just("a=inactive\n".to_owned()),
            Just("a=setup:active\r\n".to_owned()),
            Just("a=candidate:1 1 udp 1 192.0.2.1 9 typ srflx raddr 198.51.100.2 rport 5 \n".to_owned()),
            ".{0,40}",
        ];
        prop::collection::vec(some, 0..12).prop_map(|lines| lines.concat())
    }

    proptest! {
        #[test]
        fn any_text_is_looked_at_without_panic(text in prop_oneof![".{0,200}", lines()]) {
            let _ = accepted(&text);
            let hidden = unrelated(&text);
            prop_assert_eq!(unrelated(&hidden), hidden);
        }

        #[test]
        fn what_is_accepted_names_one_certificate_and_is_accepted_unchanged(text in lines()) {
            if let Ok((sdp, digest)) = accepted(&text) {
                prop_assert!(!(text.contains(&spelled(&ADA)) && text.contains(&spelled(&EVE))));
                prop_assert_eq!(accepted(&sdp), Ok((sdp, digest)));
            }
        }
    }
}
