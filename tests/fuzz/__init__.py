"""Tests with made-up input: Hypothesis makes it, and shrinks what breaks an invariant."""
