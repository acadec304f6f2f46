"""Sweeps: many runs that differ in some of their options."""
