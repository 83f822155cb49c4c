"""Shows how far calculations have come."""

from __future__ import annotations

import sys
from typing import Any, Callable, TextIO

from .channel import Progress


class ProgressBar:
    """A tqdm bar of the self-consistent field under way; plain lines where tqdm is missing.

    Pass it as ``on_progress``. The bar counts how far the estimated accuracy has come to its threshold, in
    orders of magnitude; its text says iteration, accuracy and, before it starts, the place in the queue.
    """

    def __init__(self, stream: TextIO = sys.stderr, threshold_ry: float = 1e-6) -> None:
        self._stream = stream
        self._threshold = threshold_ry
        self._bar: Any = None
        self._first: float | None = None

    def __call__(self, progress: Progress) -> None:
        state = progress["state"]
        if state == "queued":
            place = progress["place"]
            self._show(0.0, "queued" if place is None else f"queued, place {place}")
        elif state == "running":
            self._show(self._fraction(progress["estimated_accuracy_ry"]), _describe(progress))

    def _fraction(self, accuracy: float | None) -> float:
        from math import log10

        if accuracy is None or accuracy <= 0:
            return 0.0
        if self._first is None or accuracy > self._first:
            self._first = accuracy
        span = log10(self._first / self._threshold)
        return min(1.0, log10(self._first / accuracy) / span) if span > 0 else 1.0

    def _show(self, fraction: float, text: str) -> None:
        bar = self._bar
        if bar is None:
            bar = self._bar = _tqdm(self._stream)
        if bar is False:
            print(f"DFT {100 * fraction:3.0f} % {text}", file=self._stream)
            return
        bar.n = round(100 * fraction)
        bar.set_description_str(f"DFT, {text}", refresh=False)
        bar.refresh()

    def close(self) -> None:
        """Ends the bar of an episode; the next one starts anew."""
        if self._bar:
            self._bar.close()
        self._bar = None
        self._first = None


def _describe(progress: Progress) -> str:
    iteration, accuracy = progress["iteration"], progress["estimated_accuracy_ry"]
    parts = [f"iteration {iteration}" if iteration is not None else "starting"]
    if accuracy is not None:
        parts.append(f"{accuracy:.1e} Ry")
    parts.append(f"{progress['elapsed_seconds']:.0f} s")
    return ", ".join(parts)


def _tqdm(stream: TextIO) -> Any:
    try:
        from tqdm import tqdm
    except ImportError:
        return False
    return tqdm(total=100, file=stream, leave=False, bar_format="{desc} {bar} {percentage:3.0f}%")


def as_callback(progress: bool | Callable[[Progress], None] | None) -> Callable[[Progress], None] | None:
    """What a ``progress`` argument means: True is a bar, False and None nothing, a callable itself."""
    if progress is True:
        return ProgressBar()
    return progress or None
