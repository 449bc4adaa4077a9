//! What belongs to each source of a connection, and which media section is whose.

use std::ops::{Index, IndexMut};

use tincan_protocol::Source;

/// One value for each source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PerSource<T>([T; Source::ALL.len()]);

impl<T> PerSource<T> {
    pub(crate) fn new(value: impl FnMut(Source) -> T) -> Self {
        Self(Source::ALL.map(value))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Source, &T)> {
        Source::ALL.into_iter().zip(&self.0)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (Source, &mut T)> {
        Source::ALL.into_iter().zip(&mut self.0)
    }
}

impl<T> Index<Source> for PerSource<T> {
    type Output = T;
    fn index(&self, source: Source) -> &T {
        &self.0[source as usize]
    }
}

impl<T> IndexMut<Source> for PerSource<T> {
    fn index_mut(&mut self, source: Source) -> &mut T {
        &mut self.0[source as usize]
    }
}

/// A media section of the other side's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Section {
    /// Its identification tag (RFC 5888), which packets may carry too.
    pub(crate) mid: String,
    /// The stream that they said they send in it; one that only repeats another's packets is left out.
    pub(crate) ssrc: Option<u32>,
}

/// The other side's sections: the first of sound is the microphone's, the second the screen's, and so for pictures.
pub(crate) type Sections = PerSource<Option<Section>>;

/// Reads a description's sections. The sources that it has no section for, or a refused one, are `None`.
pub(crate) fn sections(sdp: &str) -> Sections {
    let mut sections = Sections::default();
    let mut seen = [0; 2];
    for text in sdp.split("\nm=").skip(1) {
        let video = text.starts_with("video ");
        if !video && !text.starts_with("audio ") {
            continue;
        }
        let mut of_its_kind = Source::ALL.into_iter().filter(|source| source.is_video() == video);
        let source = of_its_kind.nth(seen[usize::from(video)]);
        seen[usize::from(video)] += 1;
        if let Some(source) = source {
            sections[source] = section(text);
        }
    }
    sections
}

fn section(text: &str) -> Option<Section> {
    let mut lines = text.lines();
    let port = lines.next()?.split(' ').nth(1)?;
    let (mut section, mut repeats, mut streams, mut bundled) = (Section::default(), None, Vec::new(), false);
    for line in lines {
        if let Some(mid) = line.strip_prefix("a=mid:") {
            section.mid = mid.trim().to_owned();
        } else if let Some(group) = line.strip_prefix("a=ssrc-group:FID ") {
            // The stream, and the one that repeats it (RFC 4588, section 8.7).
            repeats = repeats.or_else(|| group.split_whitespace().nth(1)?.parse::<u32>().ok());
        } else if let Some(stream) = line.strip_prefix("a=ssrc:") {
            streams.extend(stream.split(' ').next().and_then(|ssrc| ssrc.parse::<u32>().ok()));
        } else if line == "a=bundle-only" {
            bundled = true;
        }
    }
    section.ssrc = streams.into_iter().find(|ssrc| Some(*ssrc) != repeats);
    // Port 0 refuses a section, except where it only says that it is nowhere but in the bundle (RFC 9143, section 6).
    (port != "0" || bundled).then_some(section)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(sections: &[&str]) -> String {
        let ends = "a=mid:";
        let head = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n".to_owned();
        sections
            .iter()
            .enumerate()
            .fold(head, |sdp, (n, line)| format!("{sdp}m={line} UDP/TLS/RTP/SAVPF 111\r\n{ends}{n}\r\n"))
    }

    fn mids(sdp: &str) -> [Option<String>; 4] {
        let found = sections(sdp);
        Source::ALL.map(|source| found[source].clone().map(|section| section.mid))
    }

    #[test]
    fn sections_are_known_by_their_place_among_their_kind() {
        let at = |n: usize| Some(n.to_string());
        let five = ["audio 9", "video 9", "video 9", "audio 9", "application 9"];
        assert_eq!(mids(&text(&five)), [at(0), at(1), at(2), at(3)]);
        assert_eq!(mids(&text(&["audio 9", "video 9", "application 9"])), [at(0), at(1), None, None]);
        assert_eq!(mids(&text(&["video 9", "audio 9"])), [at(1), at(0), None, None]);
        let refused = ["audio 9", "video 0", "video 9", "audio 0"];
        assert_eq!(mids(&text(&refused)), [at(0), None, at(2), None]);
        assert_eq!(mids(&text(&["audio 9"; 5])), [at(0), None, None, at(1)], "more than there are sources");
        let bundled = text(&["audio 0"]) + "a=bundle-only\r\n";
        assert_eq!(mids(&bundled), [at(0), None, None, None]);
    }

    #[test]
    fn the_stream_of_a_section_is_not_the_one_that_repeats_it() {
        let repeated = "a=ssrc-group:FID 7 8\r\na=ssrc:8 cname:x\r\na=ssrc:7 cname:x\r\n";
        for (lines, expected) in [(repeated, Some(7)), ("a=ssrc:9 cname:x\r\n", Some(9)), ("", None)] {
            let found = sections(&(text(&["video 9"]) + lines));
            assert_eq!(found[Source::Camera].as_ref().and_then(|section| section.ssrc), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(sdp in "(\nm=(audio|video) [09]|\na=(mid|ssrc|ssrc-group:FID):?|.|\n){0,40}") {
            let _ = sections(&sdp);
        }
    }
}
