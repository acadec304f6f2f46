"""Diagnosis: what is wrong with a training, in words, with evidence and what to change."""
