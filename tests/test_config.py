"""Options: one definition for flags and library, and back to a flagfile."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from process import ROOT

import mlp_lab.config
import mlp_lab.data.__main__
import mlp_lab.flags
from mlp_lab import commands
from mlp_lab.__main__ import main
from mlp_lab.errors import InputError
from mlp_lab.options import flags
from mlp_lab.options.config import Config
from mlp_lab.options.option import flag_name
from mlp_lab.options.user_data import UserDataOptions

OPTIONS = {
    "dataset": st.sampled_from(["mnist", "fashion_mnist"]),
    "data_memory_mb": st.integers(1, 10**6),
    "data_source": st.sampled_from(["auto", "sample", "download"]),
    "model": st.sampled_from(["mlp", "mlp(use_bias=False)", "my.models:Net(a=[1, 2], b='x,y')"]),
    "hidden_units": st.none() | st.lists(st.integers(1, 4096), max_size=5).map(tuple),
    "activation": st.none() | st.sampled_from(["tanh", "selu", "leaky_relu(alpha=0.3)", "mine:f"]),
    "dropout": st.none() | st.floats(0, 1, exclude_max=True),
    "kernel_initializer": st.none() | st.sampled_from(["zeros", "truncated_normal_0.1"]),
    "data": st.none() | st.just("people.csv"),
    "label_smoothing": st.none() | st.floats(0, 1, exclude_max=True),
    "parametrization": st.none() | st.just("ntk"),
    "input_scaling": st.none() | st.booleans(),
    "numerical_embedding": st.none() | st.just("periodic"),
    "embedding_dim": st.none() | st.integers(2, 4096),
    "loss": st.sampled_from(["mse", "binary_crossentropy", "mine:Loss(gamma=2.0)"]),
    "from_logits": st.booleans(),
    "labels": st.sampled_from(["auto", "one_hot", "integer"]),
    "metrics": st.lists(
        st.sampled_from(["accuracy", "mse", "a.b:C(k=(1, 2), s='(,')", "confusion"]), unique=True
    ).map(tuple),
    "optimizer": st.sampled_from(["adam", "sgd(momentum=0.9, nesterov=True)"]),
    "learning_rate": st.floats(1e-30, 1e30),
    "learning_rate_schedule": st.sampled_from(["constant", "linear", "cosine", "coslog4"]),
    "learning_rate_warmup": st.integers(0, 10**9),
    "validation_split": st.floats(0, 1, exclude_max=True),
    "batch_size": st.integers(1, 10**9),
    "epochs": st.integers(1, 10**9),
    "keep": st.sampled_from(["last", "best"]),
    "monitor": st.sampled_from(["loss", "a,b c"]),
    "monitor_direction": st.sampled_from(["auto", "max", "min"]),
    "patience": st.integers(0, 10**9),
    "shuffle": st.booleans(),
    "seed": st.integers(0, 2**31 - 1),
    "deterministic": st.booleans(),
    "jit_compile": st.none() | st.booleans(),
    "histogram_every": st.just("auto") | st.integers(0, 10**9),
    "probes": st.lists(
        st.sampled_from(["weights", "gradients", "mine:Probe(n=2)"]), unique=True
    ).map(tuple),
    "probe_layers": st.none() | st.sampled_from(["hidden_1|outputs", "^a.*b$", "a,b c"]),
    "pictures_every": st.integers(0, 10**9),
    "diagnose": st.sampled_from(["on", "off", "full"]),
    "diagnose_seconds": st.floats(0, 1e6),
    "rules": st.lists(st.sampled_from(["loss", "dead", "mine:Rule(n=2)"]), unique=True).map(tuple),
    "checkpoint_every": st.sampled_from(["0", "500", "30s", "1.5m"]),
    "keep_checkpoints": st.integers(1, 100),
    "log_dir": st.sampled_from(["logs", "/somewhere/else", "with space", "a=b"]),
    "verbose": st.sampled_from(["bar", "none"]),
    "worker_timeout": st.sampled_from(["30s", "1.5m"]),
}


def test_every_option_is_drawn_or_left_out_on_purpose():
    left_out = {"data_dir", "precision", "run_eagerly", "name", "overwrite", "resume", "strategy"}
    left_out |= {"accept_changes"}
    # These need --data; below.
    left_out |= {field.name for field in dataclasses.fields(UserDataOptions)} - {"data"}
    assert {field.name for field in dataclasses.fields(Config)} == {*OPTIONS, *left_out}


@given(st.fixed_dictionaries({}, optional=OPTIONS))
def test_flagfile_gives_the_config_again(options):
    if options.get("histogram_every") == "auto":
        options = {**options, "deterministic": False}  # excludes it
    if options.get("data"):  # excludes these
        options = {n: v for n, v in options.items() if n not in ("dataset", "data_source")}
    if options.keys() & {"keep", "monitor_direction", "patience"}:
        options = {"monitor": "loss", **options}  # which they need
    config = Config(**options)
    assert flags.parse(flags.to_text(config).splitlines()) == config


def test_flagfile_gives_the_options_of_own_data_again():
    given = {
        "data": "my data.csv",
        "target": 'a,"b, c"',
        "task": "numbers",
        "columns": 'age:number,"zip, code":category',
        "test_data": "other data.csv",
        "test_split": 0.1,
        "group": "the person",
        "class_weight": "yes:2,no:0.5",
        "arrays": "x=features,y=labels",
        "image_size": "28x32",
        "color": "gray",
        "delimiter": "semicolon",
        "quote": "'",
        "decimal": ",",
        "header": "no",
        "encoding": "cp1252",
        "missing": "n.a.,?",
    }
    config = Config(**given)
    again = flags.parse(flags.to_text(config).splitlines())
    assert again == config
    assert {*given, "time"} == {field.name for field in dataclasses.fields(UserDataOptions)}


def test_flagfile_names_no_folder_of_its_own():
    text = flags.to_text(Config(name="mine", overwrite=True))
    assert "name=" not in text
    assert "overwrite" not in text


def test_defaults_are_the_shipped_configuration():
    config = flags.parse([f"--flagfile={ROOT}/configs/fashion_mnist.flags"])
    defaults = dataclasses.replace(Config(), hidden_units=(256, 128, 64, 32), activation="relu")
    chosen = {"loss": "categorical_crossentropy", "metrics": ("accuracy", "mean_squared_error")}
    defaults = dataclasses.replace(defaults, **chosen)  # of published data sets
    assert config == defaults == flags.parse(flags.to_text(config).splitlines())


def test_later_flags_win(tmp_path):
    (tmp_path / "a.flags").write_text("--epochs=3\n\n# a comment\n--batch_size=7\n")
    config = flags.parse([f"--flagfile={tmp_path}/a.flags", "--epochs=4"])
    assert (config.epochs, config.batch_size) == (4, 7)
    assert flags.parse(["--epochs=4", f"--flagfile={tmp_path}/a.flags"]).epochs == 3


def test_config_checks_like_the_flags():
    assert Config(hidden_units=[3, 4]).hidden_units == (3, 4)
    with pytest.raises(InputError, match="--epochs: expected a whole number of at least 1, got 0"):
        Config(epochs=0)
    with pytest.raises(InputError, match=r"--seed: .*got True"):
        Config(seed=True)
    with pytest.raises(InputError, match="--shuffle: expected true or false, got 1"):
        Config(shuffle=1)
    with pytest.raises(InputError, match=r"--learning_rate: .*got '0.1'"):
        Config(learning_rate="0.1")
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().epochs = 2


@pytest.mark.parametrize("name", commands.names())
def test_every_flag_of_a_command_is_in_its_help(name, capsys):
    assert main(["mlp-lab", name, "--help"]) == 0
    text = capsys.readouterr().out
    for field in dataclasses.fields(commands.load(name).options):
        flag = flag_name(field)
        assert f"  --{flag}=" in text or f"  --[no]{flag}\n" in text
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "{program}" not in text


def test_help_without_a_command_is_that_of_train_and_lists_the_commands(capsys):
    assert main(["mlp-lab", "--help"]) == 0
    text = capsys.readouterr().out
    assert "--epochs=N" in text
    for name in commands.names():
        assert f"  {name}\n      {commands.load(name).summary}\n" in text


def test_train_is_the_command_of_flags_alone(capsys):
    assert main(["mlp-lab", "--epochs=0"]) == main(["mlp-lab", "train", "--epochs=0"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert (
        first
        == second
        == ("mlp-lab: error: --epochs: expected a whole number of at least 1, got 0")
    )


def test_programs_written_for_the_old_places_still_import():
    assert mlp_lab.config.Config is Config
    assert mlp_lab.flags.parse is flags.parse
    assert mlp_lab.data.__main__.main(["x", "convert", "--help"]) == 0
