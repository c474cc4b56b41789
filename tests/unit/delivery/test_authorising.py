"""AWS's signatures, verified by botocore as a strict server would, and Google's tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from claude_code_router.core.errors import Refused
from claude_code_router.delivery.authorising import AuthorisingTransport
from claude_code_router.delivery.aws_auth import AwsAuth, place
from claude_code_router.delivery.google_auth import GoogleAuth, located
from claude_code_router.delivery.transport import Timeouts, UpstreamReply, UpstreamRequest
from claude_code_router.scripted.script import Script
from claude_code_router.scripted.upstream import Upstream

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
URL = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/us.anthropic.claude-opus-5-5-v1:0/invoke"
ARN = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/arn:aws:bedrock:eu:1:profile%2Fa/invoke"
PROJECT = "https://aiplatform.googleapis.com/v1/projects/{project}/locations/{location}/publishers/google/models/m"


def request(url: str = URL, body: bytes = b'{"a":1}') -> UpstreamRequest:
    return UpstreamRequest(url=url, headers=[("content-type", "application/json")], body=body)


def expected_signature(sent: UpstreamRequest, keys: Mapping[str, str], service: str, region: str) -> str:
    """What AWS computes from what arrived."""
    arrived = dict(sent.headers)
    signer = SigV4Auth(
        Credentials(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], keys.get("AWS_SESSION_TOKEN")),
        service,
        region,
    )
    names = arrived["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    headers = {name: arrived[name] for name in names if name != "host"}
    again = AWSRequest(method="POST", url=sent.url, data=sent.body, headers=headers)
    again.context["timestamp"] = arrived["x-amz-date"]
    text = signer.string_to_sign(again, signer.canonical_request(again))
    return str(signer.signature(text, again))


@pytest.mark.parametrize("url", [URL, ARN, "https://bedrock-mantle.us-west-2.api.aws/anthropic/v1/messages"])
@pytest.mark.parametrize("extra", [{}, {"AWS_SESSION_TOKEN": "tok"}], ids=["keys", "session"])
async def test_the_signature_is_the_one_that_aws_computes(url: str, extra: dict[str, str]) -> None:
    """For the body as it is sent, the service and the region of the host; a session's token goes along."""
    keys = {**KEYS, **extra}
    sent = await AwsAuth(lambda: keys)(request(url))
    service, region = place(url, {})
    headers = dict(sent.headers)
    assert f"/{region}/{service}/aws4_request" in headers["authorization"]
    assert headers["authorization"].endswith(f"Signature={expected_signature(sent, keys, service, region)}")
    assert headers.get("x-amz-security-token", "") == extra.get("AWS_SESSION_TOKEN", "")
    tampered = UpstreamRequest(url=sent.url, headers=sent.headers, body=sent.body + b" ")
    assert not headers["authorization"].endswith(expected_signature(tampered, keys, service, region))


async def test_bedrocks_api_key_wins() -> None:
    """A bearer token needs no signature."""
    sent = await AwsAuth(lambda: {**KEYS, "AWS_BEARER_TOKEN_BEDROCK": "bt"})(request())
    assert dict(sent.headers)["authorization"] == "Bearer bt"


async def test_without_credentials_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No keys anywhere: one sentence, not a stack."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(Refused, match="no AWS credentials"):
        await AwsAuth(dict)(request())


@pytest.mark.parametrize(
    ("env", "host", "location"),
    [
        ({}, "aiplatform.googleapis.com", "global"),
        ({"GOOGLE_CLOUD_LOCATION": "us-east5"}, "us-east5-aiplatform.googleapis.com", "us-east5"),
        ({"GOOGLE_CLOUD_LOCATION": "eu"}, "aiplatform.eu.rep.googleapis.com", "eu"),
    ],
)
def test_the_place_is_filled_in(env: dict[str, str], host: str, location: str) -> None:
    """Project and location in the path, and the location's own host."""
    url = located(PROJECT, {"GOOGLE_CLOUD_PROJECT": "p1", **env})
    assert url == f"https://{host}/v1/projects/p1/locations/{location}/publishers/google/models/m"


def test_a_url_that_says_where_is_left_alone() -> None:
    """A regional host gives the location; a complete URL gives everything."""
    regional = PROJECT.replace("https://", "https://europe-west1-")
    assert "/locations/europe-west1/" in located(regional, {}, "p2")
    assert located("https://h/v1/projects/x/locations/y", {}) == "https://h/v1/projects/x/locations/y"
    with pytest.raises(Refused, match="needs a project"):
        located(PROJECT, {})


async def test_google_without_credentials_says_what_to_do(tmp_path: Path) -> None:
    """A file that is missing or wrong: one sentence."""
    file = tmp_path / "key.json"
    file.write_text(json.dumps({"type": "service_account"}))
    for named in (file, tmp_path / "none.json"):
        auth = GoogleAuth(partial(dict, GOOGLE_APPLICATION_CREDENTIALS=str(named)))
        with pytest.raises(Refused, match="Google gave no access token"):
            await auth(request(PROJECT))


class Wire:
    """A transport that keeps what it was given."""

    def __init__(self) -> None:
        self.sent: list[UpstreamRequest] = []

    async def post(self, request: UpstreamRequest, timeouts: Timeouts) -> UpstreamReply:
        self.sent.append(request)
        raise NotImplementedError

    async def close(self) -> None:
        return


async def test_only_those_that_need_it_are_authorised() -> None:
    """The others pass as they are, the very same object."""
    wire = Wire()
    transport = AuthorisingTransport(wire, lambda: KEYS)
    plain = request()
    for one in (plain, UpstreamRequest(url=URL, headers=[], body=b"", auth="aws")):
        with pytest.raises(NotImplementedError):
            await transport.post(one, Timeouts())
    assert wire.sent[0] is plain
    assert "authorization" in dict(wire.sent[1].headers)


async def test_a_token_is_fetched_once(tmp_path: Path) -> None:
    """A service account's key buys a token from its own token server; it serves until it expires."""
    secret = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    async with Upstream(Script(body=b'{"access_token":"ya29.t","expires_in":3600,"token_type":"Bearer"}')) as up:
        key = {
            "type": "service_account",
            "project_id": "p9",
            "private_key": pem,
            "private_key_id": "1",
            "client_email": "a@p9.iam.gserviceaccount.com",
            "token_uri": f"{up.url}/token/messages",
        }
        file = tmp_path / "key.json"
        file.write_text(json.dumps(key))
        auth = GoogleAuth(partial(dict, GOOGLE_APPLICATION_CREDENTIALS=str(file)))
        first = await auth(request(PROJECT))
        second = await auth(request(PROJECT))
    assert len(up.seen) == 1
    assert dict(first.headers)["authorization"] == dict(second.headers)["authorization"] == "Bearer ya29.t"
    assert "/projects/p9/locations/global/" in first.url
