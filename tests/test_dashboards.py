"""Every dashboard of a real TensorBoard server on a run of train.py."""

import json
import urllib.parse

import events
import numpy as np
import pytest
from process import train
from server import serving

CLASSES = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat")  # the first of ten


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    arguments = ["--data_source=sample", "--epochs=1", "--histogram_every=20", "--name=run"]
    done = train(*arguments, f"--log_dir={home}/logs", home=home)
    assert done.returncode == 0, done.stderr
    return home / "logs" / "run"


@pytest.fixture(scope="module")
def server(run):
    with serving(run.parent) as server:
        server.wait_for(lambda: "run/validation" in server.json("plugin/scalars/tags"))
        server.wait_for(lambda: "pictures/confusion" in str(server.json("plugin/images/tags")))
        yield server


def test_nothing_is_hidden(server):
    expected = ["scalars", "custom_scalars", "images", "graphs", "distributions", "histograms"]
    expected += ["text", "pr_curves", "hparams", "projector", "timeseries"]

    def active():
        plugins = server.json("plugins_listing")
        return set(expected) <= {name for name, plugin in plugins.items() if plugin["enabled"]}

    assert server.wait_for(active)  # the projector's takes a moment to be found


def test_scalars_and_histograms_are_those_of_the_files(server, run):
    stored = events.read(run / "train")
    for plugin in ("scalars", "histograms"):
        for tag in server.json(f"plugin/{plugin}/tags")["run/train"]:
            route = f"plugin/{plugin}/{plugin}"
            shown = server.json(route, run="run/train", tag=tag)
            assert [step for _, step, _ in shown] == sorted(stored[tag])
            for _, step, value in shown:
                np.testing.assert_allclose(value, stored[tag][step], rtol=1e-6)


def test_histograms_and_distributions(server):
    tags = server.json("plugin/histograms/tags")["run/train"]
    groups = {tag.split("/")[0] for tag in tags}
    assert groups == {"weights", "gradients", "activations", "updates"}
    assert sum(tag.startswith("gradients/") for tag in tags) == 10
    shown = server.json(
        "plugin/distributions/distributions", run="run/train", tag="activations/hidden_1"
    )
    assert [step for _, step, _ in shown] == [0, 20, 40]


def test_pictures(server):
    tags = server.json("plugin/images/tags")["run"]
    names = ("confusion", "first_images", "kernels", "mistakes")
    assert set(tags) == {f"pictures/{name}" for name in names}
    for tag in tags:
        image = server.json("plugin/images/images", run="run", tag=tag, sample=0)[-1]
        query = dict(urllib.parse.parse_qsl(image["query"]))
        assert server.get("plugin/images/individualImage", **query).startswith(b"\x89PNG")


def test_hparams(server, run):
    experiment = server.json("plugin/hparams/experiment", body={})
    options = {info["name"] for info in experiment["hparamInfos"]}
    assert {"batch_size", "learning_rate", "optimizer", "seed", "probes"} <= options
    metrics = [info["name"] for info in experiment["metricInfos"]]
    shown = [{"metric": name, "includeInResult": True} for name in metrics]
    body = {
        "colParams": [*shown, {"hparam": "batch_size", "includeInResult": True}],
        "allowedStatuses": ["STATUS_SUCCESS"],
        "startIndex": 0,
        "sliceSize": 10,
    }
    (row,) = server.json("plugin/hparams/session_groups", body=body)["sessionGroups"]
    assert row["hparams"] == {"batch_size": 128.0}
    values = {(m["name"]["group"], m["name"]["tag"]): m["value"] for m in row["metricValues"]}
    history = json.loads((run / "run.json").read_text())["history"]
    for log, curve in history.items():
        group = "validation" if log.startswith("val_") else "train"
        tag = f"epoch_{log.removeprefix('val_')}"
        np.testing.assert_allclose(values[group, tag], curve[-1], rtol=1e-6)


def test_text(server):
    assert "run" in server.json("plugin/text/tags")["run"]
    shown = server.json("plugin/text/text", run="run", tag="run")
    assert "tensorflow" in shown[-1]["text"]
    assert "finished" in shown[-1]["text"]
    assert "<table>" in shown[-1]["text"]


def test_pr_curves(server):
    tags = set(server.json("plugin/pr_curves/tags")["run"])
    assert len(tags) == 10
    assert {f"pr_curve/{name}" for name in CLASSES} <= tags


def test_custom_scalars(server):
    layout = server.json("plugin/custom_scalars/layout")
    titles = [category["title"] for category in layout["category"]]
    assert titles == [
        "Training beside validation",
        "Squared error beside the loss",
        "How learning goes",
    ]
    for category in layout["category"]:
        for chart in category["chart"]:
            for pattern in chart["multiline"]["tag"]:
                query = {"run": "run/train", "tag": pattern}
                found = server.json("plugin/custom_scalars/scalars", **query)
                assert found["regex_valid"]
                assert found["tag_to_events"], f"{chart['title']}: {pattern}"


def test_graph(server):
    info = server.json("plugin/graphs/info")
    assert info["run"]["run_graph"]
    graph = server.get("plugin/graphs/graph", run="run", conceptual="false").decode()
    for name in ("flatten", "hidden_1", "hidden_4", "outputs"):
        assert f'"{name}"' in graph


def test_projector(server):
    assert "run" in server.json("plugin/projector/runs")
    (embedding,) = server.json("plugin/projector/info", run="run")["embeddings"]
    assert embedding["tensorShape"] == [2000, 32]
    content = server.get("plugin/projector/tensor", run="run", name=embedding["tensorName"])
    assert np.frombuffer(content, "float32").size == 2000 * 32
    metadata = server.get("plugin/projector/metadata", run="run", name=embedding["tensorName"])
    assert len(metadata.decode().splitlines()) == 2001
    sprite = server.get("plugin/projector/sprite_image", run="run", name=embedding["tensorName"])
    assert sprite.startswith(b"\x89PNG")
