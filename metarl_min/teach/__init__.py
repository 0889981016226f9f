"""Coursework: what goes wrong, and how it is told."""
