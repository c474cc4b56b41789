"""What counts in a reply, by kind of task: the table that judges go by. Part of every judgement's epoch."""

from __future__ import annotations

from collections.abc import Mapping

GENERAL = "Does it do what was asked, correctly and completely, without inventing facts, files or results?"

RUBRICS: Mapping[str, str] = {
    "summarise": "Every main point of the source is there, nothing is added or turned around, and it is as short as asked for.",
    "classify": "The label is right by the given definitions, one of the allowed ones, and given in the form asked for.",
    "convert": "The content is carried over whole and unchanged, and the target format is valid.",
    "review": "It finds the faults that matter, places them exactly, is right about each, and does not bury them in trifles.",
    "proofread": "Mistakes are mended, meaning and voice are kept, and correct text is left alone.",
    "choose": "It decides, for reasons that fit the stated needs, and names what speaks against its choice.",
    "debug": "It finds the cause and not a symptom, says how it knows, and the remedy would work.",
    "implement": "The code would run and do what was asked, edge cases included, in the manner of the code around it.",
    "refactor": "Behaviour stays the same, the stated aim is reached, and nothing else is touched.",
    "design": "It meets the stated constraints, names trade-offs and failure cases, and could be built as it stands.",
    "reason": "Each step follows from the one before, the result is right, and assumptions are said.",
    "explain": "It is right, at the level asked for, and answers the question that was put.",
    "operate": "The commands are right for the system at hand, safe, in the right order, and do what was asked and no more.",
    "talk": "It answers what was meant, briefly and rightly.",
    "housekeeping": "It has the form that the client's errand demands, and fits the conversation.",
}
"""By the categories of `routing.categories`; a kind of task that is not known is judged by `GENERAL` alone."""


def rubric(category: str) -> str:
    own = RUBRICS.get(category, "")
    return f"{GENERAL}\n{own}" if own else GENERAL
