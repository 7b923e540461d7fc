"""Models, tabs and tools of Image Spaces; see docs/architecture.md."""

import os

# Read when numpy is first imported. Its threads for matrix products look out for the next product, for a
# fortieth of a second by default, on cores that the networks need; 2^6 cycles are hardly any time.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "6")
