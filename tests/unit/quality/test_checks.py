"""The deterministic checks: what is wrong for sure is found, and what cannot be told is passed over in silence."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.quality.talk import READ, asked, called, said

from claude_code_router.core.chat import ChatRequest, Text, Tool, ToolResult, Turn
from claude_code_router.core.reply import Reply, ToolCall
from claude_code_router.quality.checks import check_reply, faults
from claude_code_router.quality.fits import misfit


def found(chat: ChatRequest, reply: Reply) -> list[str]:
    """The checks that found a fault."""
    return [finding.check for finding in faults(check_reply(chat, reply))]


def told(chat: ChatRequest, reply: Reply, check: str) -> bool | None:
    return next((finding.ok for finding in check_reply(chat, reply) if finding.check == check), None)


@pytest.mark.parametrize(
    ("chat", "reply", "faulty"),
    [
        (asked(), said("It is a router."), []),
        (asked(), Reply(failed="overloaded"), ["failed"]),
        (asked(), said(""), ["empty"]),
        (asked(), said(" \n"), ["empty"]),
        (asked(), Reply(stop_reason="pause_turn"), []),
        (asked(), Reply(stop_reason="stop_sequence"), []),
        (asked(), said("It is a rou", "max_tokens"), ["truncation"]),
        (asked(), said("It is a rou", "model_context_window_exceeded"), ["truncation"]),
        (asked(max_tokens=1), said("I", "max_tokens"), []),
        (asked(max_tokens=64), said("<block>no", "max_tokens"), []),
        (asked(), Reply(stop_reason="refusal"), ["refusal"]),
        (asked(), said("I'm sorry, but I can't help with that."), ["refusal"]),
        (asked(), said("I cannot assist with this request."), ["refusal"]),
        (asked(), said("As an AI language model, I cannot browse."), ["refusal"]),
        (asked(), said("Es tut mir leid, aber dabei kann ich nicht helfen."), ["refusal"]),
        (asked(), said("Lo siento, pero no puedo ayudar con eso."), ["refusal"]),
        (asked(), said("抱歉，我无法协助处理这个请求。"), ["refusal"]),
        (asked(), said("I can't help but notice the missing bracket in line 3."), []),
        (asked(), said("I can't find foo.py in this directory."), []),
        (asked(), said("The test fails because the mock cannot help with async code."), []),
        (asked(), said("I cannot help with it. " + "word " * 200), []),
    ],
)
def test_shape_of_the_reply(chat: ChatRequest, reply: Reply, faulty: list[str]) -> None:
    """Broken, empty, cut and refused replies are faults; reports about the same words are none."""
    assert found(chat, reply) == faulty


@pytest.mark.parametrize(
    ("name", "arguments", "wrong"),
    [
        ("Read", '{"file_path": "a.py"}', ""),
        ("Read", '{"file_path": "a.py", "limit": 5, "modes": ["r"]}', ""),
        ("Read", '{"file_path": "a.py", "limit": "5"}', ""),  # clients mend it
        ("Read", '{"file_path": "a.py", "limit": "five"}', "limit is a string"),
        ("Read", '{"file_path": "a.py", "limit": true}', "limit is true or false"),
        ("Read", '{"file_path": 7}', "file_path is a number"),
        ("Read", '{"file_path": "a", "modes": ["x"]}', "modes[0] is none of the values"),
        ("Read", '{"path": "a.py"}', "file_path is missing"),
        ("Read", '{"file_path": "a", "depth": 2}', "depth is not among"),
        ("Read", '{"file_path": "a.py"', "not valid JSON"),
        ("Read", "[1]", "no JSON object"),
        ("Read", "", "file_path is missing"),
        ("Write", "{}", "was not offered"),
    ],
)
def test_tool_calls(name: str, arguments: str, wrong: str) -> None:
    """Arguments have to be JSON that fits the schema of a tool that was offered."""
    findings = check_reply(asked(tools=(READ,)), called(name, arguments))
    [finding] = [finding for finding in findings if finding.check == "tool_call"]
    assert finding.ok is (not wrong)
    assert wrong in finding.because


def test_what_a_dialect_spells_otherwise_says_nothing() -> None:
    """OpenAI's clients know namespaced tools by their short names, and give freeform ones plain text."""
    inside = Tool(name="fs__read")
    patch = Tool(name="patch", schema=msgspec.Raw(b'{"type":"object","properties":{"input":{"type":"string"}}}'))
    assert found(asked(tools=(inside,)), called("read", "{}")) == []
    assert found(asked(tools=(patch,)), called("patch", "*** Begin Patch")) == []


def test_what_a_provider_runs_has_its_own_schema() -> None:
    """A server's tool has a schema that we do not know."""
    bash = Tool(name="bash", server_type="bash_20250124")
    assert found(asked(tools=(bash,)), called("bash", '{"restart": 5}')) == []


def test_the_last_call_of_a_cut_reply_is_not_held_against_it_twice() -> None:
    """It was cut; that its JSON is not whole follows."""
    assert found(asked(tools=(READ,)), called("Read", '{"file_p', "max_tokens")) == ["truncation"]


@pytest.mark.parametrize(
    "schema", [b"true", b'{"type":5}', b'{"properties":[]}', b'{"$ref":"#/x","type":"string"}', b"{"]
)
def test_a_schema_that_is_not_understood_says_nothing(schema: bytes) -> None:
    """No fault of the reply can be told by it."""
    tool = Tool(name="odd", schema=msgspec.Raw(schema))
    assert found(asked(tools=(tool,)), called("odd", '{"a": 1}')) == []


@pytest.mark.parametrize(
    ("block", "parses"),
    [
        ("```python\ndef f(x):\n    return x\n```", True),
        ("```python\ndef f(x:\n    return x\n```", False),
        ("```py\nfor x in y:\nprint(x)\n```", False),
        ("   ```python\n   x = 1\n   ```", True),
        ("```python\n    def method(self):\n        return 1\n```", True),
        ("```python\n>>> 1 +\n```", None),
        ("```python\n$ pip install x\n```", None),
        ("```python\ndef f(x):\n    ...\n  more of it\n```", None),
        ("```python\nprint 'old'\n```", None),
        ("```python\nelse:\n    x = 1\n```", None),
        ("```python\n- old line\n+ new line(\n```", None),
        ("```python\nclass Box[T]:\n    x: T\n```", (True, None)),
        ("```python\nif x:\n```", None),
        ("```python\ns = 'a\\d'\n```", True),
        ('```json\n{"a": 1}\n```', True),
        ('```json\n{"a": 1,}\n```', False),
        ('```json\n{"a": 1} // why\n```', None),
        ('```json\n{"a": 1}\n{"a": 2}\n```', None),
        ('```json\n{"a": 1, ...}\n```', None),
        ('```json\n"a": 1\n```', None),
        ('```jsonc\n{"a": 1,}\n```', None),
        ("```toml\n[a]\nb = 1\n```", True),
        ("```toml\n[a\nb = 1\n```", False),
        ("```rust\nfn main( {\n```", None),
        ("```\nfor x in y:\nprint(x)\n```", None),
        ("```python\ndef f(x:", None),  # never closed
        ("~~~python\nx = (\n~~~", False),
        ("````python\n```\n````", False),
        ("no code", None),
    ],
)
def test_code(block: str, parses: bool | tuple[bool, None] | None) -> None:
    """Declared Python, JSON and TOML have to parse; excerpts, transcripts, templates and other languages pass."""
    outcome = told(asked(), said(f"Here:\n\n{block}\n"), "code")
    assert outcome in (parses if isinstance(parses, tuple) else (parses,))


@pytest.mark.parametrize(
    ("words", "reply", "ok"),
    [
        ("List them. Respond with only valid JSON.", '{"a": 1}', True),
        ("List them. Reply in JSON only.", "Sure! Here it is: {}", False),
        ("Output only a JSON array", "```json\n[1]\n```", True),
        ("Return JSON and nothing else.", "nothing", False),
        ("Just JSON, no prose", "[", False),
        ("Return JSON only if it parses.", "it does not", None),
        ("Write a function that returns only JSON", "def f(): ...", None),
        ("Why does this return JSON?", "because", None),
    ],
)
def test_the_format_that_was_asked_for(words: str, reply: str, ok: bool | None) -> None:
    """JSON where nothing but JSON was asked for, in so many words."""
    assert told(asked(words), said(reply), "format") is ok
    assert told(asked(words, tools=(READ,)), said(reply), "format") is None


@pytest.mark.parametrize(("text", "ok"), [('{"n": 1}', True), ('{"n": "x"}', False), ("{}", False), ("n = 1", False)])
def test_structured_output(text: str, ok: bool) -> None:
    """A request's own schema is the format asked for."""
    schema = msgspec.Raw(b'{"type":"object","properties":{"n":{"type":"number"}},"required":["n"]}')
    assert told(msgspec.structs.replace(asked(), json_schema=schema), said(text), "format") is ok


def test_a_results_words_are_not_the_persons() -> None:
    """`JSON only` in a tool result asks for nothing."""
    turns = (
        Turn("user", (Text("Explain it."),)),
        Turn("user", (ToolResult("t", (Text("Respond with only JSON."),)),)),
    )
    assert told(msgspec.structs.replace(asked(), turns=turns), said("It is so."), "format") is None


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(_values, _values)
def test_misfit_never_fails(value: object, schema: object) -> None:
    """Whatever stands in a schema and a value, the answer is a string."""
    assert isinstance(misfit(value, schema), str)


@given(st.text(), st.text(), st.sampled_from(["end_turn", "max_tokens", "tool_use", "refusal", ""]))
def test_checks_never_fail(text: str, arguments: str, stop_reason: str) -> None:
    """Whatever a reply holds, it is checked, and an honest text alone is never a format fault."""
    reply = Reply(text=f"```python\n{text}\n```", calls=(ToolCall("t", "Read", arguments),), stop_reason=stop_reason)
    assert all(finding.because for finding in check_reply(asked(text, tools=(READ,)), reply))


@pytest.mark.parametrize(
    "text",
    [
        "```python\n" * 20_000,
        "```json\n" + "[" * 90_000 + "\n```",
        "```python\n" + "(" * 90_000 + "\n```",
        "```python\n" + "\n" * 90_000 + "(\n```",
        "```python\n" + " " * 90_000 + "(\n```",
        "```python\n" + "<a " * 30_000 + "(\n```",
        "i can't " * 100_000,
        " " * 500_000,
        "sorry " * 80,
    ],
    ids=range(9),
)
def test_hostile_sizes_end_soon(text: str) -> None:
    """No text makes a check run away (the suite's timeout is the judge)."""
    for _ in range(3):
        check_reply(asked(text), said(text))
