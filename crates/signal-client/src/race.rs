//! The first of several addresses that answers (RFC 8305, "happy eyeballs"): a broken IPv6 path or an address of
//! another network must not hold up a call.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;

/// RFC 8305, section 5: "Connection Attempt Delay", recommended value.
const STAGGER: Duration = Duration::from_millis(250);
/// More addresses than any real host has are not tried.
const MAX_ADDRESSES: usize = 16;

/// Tries each address, each a little later than the one before or at once when that failed; returns the first
/// success and drops the other attempts.
pub(crate) async fn first<T, F>(
    addresses: Vec<SocketAddr>,
    attempt: impl Fn(SocketAddr) -> F,
) -> io::Result<T>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    let mut waiting = addresses.into_iter().take(MAX_ADDRESSES);
    let mut attempts = JoinSet::new();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no address");
    loop {
        let more = match waiting.next() {
            Some(address) => {
                attempts.spawn(attempt(address));
                true
            }
            None => false,
        };
        tokio::select! {
            done = attempts.join_next() => match done {
                Some(Ok(Ok(success))) => return Ok(success),
                Some(Ok(Err(error))) => last = error,
                Some(Err(_)) => {}
                None if more => {}
                None => return Err(last),
            },
            () = tokio::time::sleep(STAGGER), if more => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(count: u16) -> Vec<SocketAddr> {
        (1..=count).map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_never_answers_holds_nothing_up() {
        let begin = tokio::time::Instant::now();
        let winner = first(addresses(3), |address| async move {
            match address.port() {
                1 => std::future::pending().await,
                2 => Err(io::Error::other("refused")),
                port => Ok(port),
            }
        });
        assert_eq!(winner.await.unwrap(), 3);
        assert!(begin.elapsed() < STAGGER * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn when_none_answers_the_last_error_is_told() {
        let nobody = first::<(), _>(addresses(2), |_| async { Err(io::Error::other("refused")) });
        assert_eq!(nobody.await.unwrap_err().to_string(), "refused");
        assert!(first::<(), _>(Vec::new(), |_| async { Ok(()) }).await.is_err());
    }
}
