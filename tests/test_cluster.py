"""The Kubernetes manifest against itself and against what the lab reads; nothing is deployed."""

import json
import re

import pytest
import yaml
from process import ROOT

from mlp_lab.options import flags
from mlp_lab.training.replication import check_tf_config

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
