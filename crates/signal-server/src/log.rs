//! What may reach a log.

/// The filter of every program of ours, in `tracing-subscriber`'s words, for what a person asked for (`debug`, say), or the `usual` level.
///
/// A bare level is taken for our own crates only: others log network addresses. Whoever writes a whole filter gets it.
pub fn log_filter(asked: Option<&str>, usual: &str) -> String {
    match asked.map(str::trim).filter(|asked| !asked.is_empty()) {
        Some(filter) if filter.contains(['=', ',']) => filter.to_owned(),
        level => format!("off,tincan={}", level.unwrap_or(usual)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_for_our_own_crates() {
        assert_eq!(log_filter(None, "warn"), "off,tincan=warn");
        assert_eq!(log_filter(Some("debug"), "info"), "off,tincan=debug");
        assert_eq!(log_filter(Some("rtc_ice=debug"), "warn"), "rtc_ice=debug");
    }
}
