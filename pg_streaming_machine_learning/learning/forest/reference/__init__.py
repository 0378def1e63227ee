"""The forest in plain Python: slow, readable, and normative. The compiled one gives the same bits.

To be read in this order: `statistics`, what is known of a class; `leaf`, what is said by it; `candidate` and
`split`, where a leaf may be split; `tree`; `resting`, how memory is kept bounded; `adwin`, the detector of
change; `member`, a tree that votes and one in the background; `reasons`; `forest`; `stored`, the state as
arrays.

Numbers that last are kept in 32 bits where the docstrings say so, and everything is computed in 64, in the
order that is written here.
"""

from __future__ import annotations

from pg_streaming_machine_learning.learning.forest.reference.forest import ReferenceForest

__all__ = ["ReferenceForest"]
