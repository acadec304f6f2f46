"""Flagfiles as editors and people write them; mistakes are named with file and line."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlp_lab.errors import InputError
from mlp_lab.options import flags
from mlp_lab.options.config import Config


@pytest.fixture
def parse(tmp_path, monkeypatch):
    """Parses a flagfile `a.flags` of this content."""
    monkeypatch.chdir(tmp_path)

    def parsed(content, *arguments):
        content = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "a.flags").write_bytes(content)
        return flags.parse(["--flagfile=a.flags", *arguments])

    return parsed


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF8 + b"# mine\r\n--epochs=3\r\n",
        codecs.BOM_UTF8 + b"--epochs=3",
        "--epochs=3  # short",
        "--epochs=3\t#short",
        "--epochs=3 #",
        "  --epochs=3   ",
        "# a 'comment\n--epochs=3\n  # it's one\n// and one",
        "--epochs='3'  # it's quoted",
        '--epochs="3"',
        "--epochs\n3 # two lines",
    ],
)
def test_epochs_are_three(content, parse):
    assert parse(content).epochs == 3


VALUES = {
    "--log_dir=run#2": "run#2",
    "--log_dir=a/#b": "a/#b",
    "--log_dir=a #b": "a",
    '--log_dir="my runs #1"': "my runs #1",
    "--log_dir='my runs #1'  # the first": "my runs #1",
    "--log_dir=/data/Bob's runs  # mine": "/data/Bob's runs",
    '--log_dir="a ""b"" # c"': 'a "b" # c',
    "--log_dir='it''s'": "it's",
    "--log_dir='a' b": "'a' b",
    "--log_dir=x 'a # b' # c": "x 'a # b'",
}


@pytest.mark.parametrize("line", VALUES)
def test_what_belongs_to_a_value(line, parse):
    assert parse(line).log_dir == VALUES[line]


def test_arguments_of_parts_keep_their_quotes(parse):
    line = "--model=mine:Net(name='a # b', other=\"c\")  # 'mine'"
    assert parse(line).model == "mine:Net(name='a # b', other=\"c\")"
    assert parse("--optimizer='adam(beta_1=0.8)'").optimizer == "adam(beta_1=0.8)"


@given(st.text("ab'\"# =\\/-", min_size=1, max_size=12).filter(lambda text: text == text.strip()))
def test_every_value_is_read_back_from_the_file_of_a_run(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("flags") / "flags.txt"
    config = Config(log_dir=text, probe_layers="a #'\"b")
    path.write_text(flags.to_text(config))
    assert flags.parse([f"--flagfile={path}"]) == config


MISTAKES = {
    "--epochs=3\n\n--epochs=x # three": "a.flags:3: --epochs: expected a whole number, got 'x'",
    "--epochs=0": "a.flags:1: --epochs: expected a whole number of at least 1, got 0",
    "# one\n--learing_rate=1": "a.flags:2: --learing_rate: no such flag (did you mean",
    "--seed=1\nepochs=3": "a.flags:2: unexpected argument 'epochs=3'",
    "--seed=1\n--noshuffle=1": "a.flags:2: --shuffle: --noshuffle takes no value",
    "--shuffle=perhaps": "a.flags:1: --shuffle: expected true or false, got 'perhaps'",
    "--seed=1\n--epochs": "a.flags:2: --epochs: expected a whole number, got '--batch_size=4'",
    "--seed=1\n--flagfile=none.flags": "a.flags:2: --flagfile: cannot be read: .*none.flags",
    "\n--flagfile=": "a.flags:2: --flagfile: needs a value",
}


@pytest.mark.parametrize("content", MISTAKES)
def test_mistakes_are_named_by_file_and_line(content, parse):
    with pytest.raises(InputError) as caught:
        parse(content, "--batch_size=4")
    start, _, end = MISTAKES[content].partition(".*")
    assert str(caught.value).startswith(start)
    assert end in str(caught.value)
    assert "\n" not in str(caught.value)


def test_mistakes_of_nested_files_and_of_the_command_line(parse, tmp_path):
    (tmp_path / "b.flags").write_text("--batch_size=0\n")
    with pytest.raises(InputError, match=r"^b\.flags:1: --batch_size: .*got 0") as caught:
        parse("--seed=1\n--flagfile=b.flags\n--epochs=2")
    assert caught.value.option == "batch_size"
    for wrong in ("--epochs=x", "--epochs=0", "--eposhs=1"):
        with pytest.raises(InputError, match=r"^--epo"):
            parse("--epochs=1\n--seed=2", wrong)
    with pytest.raises(InputError, match=r"^a\.flags:1: --epochs: expected a whole number, got"):
        parse("--epochs=x", "--epochs=y")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_refused_in_one_line(encoding, parse):
    with pytest.raises(
        InputError, match=r"--flagfile: cannot be read: 'a.flags' is UTF-16; save it"
    ):
        parse("--epochs=3\n".encode(encoding))
