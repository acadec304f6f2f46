"""Diagnosis: what is wrong with a training, in words, with evidence and what to change.

A `Rule` looks for one kind of fault in the `Evidence` of a training and returns findings.
`callbacks.Diagnosis` gathers the evidence in any `fit`; docs/diagnosis.md describes the kinds.
"""

from mlp_lab.diagnosis import rules
from mlp_lab.diagnosis.diagnosis import SECONDS, Diagnosis, standard
from mlp_lab.diagnosis.evidence import Evidence
from mlp_lab.diagnosis.finding import CAUSES, KINDS, SYMPTOMS, Finding, ranked
from mlp_lab.diagnosis.rule import Rule
from mlp_lab.diagnosis.subject import Subject, subject_of

__all__ = [
    "CAUSES",
    "KINDS",
    "SECONDS",
    "SYMPTOMS",
    "Diagnosis",
    "Evidence",
    "Finding",
    "Rule",
    "Subject",
    "ranked",
    "rules",
    "standard",
    "subject_of",
]
