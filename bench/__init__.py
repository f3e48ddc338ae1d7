"""Measurements of this machine, by hand: ``make bench``. Never part of a timed test."""
