"""What all work on all connections shares."""

from __future__ import annotations

import collections.abc as cabc

#: Is told how many more rows were looked at.
Progress = cabc.Callable[[int], object]

#: Rows in a page, if nobody says otherwise.
BATCH = 500
