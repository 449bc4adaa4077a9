//! Packets that carry those before them (RFC 2198), on networks drawn at random.

use super::*;

/// A minute of talk whose packets carry those so many before them, without in-band FEC; and what it was like.
fn minute(network: Network, copies: &'static [usize], seed: u64) -> Listener {
    let mut arrivals = deliver(network, 60, seed);
    for arrival in &mut arrivals {
        let rtp = rtp_of(&arrival.payload).unwrap();
        arrival.payload = plain(rtp);
    }
    let mut listener = Listener::new();
    (listener.copies, listener.record) = (copies, false);
    listener.play(&arrivals, 60_000_000, 1);
    listener
}

fn plain(rtp: i64) -> Bytes {
    PLAIN.into_iter().chain(rtp.to_le_bytes()).collect()
}

fn concealed(listener: &Listener) -> f64 {
    let statistics = listener.buffer.statistics();
    statistics.concealed_samples as f64 / statistics.total_samples as f64
}

#[test]
fn two_copies_repair_what_is_lost_by_chance() {
    for seed in 0..12u64 {
        let mut random = Random(seed.wrapping_mul(7_919) + 1);
        random.unit();
        let loss = 0.05 + 0.3 * random.unit();
        let network = Network { loss, burst: 1.0 / (1.0 - loss), sigma_ms: 10.0 * random.unit(), ..CLEAN };
        let two = minute(network, &[2, 1], seed);
        // Three in a row are beyond them; and the first losses, which were not expected.
        let most = loss.powi(3) + 0.015;
        assert!(concealed(&two) < most, "{seed}: {loss:.2} lost, {:.4} concealed", concealed(&two));
        let lost = two.buffer.statistics().lost_packets as f64 / 3_000.0;
        assert!((lost / loss - 1.0).abs() < 0.3, "{seed}: of {loss:.2} lost {lost:.2} are told");
        assert!(two.highest_delay() < 140.0, "{seed}: {} ms", two.highest_delay());
    }
}

#[test]
fn copies_that_lie_farther_back_repair_rows_of_losses() {
    let mut better = 0;
    for seed in 0..12 {
        let network = Network { loss: 0.15, burst: 3.0, ..CLEAN };
        let [near, spread] = [[2, 1], [4, 2]].map(|copies| {
            let copies: &'static [usize] = if copies == [2, 1] { &[2, 1] } else { &[4, 2] };
            concealed(&minute(network, copies, seed))
        });
        better += usize::from(spread < near);
        assert!(spread < 0.08, "{seed}: {spread}");
    }
    assert!(better >= 10, "{better} of 12");
}

#[test]
fn copies_that_nobody_needs_change_nothing() {
    for seed in 0..4 {
        let network = Network { sigma_ms: 8.0, reordered: 0.03, duplicated: 0.03, ..CLEAN };
        let (with, without) = (minute(network, &[2, 1], seed), minute(network, &[], seed));
        let figures = |listener: &Listener| {
            let statistics = listener.buffer.statistics().clone();
            (statistics.duplicate_packets, statistics.received_packets, statistics.restarts)
        };
        assert_eq!(figures(&with), figures(&without));
        assert!(with.highest_delay() <= without.highest_delay() + 45.0);
        assert!(concealed(&with) <= concealed(&without));
    }
}

#[test]
fn copies_of_strangers_are_not_played() {
    let mut listener = Listener::new();
    let arrivals = deliver(CLEAN, 2, 1);
    listener.play(&arrivals, 1_000_000, 1);
    for n in 0..200u32 {
        let (sequence, timestamp) = ((n * 331) as u16, n.wrapping_mul(21_474_836));
        listener.buffer.insert_copy(sequence, timestamp, plain(i64::from(timestamp)));
    }
    let later = arrivals.iter().position(|arrival| arrival.micros > 1_000_000).unwrap();
    listener.play(&arrivals[later..], 2_000_000, 1);
    assert_eq!(concealed(&listener), 0.0);
    assert_eq!(listener.buffer.statistics().copied_packets, 0);
}
