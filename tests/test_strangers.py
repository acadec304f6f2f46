"""Saved models and names that others made: no code is run, nothing is written elsewhere."""

import zipfile

import keras
import numpy as np
import pytest
from process import ROOT, train

import mlp_lab


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_saved_model_that_holds_code_is_refused(name, tmp_path):
    sprung = tmp_path / "sprung"
    code = eval(f"lambda x: (__import__('pathlib').Path({str(sprung)!r}).touch(), x)[1]")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(code)])
    model.save(tmp_path / name)
    sprung.unlink()
    with pytest.raises(ValueError, match=r"safe_mode|arbitrary code"):
        mlp_lab.load_model(tmp_path / name)
    assert not sprung.exists()
    keras.saving.load_model(tmp_path / name, safe_mode=False)(np.zeros((1, 2)))
    assert sprung.exists()  # the trap works


def test_names_in_a_saved_model_do_not_lead_out_of_it(tmp_path):
    path = tmp_path / "inner" / "model.keras"
    path.parent.mkdir()
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    model.save(path)
    with zipfile.ZipFile(path, "a") as archive:
        for name in ("../evil", "../../evil", "assets/../../evil", str(tmp_path / "evil")):
            archive.writestr(name, "evil")
    with pytest.warns(UserWarning, match="Skipping invalid path"):
        loaded = mlp_lab.load_model(path)
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])
    assert {*tmp_path.rglob("*")} == {path.parent, path}


def test_an_archive_that_is_no_model(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.keras", "w"):
        pass
    with pytest.raises(ValueError, match="not a file that Keras saved"):
        mlp_lab.load_model(tmp_path / "model.keras")


NET = """
import keras
import mlp_lab

@keras.saving.register_keras_serializable()
class Net(mlp_lab.Model):
    def __init__(self):
        super().__init__(name="..")
        self.flat = keras.layers.Flatten(name="...")
        self.dense = mlp_lab.layers.Dense(10, name="..")
    def call(self, inputs):
        return self.dense(self.flat(keras.ops.cast(inputs, 'float32')))
"""


def test_names_of_layers_and_metrics_do_not_lead_out_of_the_run(tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    (here / "mine.py").write_text(NET)
    done = train(
        "--data_source=sample", "--epochs=1", "--name=run", f"--log_dir={tmp_path}/logs/below",
        "--model=mine:Net", "--metrics=accuracy(name='../../../evil'),mse(name='/evil')",
        home=tmp_path / "home", entry=("-B", str(ROOT / "train.py")), cwd=here,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    run = tmp_path / "logs" / "below" / "run"
    allowed = {*run.rglob("*"), run, run.parent, run.parent.parent, here, here / "mine.py"}
    home = tmp_path / "home"  # Keras writes its settings there
    assert {p for p in tmp_path.rglob("*") if home not in (p, *p.parents)} == allowed
    assert any((run / "train").iterdir())
