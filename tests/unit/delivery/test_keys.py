"""Key pools: who gets which key, and who stays."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.delivery.keys import Homes, choose, ranked
from claude_code_router.providers.provider import Credential, fingerprint

names = st.lists(st.text("abcdef", min_size=1, max_size=4), min_size=1, max_size=6, unique=True)
sessions = st.text(max_size=12)


def pool(*names: str, **weights: float) -> tuple[Credential, ...]:
    return tuple(Credential(name=name, key=f"sk-{name}", weight=weights.get(name, 1.0)) for name in names)


def warm(_: Credential) -> float | None:
    return None


@given(sessions, names, st.data())
def test_a_key_that_rests_is_never_chosen_while_another_is_well(
    session: str, all_names: list[str], data: st.DataObject
) -> None:
    """Whatever the session and wherever it lives."""
    resting = data.draw(st.sets(st.sampled_from(all_names)))
    home = data.draw(st.sampled_from(["", *all_names]))
    choice = choose(session, pool(*all_names), home, lambda c: 9.0 if c.name in resting else None)
    if len(resting) < len(all_names):
        assert choice.credential.name not in resting


@given(sessions, names)
def test_a_session_stays(session: str, all_names: list[str]) -> None:
    """While its key is well, wherever it lives, it is not moved; and back home is not a reason to move either."""
    for home in all_names:
        choice = choose(session, pool(*all_names), home, warm)
        assert (choice.credential.name, choice.moved_from) == (home, "")


@given(sessions, names, st.text("xyz", min_size=1, max_size=3))
def test_one_more_key_takes_sessions_and_moves_no_others(session: str, all_names: list[str], added: str) -> None:
    """Rendezvous hashing: a session's key changes only to the new one; without it again, it is the old one."""
    before = ranked(session, pool(*all_names))
    after = ranked(session, pool(*all_names, added))
    assert after[0].name in (before[0].name, added)
    assert [c.name for c in after if c.name != added] == [c.name for c in before]


def test_sessions_are_spread_by_weight() -> None:
    """A key with three times the weight gets three times the sessions, within chance."""
    credentials = pool("a", "b", "c", c=2.0)
    counts = Counter(ranked(f"session-{n}", credentials)[0].name for n in range(4000))
    assert abs(counts["a"] - 1000) < 150
    assert abs(counts["c"] - 2000) < 200


def test_a_move_is_said() -> None:
    """The session's own key rests: the choice names the key that it left."""
    choice = choose("s", pool("a", "b"), "a", lambda c: 9.0 if c.name == "a" else None)
    assert (choice.credential.name, choice.moved_from) == ("b", "a")


def test_when_all_rest_nobody_moves() -> None:
    """At home there is the cache; a session without one gets the key that is first well again."""
    until = {"a": 9.0, "b": 5.0}
    assert choose("s", pool("a", "b"), "a", lambda c: until[c.name]).credential.name == "a"
    assert choose("s", pool("a", "b"), "", lambda c: until[c.name]).credential.name == "b"


def test_a_full_key_gets_no_new_sessions() -> None:
    """One that lives there waits for its turn instead."""
    full = [ranked("s", pool("a", "b"))[0].name]
    assert choose("s", pool("a", "b"), "", warm, lambda c: c.name in full).credential.name not in full
    assert choose("s", pool("a", "b"), full[0], warm, lambda c: c.name in full).credential.name == full[0]


def test_a_key_that_left_the_config_is_no_home() -> None:
    """Its sessions are spread anew, and nothing is said of a move to where it does not matter."""
    assert choose("s", pool("a"), "gone", warm).moved_from == ""


def test_homes_are_bounded() -> None:
    """The oldest sessions are forgotten; one that is used is not old."""
    homes = Homes(most=2)
    homes.settle("p", "one", "a")
    homes.settle("p", "two", "a")
    homes.settle("p", "one", "a")
    homes.settle("p", "three", "b")
    assert [homes.of("p", session) for session in ("one", "two", "three")] == ["a", "", "b"]


def test_a_fingerprint_shows_nothing_of_the_key() -> None:
    """Equal keys have equal fingerprints, and no part of a key is in one."""
    assert fingerprint("sk-ant-secret") == fingerprint("sk-ant-secret") != fingerprint("sk-ant-other")
    assert "secret" not in fingerprint("sk-ant-secret")
