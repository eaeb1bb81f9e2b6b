"""The manifests of Deploy/kubernetes: valid against Kubernetes' schemas, true to each other and to the program."""
import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import kubernetes_validate
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

sys.path.insert(0, str(Path(__file__).parents[1] / "EndToEnd"))
from server import Server  # noqa: E402

FOLDER = Path(__file__).parents[2] / "Deploy/kubernetes"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
RESOURCES = [
    document for name in KUSTOMIZATION["resources"] for document in yaml.safe_load_all((FOLDER / name).read_text())]


def resource(kind, name="infer-serve"):
    return next(r for r in RESOURCES if r["kind"] == kind and r["metadata"]["name"] == name)


@pytest.fixture(scope="module")
def pod():
    return resource("StatefulSet")["spec"]["template"]


@pytest.fixture(scope="module")
def container(pod):
    return pod["spec"]["containers"][0]


@pytest.fixture(scope="module")
def server(request):
    with Server(request.config.getoption("--binary"), request.config.getoption("--model")) as server:
        yield server


@pytest.mark.parametrize("version", ["1.31.0", "1.34.0", "1.37.0"])
@pytest.mark.parametrize("document", RESOURCES, ids=lambda r: f"{r['kind']}-{r['metadata']['name']}")
def test_resources_are_valid(document, version):
    kubernetes_validate.validate(document, version, strict=True)


def test_what_is_not_valid_is_seen(pod):
    wrong = json.loads(json.dumps(resource("StatefulSet")))
    wrong["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["httpGet"]["porte"] = 5
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.37.0", strict=True)


def test_all_files_are_used():
    used = {*KUSTOMIZATION["resources"], "kustomization.yaml", "metrics-adapter.yaml", "router.yaml", "router-events.yaml",
            "events/kustomization.yaml"}
    assert {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.yaml")} == used


def patched(kind):
    """A resource with what the component `events` adds to it."""
    component = yaml.safe_load((FOLDER / "events/kustomization.yaml").read_text())
    assert component["kind"] == "Component"
    document = json.loads(json.dumps(resource(kind)))
    for patch in component["patches"]:
        if patch["target"] != {"kind": kind, "name": "infer-serve"}:
            continue
        for operation in yaml.safe_load(patch["patch"]):
            *path, last = operation["path"].split("/")[1:]
            place = document
            for name in path:
                place = place[int(name) if isinstance(place, list) else name]
            assert operation["op"] == "add"
            if last == "-":
                place.append(operation["value"])
            else:
                assert last not in place
                place[last] = operation["value"]
    return document


@pytest.mark.parametrize("kind", ["StatefulSet", "NetworkPolicy"])
def test_the_component_of_events_is_valid(kind):
    assert patched(kind) != resource(kind)
    kubernetes_validate.validate(patched(kind), "1.37.0", strict=True)


def picker(name):
    """The endpoint picker's configuration in values of llm-d-router's chart."""
    values = yaml.safe_load((FOLDER / name).read_text())["inferenceExtension"]
    return yaml.safe_load(values["pluginsCustomConfig"][values["pluginsConfigFile"]])


def test_the_router_hears_the_events_of_the_pods(request, server):
    container = patched("StatefulSet")["spec"]["template"]["spec"]["containers"][0]
    given = options(container)
    plugins = {plugin["type"]: plugin.get("parameters", {}) for plugin in picker("router-events.yaml")["plugins"]}
    scorer = plugins["precise-prefix-cache-scorer"]
    port = scorer["kvEventsConfig"]["podDiscoveryConfig"]["socketPort"]
    assert given["--kv-events-endpoint"] == f"tcp://*:{port}" and any(p["containerPort"] == port for p in container["ports"])
    assert any(port in [p["port"] for p in rule["ports"]] for rule in patched("NetworkPolicy")["spec"]["ingress"])
    # The scorer knows pods by address and port, and blocks by their size and the model's name.
    kind, pod, name = given["--kv-events-topic"].split("@")
    assert f"{kind}@" == scorer["kvEventsConfig"]["topicFilter"]
    assert pod == "$(POD_IP):" + given["--port"] and [entry["name"] for entry in container["env"]] == ["POD_IP"]
    assert name == Path(given["--model"]).name == plugins["token-producer"]["modelName"]
    text = httpx.get(server.url + "/metrics").text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    size = scorer["tokenProcessorConfig"]["blockSize"]
    assert families["infer_cache_config_info"].samples[0].labels["block_size"] == str(size) and "--page-tokens" not in given
    help_text = subprocess.run(
        [request.config.getoption("--binary"), "serve", "--help"], capture_output=True, text=True, check=True).stdout
    assert all(option in help_text for option in given)
    # It has requests' tokens of the service, in vLLM's form.
    service = resource("Service")
    assert plugins["token-producer"]["vllm"]["http"] == f"http://{service['metadata']['name']}"
    assert service["spec"]["ports"][0]["port"] == 80
    prompts = httpx.post(server.url + "/v1/completions/render", json={"model": server.model, "prompt": "Hello"}).json()
    assert prompts[0]["token_ids"]
    # Beside that it is the other one.
    ours, other = picker("router-events.yaml"), picker("router.yaml")
    added = {"token-producer", "endpoint-notification-source", "precise-prefix-cache-scorer"}
    assert [p for p in ours["plugins"] if p["type"] not in added] == [
        p for p in other["plugins"] if p["type"] != "prefix-cache-scorer"]
    named = {plugin["type"] for plugin in ours["plugins"]}
    for source in ours["dataLayer"]["sources"]:
        assert source["pluginRef"] in named and all(e["pluginRef"] in named for e in source["extractors"])
    assert all(p["pluginRef"] in named for profile in ours["schedulingProfiles"] for p in profile["plugins"])


def test_selectors_find_the_pods(pod):
    labels = pod["metadata"]["labels"].items()
    selectors = [resource("StatefulSet")["spec"]["selector"]["matchLabels"],
                 resource("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
                 resource("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
                 *(r["spec"]["selector"] for r in RESOURCES if r["kind"] == "Service"),
                 yaml.safe_load((FOLDER / "router.yaml").read_text())["inferencePool"]["modelServers"]["matchLabels"]]
    assert len(selectors) == 6 and all(selector.items() <= labels for selector in selectors)
    assert resource("StatefulSet")["spec"]["serviceName"] == resource("Service", "infer-serve-pods")["metadata"]["name"]
    assert resource("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == "infer-serve"


def test_volumes_are_there_and_weights_are_read_only(pod, container):
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    templates = {claim["metadata"]["name"] for claim in resource("StatefulSet")["spec"]["volumeClaimTemplates"]}
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    assert mounts.keys() == volumes.keys() | templates and templates == {"cache"}
    assert mounts["weights"]["readOnly"] and volumes["weights"]["persistentVolumeClaim"]["readOnly"]
    assert resource("PersistentVolumeClaim", volumes["weights"]["persistentVolumeClaim"]["claimName"])
    assert container["resources"]["requests"] == container["resources"]["limits"]


def options(container):
    return dict((arg.split("=", 1) + [""])[:2] for arg in container["args"][1:])


def test_the_program_takes_the_options(request, container, tmp_path):
    """It gets as far as to miss the model."""
    run = subprocess.run(
        [request.config.getoption("--binary"), *(arg.replace("=/cache", f"={tmp_path}") for arg in container["args"])],
        capture_output=True, text=True, timeout=30)
    assert run.returncode and "/models/model" in run.stderr and "Usage" not in run.stderr, run.stderr


def test_there_is_time_to_drain(pod, container):
    drain, sleep = int(options(container)["--drain-timeout"]), container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert drain + sleep + 10 <= pod["spec"]["terminationGracePeriodSeconds"]


def test_a_cache_folder_fits_its_volume(container):
    claim = resource("StatefulSet")["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"]
    assert int(options(container)["--cache-dir-mib"]) <= 0.9 * 1024 * int(claim.removesuffix("Gi"))


def test_probes_ask_what_the_server_answers(server, container):
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert httpx.get(server.url + container[name]["httpGet"]["path"]).status_code == 200


def test_metrics_are_told_by_these_names(server):
    text = httpx.get(server.url + "/metrics").text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    config = picker("router.yaml")
    extractor = next(p for p in config["plugins"] if p["type"] == "core-metrics-extractor")["parameters"]
    engine = next(e for e in extractor["engineConfigs"] if e["name"] == extractor["defaultEngine"])
    for spec in ("queuedRequestsSpec", "runningRequestsSpec", "kvUsageSpec", "cacheInfoSpec"):
        assert families[engine[spec]].type == "gauge"
    labels = families[engine["cacheInfoSpec"]].samples[0].labels
    assert int(labels["block_size"]) > 0 and int(labels["num_gpu_blocks"]) > 0
    plugins = {plugin["type"] for plugin in config["plugins"]}
    assert all(p["pluginRef"] in plugins for profile in config["schedulingProfiles"] for p in profile["plugins"])
    # What the autoscaler asks for, the adapter makes of what there is.
    rules = yaml.safe_load((FOLDER / "metrics-adapter.yaml").read_text())["rules"]["custom"]
    for rule in rules:
        name = re.match(r"\w+", rule["seriesQuery"])[0]
        assert name.removesuffix("_bucket") in families
    wanted = [metric["pods"]["metric"]["name"] for metric in resource("HorizontalPodAutoscaler")["spec"]["metrics"]]
    assert wanted == [rule["name"]["as"] for rule in rules]
