"""Unusable arguments of every endpoint: one sentence, no trace in the log, no internal failure."""

import io
import json
import math

import pytest
from gradio_client.exceptions import AppError
from PIL import Image

from shared.ui.arguments.blocks import UNUSABLE_FILE
from shared.ui.errors import MAX_LENGTH, UNEXPECTED

META = {"_type": "gradio.FileData"}
#: Values that no component, or only few of them, can use.
VALUES = [
    *(None, True, -1, 2.5, 1e308, 10**400, math.nan, math.inf),
    *("x", "", "\0", "\ud800", "**b** <img src=x onerror=alert(1)>", "A" * 5000),
    *([], [1], ["1"], [True], [None], ["x"], {}, {"a": 1}, {"path": {"a": 1}}, {"url": "data:,x"}),
    *({"path": "/etc/passwd", "meta": META}, {"path": "/etc/passwd"}, {"path": "a", "size": "x"}),
]
#: They take minutes, or a model that is not on every machine, once their arguments are usable.
SLOW = {"edit", "try_on_outfit", "replace_garment", "learn_class"}


@pytest.fixture(scope="module")
def http(server):
    with server.http() as http:
        yield http


@pytest.fixture(scope="module")
def endpoints(http):
    """Usable arguments without a default value, and the names of all, by endpoint."""
    stream = io.BytesIO()
    Image.effect_noise((48, 48), 40).convert("RGB").save(stream, "PNG")
    path = http.post("/gradio_api/upload", files={"files": ("a.png", stream.getvalue())}).json()[0]
    image = {"path": path, "meta": META}
    usable = {"Image": image, "Pathimage": image, "File": [image], "Pathfiles": [image], "Number": 1}
    listed = {}
    for name, endpoint in http.get("/gradio_api/info").json()["named_endpoints"].items():
        required = [item for item in endpoint["parameters"] if not item["parameter_has_default"]]
        arguments = {item["parameter_name"]: usable.get(item["component"], "cat") for item in required}
        names = [item["parameter_name"] for item in endpoint["parameters"]]
        listed[name[1:]] = arguments, names
    return listed


def call(http, name, arguments):
    """Return the status of a call and its sentence; an empty one if it succeeds."""
    answer = http.post(f"/gradio_api/call/v2/{name}", content=json.dumps(arguments), headers=JSON)
    if answer.status_code != 200:
        return answer.status_code, answer.json()["detail"]
    lines = http.get(f"/gradio_api/call/v2/{name}/{answer.json()['event_id']}").text.splitlines()
    events = [line for line in lines if line.startswith("event: ")]
    data = json.loads(next(line for line in reversed(lines) if line.startswith("data: "))[6:])
    return 200, data["error"] if events[-1] == "event: error" else ""


def check(name, status, sentence):
    assert status in (200, 422), (name, status, sentence)
    assert sentence is not None, name
    assert sentence != UNEXPECTED, name
    assert len(sentence) <= MAX_LENGTH, (name, sentence)


JSON = {"content-type": "application/json"}


@pytest.fixture(autouse=True)
def unshaken(server, http):
    """Check that no call leaves a trace in the log, or counts as an internal failure."""
    yield
    assert "Traceback" not in server.log.read_text()
    assert 'kind="internal"' not in http.get("/metrics").text


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value)[:20])
def test_each_argument_of_each_endpoint(http, endpoints, value):
    for name, (arguments, names) in endpoints.items():
        for argument in names:
            if name in SLOW and (value is None or isinstance(value, (str, list))):
                continue
            check(f"{name} {argument}", *call(http, name, {**arguments, argument: value}))


def test_names_of_arguments(http, endpoints):
    for name, (arguments, names) in endpoints.items():
        status, sentence = call(http, name, {**arguments, "nonsense": 1})
        assert (status, sentence) == (422, f"“nonsense” is no argument: {name} takes {', '.join(names)}.")
        if arguments:
            missing = next(iter(arguments))
            status, sentence = call(http, name, {})
            assert (status, sentence.partition(":")[0]) == (422, f"“{missing}” is missing")


@pytest.mark.parametrize("count", [0, 1, 50])
def test_numbers_of_arguments(http, endpoints, count):
    for name, (_, names) in endpoints.items():
        if count != len(names):
            answer = http.post(f"/gradio_api/call/{name}", json={"data": ["x"] * count})
            assert answer.status_code == 422, name
            assert f"{name} takes {', '.join(names)}." in answer.json()["detail"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"image": "data:image/png;base64,eA==", "threshold": 7}, "7"),
        ({"image": "data:image/png;base64,eA==", "engine": None}, "None"),
        ({"image": "data:image/png;base64,eA=="}, "not a picture"),
        ({"image": "x"}, "web address"),
        ({"threshold": 0}, "image"),
    ],
)
def test_agents_get_a_sentence(agent, arguments, words):
    _, use = agent()
    answer = use("detect_edges", **arguments)
    assert answer.isError
    assert words in answer.content[0].text
    assert UNEXPECTED not in answer.content[0].text


def test_programs_get_a_sentence(client):
    address = {"path": "http://127.0.0.1:1/", "url": "http://127.0.0.1:1/", "meta": META}
    with pytest.raises(AppError, match=UNUSABLE_FILE):
        client.predict(api_name="/detect_edges", image=address)
    with pytest.raises(AppError, match=r"“threshold” must be a number from 0 to 0\.95, not 7\."):
        client.predict(api_name="/detect_edges", image=None, threshold=7)
