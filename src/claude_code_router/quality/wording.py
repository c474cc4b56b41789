"""Words by which refusals, and the wish for nothing but JSON, are recognised. Only where they can hardly mean anything else."""

from __future__ import annotations

import re

_SHORT_CHARACTERS = 600
_REFUSALS = re.compile(
    r"""(?:(?:i['’]m|i\ am)?\s?(?:so|very|really)?\s?(?:sorry|afraid)|unfortunately|i\ apologi[sz]e|(?:my\ )?apologies)?
        [,.:;!—–\s-]{0,4}(?:but|that|however)?,?\s{0,2}
        i(?:['’]m|\ am)?\s(?:not\ able\ to|unable\ to|cannot|can['’]t|can\ not|won['’]t|will\ not)\s
        (?:(?:help|assist)(?:\ you)?(?:\ with|[.,!]|$)|comply|fulfil|provide\ (?:that|this)\b|engage\ (?:with|in)\b)
    | as\ an?\ (?:ai|language\ model)\b[^.]{0,40}\ (?:cannot|can['’]t|unable)
    | (?:es\ tut\ mir\ leid,?\s(?:aber\s)?)?(?:dabei|damit)\ kann\ ich\ (?:dir\ |ihnen\ |leider\ )?nicht\ (?:weiter)?helfen
    | (?:désolée?,?\s(?:mais\s)?)?je\ ne\ (?:peux\ pas\ (?:vous\ |t['’])aider|suis\ pas\ en\ mesure\ de)
    | (?:lo\ siento,?\s(?:pero\s)?)?no\ puedo\ (?:ayudar|asistir)
    | (?:抱歉[,，]?)?我(?:无法|不能)(?:帮助|协助|提供)
    | (?:申し訳(?:ありません|ございません)が、?)?(?:その|この)?
      (?:リクエスト|ご要望|ご依頼)に(?:は)?(?:お応え|対応)(?:でき|いたしかね)
    """,
    re.IGNORECASE | re.VERBOSE,
)


def reads_as_refusal(text: str) -> bool:
    """A short text that begins with a refusal: further on, or in a long one, the same words report on something."""
    return len(text) <= _SHORT_CHARACTERS and _REFUSALS.match(text.strip()) is not None


_READ_CHARACTERS = 4_000
_JSON_ONLY = re.compile(
    r"""\b(?:
      (?:respond|reply|answer|return|output|print|give\ me|produce)\s(?:me\s)?(?:with\s)?(?:only|just|nothing\ but)\s
        (?:(?:a|an|the|valid|raw|one|single)\s){0,3}json\b
    | (?:respond|reply|answer|return|output)\s(?:in\s|with\s|as\s)?(?:(?:a|an|valid|raw)\s){0,2}json\s(?:object\s|array\s)?
        (?:only\b(?!\s(?:if|when|where|for|in)\b)|and\ nothing\ else\b)
    | (?:only|just)\s(?:(?:a|the|valid|raw)\s){0,2}json(?:\sobject|\sarray)?,?\s(?:no|without)\s
        (?:prose|other\ text|explanation|commentary|markdown)
    )""",
    re.IGNORECASE | re.VERBOSE,
)


def asks_for_json_only(said: str) -> bool:
    """At the beginning or the end of what the person said."""
    return any(_JSON_ONLY.search(end) for end in (said[:_READ_CHARACTERS], said[-_READ_CHARACTERS:]))
