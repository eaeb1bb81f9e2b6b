"""The metrics as Prometheus has them, its alerts, and the queries of the Grafana dashboard."""
import json
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/EndToEnd"))
from server import Server, wait_until  # noqa: E402

DEPLOY = ROOT / "Deploy"
CHAT = "/v1/chat/completions"


def tool(name):
    path = shutil.which(name)
    assert path, f"{name} is not installed: Debian has it in the package prometheus"
    return path


@pytest.fixture(scope="module")
def server(request):
    with Server(request.config.getoption("--binary"), request.config.getoption("--model"), "--api-key", "secret") as it:
        yield it


def use(server):
    """Some of all that a dashboard shows: whole answers and streams, hits of the cache, refusals of both kinds."""
    key = {"authorization": "Bearer secret"}
    for text, stream in (("What is 47 + 85?", False), ("x " * 60, True)):
        assert server.post(CHAT, server.chat(text, max_tokens=20, stream=stream), headers=key).status_code == 200
    assert server.post(CHAT, server.chat(temperature=-1), headers=key).status_code == 400
    assert server.post(CHAT, server.chat()).status_code == 401


@pytest.fixture(scope="module")
def prometheus(server, tmp_path_factory):
    """A Prometheus that scrapes the server every second; its API as a function."""
    folder = tmp_path_factory.mktemp("prometheus")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "prometheus.yml").write_text(json.dumps({
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(DEPLOY / "prometheus/alerts.yaml")],
        "scrape_configs": [{"job_name": "infer-serve", "authorization": {"credentials": "secret"},
                            "static_configs": [{"targets": [f"127.0.0.1:{server.port}"]}]}]}))
    process = subprocess.Popen(
        [tool("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
         f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(path, **query):
        answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/{path}", params=query).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def scraped():
        try:
            return ask("query", query='up{job="infer-serve"} == 1')["result"]
        except (httpx.HTTPError, ValueError):
            # It is starting: nobody listens, or what answers is no JSON yet.
            return []

    try:
        wait_until(scraped, 60, "a scrape")
        # Rates need two scrapes with a change between them.
        for _ in range(4):
            use(server)
            time.sleep(1.5)
        yield ask
    finally:
        process.kill()
        process.wait()


def test_promtool_finds_nothing_wrong_with_the_metrics(server):
    use(server)
    text = httpx.get(server.url + "/metrics", headers={"x-api-key": "secret"}).text
    checked = subprocess.run([tool("promtool"), "check", "metrics"], input=text, capture_output=True, text=True)
    # vLLM's name of a histogram, which its dashboards ask for.
    known = {"infer_iteration_tokens_total"}
    complaints = [line for line in checked.stderr.splitlines() if line.split(" ")[0] not in known]
    assert not complaints, complaints


def test_the_alerts_are_sound_and_do_what_they_say():
    for command in (["check", "rules", DEPLOY / "prometheus/alerts.yaml"],
                    ["test", "rules", Path(__file__).parent / "alerts_test.yaml"]):
        ran = subprocess.run([tool("promtool"), *map(str, command)], capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_no_alert_fires_for_a_server_that_works(prometheus):
    assert {rule["health"] for group in prometheus("rules")["groups"] for rule in group["rules"]} == {"ok"}
    assert prometheus("alerts")["alerts"] == []


def queries():
    panels = json.loads((DEPLOY / "grafana/infer-serve.json").read_text(encoding="utf-8"))["panels"]
    return [(panel["title"], target["expr"]) for panel in panels for target in panel.get("targets", [])]


@pytest.mark.parametrize("title,query", queries())
def test_every_query_of_the_dashboard_has_data(prometheus, title, query):
    for variable, value in (("$model", ".*"), ("$instance", ".*"), ("$__rate_interval", "30s")):
        query = query.replace(variable, value)
    result = prometheus("query", query=query)["result"]
    assert result, f"'{title}' shows nothing: {query}"
    assert any(sample["value"][1] != "NaN" for sample in result), f"'{title}' shows no numbers: {query}"
