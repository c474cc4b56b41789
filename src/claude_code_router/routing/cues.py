"""Words by which people ask for a kind of task, whatever it is about: what the category model is told besides the words
themselves. It learns how much each is worth; 600 turns are too few to learn the words too."""

from __future__ import annotations

import re

_FORMATS = (
    "json|yaml|toml|csv|xml|html|markdown|latex|pdf|sql|python|rust|go|java|kotlin|swift|typescript|javascript|"
    r"c\+\+|bash"
)
_TONGUES = "german|french|spanish|italian|japanese|chinese|portuguese|russian|english|polish|dutch|korean"

CUES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (f"@{name}", re.compile(rf"\b(?:{words})"))
    for name, words in (
        (
            "summarise",
            r"summar|tl;?dr|gist|recap|digest|condens|abstract (?:of|out|for)|overview|key (?:points|facts)|"
            r"main points|takeaways?|highlights|boil|nutshell|shorten|"
            r"in (?:a few|two|three|five|\d+) (?:lines|sentences|bullets|words)|short version|briefly|"
            r"what (?:happened|changed|is new)",
        ),
        (
            "classify",
            r"classif|categor|labels?\b|tag\b|triage|sentiment|spam|toxic|group .{0,60} (?:by|into)|"
            r"sort .{0,60} into|put .{0,60} into|buckets?|which (?:kind|type|class|language)|assign|detect|"
            r"flag (?:the|all|which)|mark (?:which|each|all)|yes or no|is (?:it|this|each).{0,60} or \w+",
        ),
        (
            "convert",
            rf"convert|translat|port\b|transform|re-?format|migrat|turn .{{0,60}} into|"
            rf"rewrite .{{0,60}} (?:in|as|to)\b|extract .{{0,60}} (?:from|as)|from .{{0,60}} (?:in)?to\b|"
            rf"parse .{{0,60}} into|export .{{0,60}} as|transpile|(?:to|into|in|as) (?:{_FORMATS}|{_TONGUES})\b",
        ),
        (
            "review",
            r"review|audit|feedback|critici|critique|look (?:over|at)|check (?!out|spelling|the spelling)|"
            r"verify|double-?check|point out|assess|inspect|any (?:problems|issues|bugs|mistakes|concerns)|"
            r"what do you think|your opinion|"
            r"is (?:this|it|my) .{0,60}(?:correct|ok|okay|safe|idiomatic|right)|vulnerab|before (?:i|we) merge",
        ),
        (
            "proofread",
            r"proof-?read|typos?|grammar|grammatical|spell|punctuation|polish|wording|re-?phrase|reword|"
            r"copy-?edit|tone|sentences?\b|commas?\b|correct my|sounds? (?:right|natural|better|polite)|"
            r"clarity|concis|more (?:formal|polite|friendly)|style of",
        ),
        (
            "choose",
            r"which (?:one|is better|of|would|should)|better|should (?:i|we)\b|compar|recommend|prefer|pick\b|"
            r"choose|select\b|decide|ranks?\b|options?\b|versus|vs\b|pros and cons|worth|"
            r"best (?:of|option|choice)|either|rather",
        ),
        (
            "debug",
            r"errors?\b|fail|crash|bugs?\b|fix\b|broken|exception|traceback|"
            r"(?:does not|doesn't|don't|not|no longer) work|hangs?\b|leak|"
            r"why (?:does|is|do|am|are) .{0,60}(?:fail|crash|hang|slow|wrong|not|return|error)|wrong|"
            r"investigat|track .{0,60}down|regression|flaky|timeout|diagnos|troubleshoot|segfault|"
            r"segmentation|undefined|expected|find out why|stack ?trace|memory|deadlock|stuck|"
            r"since (?:i|we|the|yesterday|upgrad)",
        ),
        (
            "implement",
            r"implement|add\b|creat|build\b|write (?:a|an|me|the|unit|some|tests?)|feature|support\b|generate|"
            r"make (?:it|the|a|me)|extend|scaffold|integrat|set up|hook .{0,60} up|develop|code (?:a|up)|wire|"
            r"allow users|we need|endpoint|component",
        ),
        (
            "refactor",
            r"refactor|rename|clean .{0,60}up|clean-?up|split|simplif|dedup|tidy|restructur|reorgani|move\b|"
            r"dead code|behaviou?r|readab|modernis|moderniz|inline\b|decouple|replace .{0,60} (?:with|by)|"
            r"extract .{0,60} (?:into|to)\b|duplicat|unused|nested|remove|smaller|"
            r"into (?:its own|separate|several)",
        ),
        (
            "design",
            r"design|architect|structure\b|propos|plan\b|schema for|rfc|trade-?offs?|strateg|sketch|"
            r"components|data model|roadmap|outline|blueprint|lay .{0,60}out|layout|"
            r"how (?:should|would|could) (?:we|i|you)|approach (?:for|to)|scal|from scratch|milestones|draft",
        ),
        (
            "reason",
            r"prov(?:e|ing)\b|proof|deriv|calculat|comput(?:e|ation)|probab|complexity|step by step|solv|"
            r"how (?:many|much|long)|estimat|deduc|puzzle|counter-?example|equation|work out|optim(?:al|um)|"
            r"theorem|invariant|given (?:that|these|the)|steps\b|maximum|minimum|expected (?:value|cost)|"
            r"assum|argue|logic|reason",
        ),
        (
            "explain",
            r"explain|what(?:'s| is| are| does| do)\b|how (?:does|do|is)\b|where (?:is|are|do|does)|"
            r"difference|walk me|understand|teach|who (?:calls|uses|owns)|mean(?:s|ing)?\b|"
            r"tell me (?:about|how|why)|show me how|describe|is there (?:already|a|any)|which files?|"
            r"when (?:is|does)|purpose",
        ),
        (
            "operate",
            r"run\b|commit|push|pull\b|merge|branch|install|starts?\b|stop\b|restart|deploy|delete|list\b|"
            r"bump|open (?:a|the) p|git\b|npm\b|docker|check ?out|release|tag (?:it|the|v)|kill|execute|"
            r"launch|stash|rebase|upgrade|download|version",
        ),
        (
            "talk",
            r"yes|yep|yeah|ok(?:ay)?|sure|thanks?|thank you|great|perfect|continue|go (?:on|ahead)|keep going|"
            r"proceed|hi|hello|hey|no\b|nope|stop|sounds good|looks good|lgtm|again|retry|next|never mind|"
            r"forget it|skip|i see|understood|got it|good (?:morning|night)|bye|fine|nice|cool|please do|do it",
        ),
    )
)
