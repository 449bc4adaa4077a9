"""How well speech is understood that was said in a loop and heard over a network: PESQ (ITU-T P.862.2, wideband).

    python rate_speech.py SAID.wav HEARD.wav SECONDS

Says the mean of pieces of the last SECONDS of what was heard, as JSON: {"pesq": 3.9, "pieces": [...]}. Each piece is laid
beside the words that it has most in common with, since a jitter buffer stretches and shortens what is between them.
"""

import json
import sys
import wave

import numpy as np
import pesq

RATE = 16_000
PIECE = 8 * RATE
# What a jitter buffer moves from one piece to the next.
MOVES = RATE // 2
# What no words were heard in is as bad as it gets.
NOTHING = 1.0


def load(path):
    with wave.open(path) as file:
        rate, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
        data = file.readframes(file.getnframes())
    if width != 2 or rate % RATE != 0:
        sys.exit(f"{path}: 16 bit at a multiple of {RATE} Hz is read here, and not {8 * width} bit at {rate} Hz")
    sound = np.frombuffer(data, dtype="<i2").astype(np.float64).reshape(-1, channels).mean(axis=1)
    return thinned(sound, rate // RATE)


def thinned(sound, by):
    """Every so many-th sample, after a low pass."""
    if by == 1:
        return sound
    at = np.arange(-32 * by, 32 * by + 1)
    kernel = np.sinc(at * 0.9 / by) * np.hanning(len(at)) * 0.9 / by
    return np.convolve(sound, kernel, "same")[::by]


def likeness(words, piece):
    """How much `piece` has in common with `words` from each sample of them on."""
    size = len(words) + len(piece)
    size = 1 << (size - 1).bit_length()
    spectrum = np.fft.rfft(words, size) * np.conj(np.fft.rfft(piece, size))
    return np.fft.irfft(spectrum, size)[: len(words) - len(piece) + 1]


def rate(said, heard):
    # Somewhere in a round of the words any piece begins.
    words = np.tile(said, 2 + PIECE // len(said))[: len(said) + PIECE]
    begins, rated = None, []
    for at in range(0, len(heard) - PIECE + 1, PIECE):
        piece = heard[at : at + PIECE]
        alike = likeness(words, piece)
        if begins is None:
            begins = int(np.argmax(alike))
        else:
            near = (np.arange(begins + PIECE - MOVES, begins + PIECE + MOVES)) % len(said)
            begins = int(near[np.argmax(alike[near])])
        try:
            rated.append(pesq.pesq(RATE, pcm(words[begins : begins + PIECE]), pcm(piece), "wb"))
        except pesq.NoUtterancesError:
            rated.append(NOTHING)
    return rated


def pcm(sound):
    return np.clip(sound, -32768, 32767).astype(np.int16)


def main():
    said, heard, seconds = sys.argv[1:]
    pieces = rate(load(said), load(heard)[-int(float(seconds) * RATE) :])
    mean = sum(pieces) / len(pieces) if pieces else None
    print(json.dumps({"pesq": mean, "pieces": [round(one, 2) for one in pieces]}))


main()
