"""The attacks of tests/attacks/, and that docs/reliability.md promises nothing without one."""

import re

import pytest
from attacks import Unavailable, all_attacks
from process import ROOT

ATTACKS = all_attacks()


@pytest.mark.parametrize(
    "name", [name if a.quick else pytest.param(name, marks=pytest.mark.slow)
             for name, a in ATTACKS.items()]
)  # fmt: skip
def test_holds(name, tmp_path):
    try:
        ATTACKS[name].run(tmp_path)
    except Unavailable as reason:
        pytest.skip(str(reason))


def test_every_promise_has_an_attack_and_every_attack_a_promise():
    promises = (ROOT / "docs" / "reliability.md").read_text().partition("## Promises")[2]
    rows = re.findall(r"^\| (?!what is|---)(.+?) \| (.+?) \|$", promises.partition("\n## ")[0], re.M)
    named = [set(re.findall(r"`([a-z_]+/\w+)`", attacks)) for _, attacks in rows]
    assert all(named), "a promise without an attack"
    assert set().union(*named) == set(ATTACKS)
