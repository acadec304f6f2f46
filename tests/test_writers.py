"""What `writers.Writer` writes, read back from the file and through a TensorBoard server."""

import io
import urllib.parse

import events
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from server import serving
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins import projector

from mlp_lab.precision_recall import pr_curve
from mlp_lab.writers import Writer


def stored(folder):
    """All events of a folder, in order."""
    paths = sorted(folder.glob("events.out.tfevents.*"))
    return [event for path in paths for event in EventFileLoader(str(path)).Load()]


def values(folder):
    return [value for event in stored(folder) for value in event.summary.value]


@pytest.fixture
def writer(tmp_path):
    writer = Writer(tmp_path / "run")
    yield writer
    writer.close()


def test_nothing_is_made_before_the_first_write(writer):
    writer.flush()
    writer.close()
    assert not writer.folder.exists()


def test_one_file_per_folder_and_a_new_one_after_close(writer):
    writer.scalars({"a": 1.0}, 0)
    writer.text("b", "text", 0)
    writer.flush()
    assert len(list(writer.folder.iterdir())) == 1
    writer.close()
    writer.scalars({"a": 2.0}, 1)
    writer.close()
    assert events.read(writer.folder)["a"] == {0: 1.0, 1: 2.0}


def test_scalars_are_what_tf_summary_writes(writer, tmp_path):
    writer.scalars({"loss": 0.1, "rate": np.float64(3), "nan": float("nan")}, 7)
    writer.close()
    with tf.summary.create_file_writer(str(tmp_path / "tf")).as_default() as theirs:
        for tag, value in {"loss": 0.1, "rate": 3.0, "nan": float("nan")}.items():
            tf.summary.scalar(tag, value, step=7)
        theirs.close()
    for ours, other in zip(values(writer.folder), values(tmp_path / "tf"), strict=True):
        assert ours.tag == other.tag
        assert ours.metadata == other.metadata
        assert ours.tensor.dtype == other.tensor.dtype
    read, expected = events.read(writer.folder), events.read(tmp_path / "tf")
    np.testing.assert_equal(read, expected)
    # One record holds them all.
    assert sum(bool(event.summary.value) for event in stored(writer.folder)) == 1


def test_scalars_are_written_where_a_caller_records_nothing(writer):
    with tf.summary.record_if(False):
        writer.scalars({"a": 1.0}, 0)
    writer.close()
    assert events.read(writer.folder)["a"] == {0: 1.0}


def test_raw_takes_bytes_and_both_kinds_of_summaries(writer):
    summary = tf.compat.v1.Summary()
    summary.value.add(tag="a", simple_value=1.0)
    writer.raw(summary, 0)
    writer.raw(summary.SerializeToString(), 1)
    writer.close()
    assert {step: float(v) for step, v in events.read(writer.folder)["a"].items()} == {0: 1, 1: 1}


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_what_tf_summary_writes(writer, tmp_path, channels):
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 6, channels), np.uint8)
    writer.images("x", images, 3)
    writer.close()
    with tf.summary.create_file_writer(str(tmp_path / "tf")).as_default() as theirs:
        tf.summary.image("x", images, step=3, max_outputs=5)
        theirs.close()
    (ours,), (other,) = values(writer.folder), values(tmp_path / "tf")
    assert ours.metadata.plugin_data.plugin_name == other.metadata.plugin_data.plugin_name
    content = events.read(writer.folder)["x"][3]
    assert content[:2].tolist() == events.read(tmp_path / "tf")["x"][3][:2].tolist() == [b"6", b"4"]
    decoded = [np.asarray(Image.open(io.BytesIO(png))).reshape(4, 6, -1) for png in content[2:]]
    np.testing.assert_array_equal(decoded, images)


@pytest.mark.parametrize(
    "images",
    [np.zeros((1, 4, 4, 3)), np.zeros((4, 4, 3), np.uint8), np.zeros((1, 4, 4, 2), np.uint8)],
    ids=["float", "rank", "channels"],
)
def test_images_of_another_form_are_refused(writer, images):
    with pytest.raises(ValueError, match="x: expected uint8 images"):
        writer.images("x", images, 0)


def test_text(writer):
    writer.text("note", "**größer**", 4)
    writer.close()
    assert events.read(writer.folder)["note"][4].item().decode() == "**größer**"


def naive_curve(truth, scores, thresholds):
    columns = []
    for i in range(thresholds):
        t = i / (thresholds - 1)
        tp = sum(1 for y, s in zip(truth, scores, strict=True) if y and s >= t)
        fp = sum(1 for y, s in zip(truth, scores, strict=True) if not y and s >= t)
        tn, fn = (~truth).sum() - fp, truth.sum() - tp
        precision = tp / (tp + fp) if tp + fp else 0
        recall = tp / (tp + fn) if tp + fn else 0
        columns.append([tp, fp, tn, fn, precision, recall])
    return np.array(columns, "float64").T


@pytest.mark.parametrize("share", [0.3, 0.0, 1.0])
def test_pr_curve_equals_a_loop(share):
    rng = np.random.default_rng(1)
    # Steps of 1/20 fall on thresholds, 0 and 1 included.
    scores = np.concatenate([rng.random(200), np.arange(21) / 20])
    truth = rng.random(len(scores)) < share
    np.testing.assert_array_equal(pr_curve(truth, scores, 41), naive_curve(truth, scores, 41))


def test_pr_curves_write_one_per_class(writer):
    rng = np.random.default_rng(2)
    labels, scores = rng.integers(0, 3, 50), rng.random((50, 3)).astype("float32")
    writer.pr_curves(["a", "b", "c/d"], labels, scores, 9)
    writer.close()
    found = events.read(writer.folder)
    for i, tag in enumerate(["a", "b", "c/d"]):
        expected = naive_curve(labels == i, scores[:, i].astype("float64"), 201)
        np.testing.assert_array_equal(found[tag][9], expected.astype("float32"))


def test_pr_curves_of_another_shape_are_refused(writer):
    with pytest.raises(ValueError, match=r"expected \[labels, tags\] = \[2, 3\], got \[2, 2\]"):
        writer.pr_curves(["a", "b", "c"], np.zeros(2, int), np.zeros((2, 2)), 0)


def test_only_the_last_graph_counts_and_it_comes_back_whole(writer):
    graph = tf.compat.v1.GraphDef()
    graph.node.add(name="input", op="Input")
    graph.node.add(name="block/dense", op="Dense", input=["input"])
    writer.graph(graph)
    writer.close()
    (stored_graph,) = [e.graph_def for e in stored(writer.folder) if e.HasField("graph_def")]
    assert tf.compat.v1.GraphDef.FromString(stored_graph).node == graph.node


# Through the real server ----------------------------------------------------------------


LABELS = np.array([0, 1, 1, 0])
SCORES = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]])
IMAGES = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
POINTS = np.array([[0.5, -1.25], [3.0, 1e-7]], "float32")


def write_everything(folder):
    writer = Writer(folder)
    options = {
        "rate": 0.1,
        "units": (256, 128),
        "seed": None,
        "big": 2**60,
        "deep": True,
        "scale": np.float32(0.5),
        "limit": float("inf"),
    }
    writer.hparams(options, [("loss", ""), ("loss", "validation")])
    writer.layout({"losses": {"all of them": ["loss", "epoch_.*"]}})
    graph = tf.compat.v1.GraphDef()
    graph.node.add(name="input", op="Input")
    graph.node.add(name="block/dense", op="Dense", input=["input"])
    writer.graph(graph)
    for step in range(3):
        writer.scalars({"loss": 1.0 / (step + 1)}, step)
    writer.images("picture", IMAGES, 1)
    writer.text("note", "# Title", 1)
    writer.pr_curves(["pr/first", "pr/second"], LABELS, SCORES, 1)
    writer.hparams_end(True)
    writer.close()
    validation = Writer(folder / "validation")
    validation.scalars({"loss": 0.75}, 2)
    validation.close()
    np.savetxt(folder / "points.tsv", POINTS, fmt="%.9g", delimiter="\t")
    config = projector.ProjectorConfig()
    config.embeddings.add(tensor_name="points", tensor_path="points.tsv")
    projector.visualize_embeddings(str(folder), config)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    logs = tmp_path_factory.mktemp("logs")
    write_everything(logs / "one")
    with serving(logs) as server:
        server.wait_for(lambda: server.json("plugin/scalars/tags").get("one/validation"))
        yield server


def test_server_scalars(server):
    points = server.json("plugin/scalars/scalars", run="one", tag="loss")
    assert [(step, value) for _, step, value in points] == [
        (0, 1.0),
        (1, 0.5),
        (2, pytest.approx(1 / 3)),
    ]


def test_server_images(server):
    tags = server.json("plugin/images/tags")
    assert tags["one"]["picture"]["samples"] == 2
    for i, image in enumerate(IMAGES):
        (found,) = server.json("plugin/images/images", run="one", tag="picture", sample=i)
        content = server.get(
            "plugin/images/individualImage", **dict(urllib.parse.parse_qsl(found["query"]))
        )
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), image)


def test_server_text(server):
    (text,) = server.json("plugin/text/text", run="one", tag="note")
    assert text["step"] == 1
    assert "<h1>Title</h1>" in text["text"]


def test_server_pr_curves(server):
    assert set(server.json("plugin/pr_curves/tags")["one"]) == {"pr/first", "pr/second"}
    curves = server.json("plugin/pr_curves/pr_curves", run="one", tag="pr/second")
    (curve,) = curves["one"]
    assert curve["step"] == 1
    expected = naive_curve(LABELS == 1, SCORES[:, 1], 201)
    shown = (expected[0] + expected[1]) > 0
    np.testing.assert_allclose(curve["precision"], expected[4, shown])
    np.testing.assert_allclose(curve["recall"], expected[5, shown])


def test_server_hparams(server):
    experiment = server.json("plugin/hparams/experiment", body={})
    columns = {info["name"]: info["type"] for info in experiment["hparamInfos"]}
    assert columns == {
        "rate": "DATA_TYPE_FLOAT64",
        "units": "DATA_TYPE_STRING",
        "seed": "DATA_TYPE_STRING",
        "big": "DATA_TYPE_STRING",
        "deep": "DATA_TYPE_BOOL",
        "scale": "DATA_TYPE_FLOAT64",
        "limit": "DATA_TYPE_STRING",
    }
    names = [info["name"] for info in experiment["metricInfos"]]
    assert names == [
        {"group": "", "tag": "loss"},
        {"group": "validation", "tag": "loss"},
    ]
    shown = [{"metric": name} for name in names] + [{"hparam": name} for name in columns]
    wanted = {
        "colParams": [{**column, "includeInResult": True} for column in shown],
        "allowedStatuses": ["STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"],
        "startIndex": 0,
        "sliceSize": 10,
    }
    (row,) = server.json("plugin/hparams/session_groups", body=wanted)["sessionGroups"]
    assert row["hparams"] == {
        "rate": 0.1,
        "units": "256,128",
        "seed": "None",
        "big": str(2**60),
        "deep": True,
        "scale": 0.5,
        "limit": "inf",
    }
    assert row["sessions"][0]["status"] == "STATUS_SUCCESS"
    last = {m["name"]["group"]: m["value"] for m in row["metricValues"]}
    assert last == {"": pytest.approx(1 / 3), "validation": 0.75}


def test_server_custom_scalars(server):
    layout = server.json("plugin/custom_scalars/layout")
    (category,) = layout["category"]
    (chart,) = category["chart"]
    assert (category["title"], chart["title"]) == ("losses", "all of them")
    assert chart["multiline"]["tag"] == ["loss", "epoch_.*"]


def test_server_graphs(server):
    assert server.json("plugin/graphs/info")["one"]["run_graph"]
    text = server.get("plugin/graphs/graph", run="one", conceptual="false").decode()
    assert 'name: "block/dense"' in text
    assert 'op: "Dense"' in text
    assert 'input: "input"' in text


def test_server_projector(server):
    runs = server.wait_for(lambda: server.json("plugin/projector/runs"))
    assert runs == ["one"]
    content = server.get("plugin/projector/tensor", run="one", name="points")
    np.testing.assert_array_equal(np.frombuffer(content, "float32").reshape(2, 2), POINTS)
