"""The Kubernetes manifest against itself and against what the lab reads; nothing is deployed."""

import copy
import dataclasses
import json
import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from process import ROOT

from mlp_lab import commands
from mlp_lab.errors import InputError
from mlp_lab.options import flags
from mlp_lab.options.sweep import SweepOptions
from mlp_lab.sweeps.plan import plan
from mlp_lab.training import agreement
from mlp_lab.training.tf_config import check_tf_config, members, split_address

FOLDER = ROOT / "examples" / "cluster"
PARTS = {
    part["kind"]: part for part in yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text())
}
JOB, SERVICE = PARTS["Job"], PARTS["Service"]
POD = JOB["spec"]["template"]
(CONTAINER,) = POD["spec"]["containers"]
ENV = {variable["name"]: variable for variable in CONTAINER["env"]}
COUNT = JOB["spec"]["completions"]


@pytest.mark.parametrize("index", range(COUNT))
def test_each_worker_finds_all(index):
    names = [*ENV]
    assert names.index("INDEX") < names.index("TF_CONFIG"), "expanded only if it stands before"
    text = ENV["TF_CONFIG"]["value"].replace("$(INDEX)", str(index))
    assert "$" not in text
    check_tf_config(text)
    given = json.loads(text)
    assert given["task"]["index"] == index
    # What an indexed job calls its pods, and what a headless service makes of it.
    (port,) = [port["port"] for port in SERVICE["spec"]["ports"]]
    job, service = JOB["metadata"]["name"], SERVICE["metadata"]["name"]
    assert given["cluster"] == {
        "worker": [f"{job}-{i}.{service}:{port}" for i in range(JOB["spec"]["parallelism"])]
    }
    assert CONTAINER["ports"][0]["containerPort"] == port
    assert PARTS["NetworkPolicy"]["spec"]["ingress"][0]["ports"] == [{"port": port}]


def test_parts_belong_together():
    assert JOB["spec"]["completionMode"] == "Indexed"
    assert POD["spec"]["subdomain"] == SERVICE["metadata"]["name"]
    assert SERVICE["spec"]["clusterIP"] == "None"
    labels = POD["metadata"]["labels"]
    policy = PARTS["NetworkPolicy"]["spec"]
    (source,) = policy["ingress"][0]["from"]
    for selector in (policy["podSelector"], source["podSelector"]):
        assert selector["matchLabels"] == SERVICE["spec"]["selector"] == labels
    (rule, _) = JOB["spec"]["podFailurePolicy"]["rules"]
    assert rule["onExitCodes"]["containerName"] == CONTAINER["name"]
    volumes = {volume["name"] for volume in POD["spec"]["volumes"]}
    assert {mount["name"] for mount in CONTAINER["volumeMounts"]} == volumes


def test_flags_are_flags_of_the_lab():
    dockerfile = (FOLDER / "Dockerfile").read_text()
    (home,) = re.findall(r"^COPY \. (\S+)$", dockerfile, re.MULTILINE)
    config = flags.parse([arg.replace(f"={home}/", f"={ROOT}/") for arg in CONTAINER["args"]])
    assert config.strategy == "multi_worker"
    assert config.resume
    mounts = {mount["mountPath"]: mount for mount in CONTAINER["volumeMounts"]}
    assert mounts[config.data_dir]["readOnly"]
    assert "readOnly" not in mounts[config.log_dir]
    # The rule of docs/scaling.md, on the file's own values for one worker.
    alone = flags.parse([f"--flagfile={ROOT}/configs/fashion_mnist.flags"])
    assert config.batch_size == COUNT * alone.batch_size
    assert config.learning_rate == COUNT**0.5 * alone.learning_rate
    assert config.learning_rate_warmup > 0


def test_the_manifest_of_a_sweep():
    job = yaml.safe_load((FOLDER / "sweep.yaml").read_text())
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    command, *given = container["args"]
    assert command in commands.names()
    options = flags.parse([g.replace("=/mlp_lab/", f"={ROOT}/") for g in given], SweepOptions)
    assert len(plan(options).trials) == options.trials * options.seeds == 60
    assert options.validation_split
    assert options.part is None
    assert spec["completionMode"] == "Indexed"
    assert spec["completions"] == spec["parallelism"] == COUNT
    # The share that a comment offers is read.
    (part,) = re.findall(r"--part=\$\(INDEX\)/(\d+)", (FOLDER / "sweep.yaml").read_text())
    assert int(part) == spec["completions"]
    flags.parse([*given[1:], f"--part=3/{part}"], SweepOptions)
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert mounts[options.data_dir]["readOnly"]
    assert "readOnly" not in mounts[options.log_dir]
    assert {m["name"] for m in mounts.values()} == {v["name"] for v in pod["volumes"]}
    (rule, _) = spec["podFailurePolicy"]["rules"]
    assert rule["onExitCodes"]["containerName"] == container["name"]
    # What is the same as for the workers of one run.
    for name in ("securityContext", "terminationGracePeriodSeconds", "restartPolicy", "volumes"):
        assert pod[name] == POD["spec"][name]


def test_every_option_is_agreed_on_unless_it_is_a_workers_own():
    config = flags.parse(["--strategy=multi_worker", "--name=a"])
    reports = {n: agreement.report(config, {"worker": ["a:1", "b:2"]}) for n in range(3)}
    assert agreement.difference(reports) is None
    names = {field.name for field in dataclasses.fields(config)}
    assert names == {*reports[0]["flags"], *agreement.OWN}
    for name in reports[0]["flags"]:
        other = copy.deepcopy(reports)
        other[2]["flags"][name] = "another"
        option, line = agreement.difference(other)
        assert option == name
        assert line.startswith("worker 2 has 'another', the chief has ")
        del other[2]["flags"][name]
        assert reports[0]["flags"][name] is None or agreement.difference(other)[0] == name


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (("versions", "keras"), "worker 1 has keras 'x', the chief '"),
        (("devices",), "worker 1 has 'x' devices, the chief 1"),
        (("cluster", "worker"), "worker 1 has the cluster {'worker': 'x'}, that of the chief {"),
    ],
)
def test_what_else_is_agreed_on(path, said):
    config = flags.parse(["--strategy=multi_worker", "--name=a"])
    reports = {n: agreement.report(config, {"worker": ["a:1", "b:2"]}) for n in range(2)}
    reports = copy.deepcopy(reports)
    place = reports[1]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = "x"
    option, line = agreement.difference(reports)
    assert option == "strategy"
    assert said in line


# TF_CONFIG of any form.

NUMBERS = st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none()
ADDRESSES = st.from_regex(r"([a-z0-9.-]{0,6}|\[[0-9a-f:]{0,6}\]):[0-9]{0,6}", fullmatch=True)
ANYTHING = st.recursive(
    NUMBERS | st.text(max_size=8) | ADDRESSES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
LISTS = st.lists(ADDRESSES | st.sampled_from(["a:1", "A:1", "b:2", "[::1]:3"]), max_size=4)
CLUSTERS = st.dictionaries(
    st.sampled_from(["worker", "chief", "ps", "evaluator"]), LISTS | ANYTHING, max_size=3
)
TASKS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["worker", "chief", "ps"]) | ANYTHING,
        "index": st.integers(-1, 4) | st.sampled_from(["0", "1", "\u0661", "1.0"]) | ANYTHING,
    },
)
CONFIGS = st.fixed_dictionaries({"cluster": CLUSTERS | ANYTHING, "task": TASKS | ANYTHING})


@settings(max_examples=300, deadline=None)
@given(st.text() | (CONFIGS | ANYTHING).map(json.dumps))
def test_tf_config_is_used_or_refused(text):
    """Never anything but an `InputError` of one line, or workers that can be told apart."""
    refusal = None
    try:
        cluster, task = check_tf_config(text)
    except InputError as error:
        refusal = str(error)
    if refusal is not None:
        assert refusal.startswith("--strategy: multi_worker: TF_CONFIG ")
        assert len(refusal.splitlines()) == 1
        assert len(refusal) < 1500
        return
    addresses, me = members(cluster, task)
    assert addresses[me] == cluster[task["type"]][int(task["index"])]
    places = {(host.lower(), port) for host, port in map(split_address, addresses)}
    assert len(places) == len(addresses)
    assert all(host and 1 <= port <= 65535 for host, port in places)


@given(st.lists(st.sampled_from(["a", "b.c", "[::1]", "10.0.0.1"]), min_size=1, max_size=4))
def test_tf_config_that_is_right_is_used(hosts):
    addresses = [f"{host}:{2222 + number}" for number, host in enumerate(hosts)]
    for chiefs in (0, 1):
        cluster = {"chief": addresses[:chiefs], "worker": addresses[chiefs:]}
        cluster = {kind: listed for kind, listed in cluster.items() if listed}
        for kind, listed in cluster.items():
            for index in range(len(listed)):
                task = {"type": kind, "index": index}
                found = check_tf_config(json.dumps({"cluster": cluster, "task": task}))
                assert members(*found) == (addresses, index + (kind == "worker") * chiefs)
