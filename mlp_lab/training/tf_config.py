"""The environment variable TF_CONFIG: which workers there are, and which of them this one is."""

import ipaddress
import json
import re
from typing import Any

from mlp_lab.errors import InputError

_LONGEST = 1 << 20
_EXAMPLE = (
    'on each worker set, with its own index, TF_CONFIG={"cluster": {"worker": ["host0:2222", '
    '"host1:2222"]}, "task": {"type": "worker", "index": 0}}'
)
_ADDRESS = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+(?:%\w+)?\]):([0-9]{1,5})", re.ASCII)


def check_tf_config(text: str | None) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """Checks the environment variable TF_CONFIG, as TensorFlow's guides and operators set it.

    A JSON object: `{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker",
    "index": 0}}`, where "cluster" may also have a "chief" with one address.

    Returns:
      The values of "cluster" and of "task".

    Raises:
      InputError: it is missing or incomplete; the message says what.
    """
    if not text:
        raise _wrong("is not set")
    if len(text) > _LONGEST:
        raise _wrong(f"has {len(text):,} characters, expected up to {_LONGEST:,}")
    try:
        given: Any = json.loads(text)
    except RecursionError:
        raise _wrong("is nested too deeply") from None
    except ValueError as error:
        raise _wrong(f"is not JSON ({error})") from None
    cluster = given.get("cluster") if isinstance(given, dict) else None
    task = given.get("task") if isinstance(given, dict) else None
    if not isinstance(cluster, dict) or not isinstance(task, dict):
        raise _wrong('needs "cluster" and "task"')
    if given.get("rpc_layer") not in (None, "grpc"):
        raise _wrong(f'has {_shown(given["rpc_layer"])} for "rpc_layer", expected "grpc"')
    _check_cluster(cluster)
    _check_task(task, cluster)
    return cluster, task


def members(cluster: dict[str, list[str]], task: dict[str, Any]) -> tuple[list[str], int]:
    """The addresses of all workers, the chief's first, and the number of this worker."""
    chiefs = cluster.get("chief", [])
    before = len(chiefs) if task["type"] == "worker" else 0
    return [*chiefs, *cluster.get("worker", [])], before + int(task["index"])


def split_address(address: str) -> tuple[str, int]:
    """Host, without the brackets of IPv6, and port of an address that was checked."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _check_cluster(cluster: dict[Any, Any]) -> None:
    seen: dict[tuple[str, int], str] = {}
    for kind, addresses in cluster.items():
        if kind not in ("chief", "worker"):
            raise _wrong(f'has {_shown(kind)} in its cluster; there are "worker" and "chief"')
        if not isinstance(addresses, list) or not addresses:
            raise _wrong(f"has {_shown(addresses)} for {kind!r}, expected a list of host:port")
        if kind == "chief" and len(addresses) > 1:
            raise _wrong(f"has {len(addresses)} chiefs, expected one; the others are workers")
        for address in addresses:
            place = _place(address)
            if place is None:
                raise _wrong(
                    f"has {_shown(address)} for {kind!r}, expected a list of host:port with ports "
                    "from 1 to 65535, and brackets around IPv6 as in [::1]:2222"
                )
            if place in seen:
                raise _wrong(f"has the address {address!r} twice; each worker needs its own")
            seen[place] = address


def _place(address: Any) -> tuple[str, int] | None:
    """Host and port in one form for all ways to write them; None if they are not valid."""
    found = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
    if found is None or not 1 <= int(found[2]) <= 65535:
        return None
    host = found[1]
    if not host.startswith("["):
        return host.lower().rstrip("."), int(found[2])
    try:
        return str(ipaddress.IPv6Address(host[1:-1])), int(found[2])
    except ValueError:
        return None


def _check_task(task: dict[Any, Any], cluster: dict[str, list[str]]) -> None:
    kind, index = task.get("type"), task.get("index")
    if not isinstance(kind, str) or kind not in cluster:
        known = ", ".join(cluster) or "none"
        raise _wrong(f"has the task type {_shown(kind)}, its cluster has {known}")
    count = len(cluster[kind])
    whole = isinstance(index, int | str) and not isinstance(index, bool)
    # Operators write it as text, too.
    if not whole or not re.fullmatch("[0-9]{1,9}", str(index)[:10]) or int(str(index)) >= count:
        raise _wrong(f"has the task index {_shown(index)}, expected 0 to {count - 1}")


def _shown(value: Any) -> str:
    try:
        text = repr(value[:100] if isinstance(value, str | list) else value)
    except RecursionError:
        return "a value nested too deeply"
    return text if len(text) <= 100 else f"{text[:100]}..."


def _wrong(what: str) -> InputError:
    return InputError("strategy", f"multi_worker: TF_CONFIG {what}; {_EXAMPLE}")
