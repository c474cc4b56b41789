"""Models whose quality is known: the shipped simulated ones, each with a chance of a good answer for each kind of task.

Everything follows from the seed and the prompt, so that the same world can be asked from memory (`good`, `judged`) and over
real sockets (`World.answer` is given to `scripted.upstream.Upstream`), and says the same.

A prompt has a difficulty of its own: what a stronger model gets wrong, a weaker one mostly gets wrong too (`TOGETHER`).
The judge is wrong with known chances, independently on each answer.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Mapping

import msgspec

from claude_code_router.scripted.script import Say, Script, ScriptUsage
from claude_code_router.scripted.simulated import HEAVY, LIGHT, MID, MODELS, SimulatedModel
from claude_code_router.scripted.upstream import Seen

TIERS: dict[str, SimulatedModel] = {"light": LIGHT, "mid": MID, "heavy": HEAVY}
JUDGE = "scripted-judge"
TOGETHER = 0.6
"""The share of prompts on which the models succeed and fail by the prompt's own difficulty alone; on the others each has
luck of its own."""
GOOD_SCORE, BAD_SCORE = 9, 3
_PROMPT_TOKENS = 2_000


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """`success`: by tier, the chance of a good answer."""

    share: float
    success: Mapping[str, float]


TASKS: dict[str, Task] = {
    "summary": Task(share=0.35, success={"light": 0.93, "mid": 0.95, "heavy": 0.96}),
    "code_review": Task(share=0.30, success={"light": 0.70, "mid": 0.86, "heavy": 0.90}),
    "debugging": Task(share=0.20, success={"light": 0.50, "mid": 0.72, "heavy": 0.86}),
    "design": Task(share=0.15, success={"light": 0.30, "mid": 0.60, "heavy": 0.85}),
}


class World:
    """`sensitivity`: with which the judge finds a bad answer; `specificity`: with which it passes a good one."""

    def __init__(self, seed: int = 1, *, sensitivity: float = 1.0, specificity: float = 1.0) -> None:
        self.seed = seed
        self.sensitivity = sensitivity
        self.specificity = specificity

    def prompt(self, number: int) -> str:
        """Of a task drawn by its share."""
        task = random.Random(f"{self.seed} task {number}").choices(list(TASKS), [task.share for task in TASKS.values()])
        return f"Here is a task of the kind {task[0]}, number {self.seed}-{number}. Please do it."

    def good(self, prompt: str, tier: str) -> bool:
        chance = TASKS[task_of(prompt)].success[tier]
        shared = self._luck(prompt, "luck is shared") < TOGETHER
        return self._luck(prompt, "difficulty" if shared else f"luck of {tier}") < chance

    def judged(self, prompt: str, tier: str) -> bool:
        """Whether the judge calls this tier's answer good."""
        error = self.specificity if self.good(prompt, tier) else 1 - self.sensitivity
        return self._luck(prompt, f"judge of {tier}") < error

    def reply(self, prompt: str, tier: str) -> str:
        mark = "right" if self.good(prompt, tier) else "wrong"
        return f"It is done: {mark} in the end ({tier}, {_digest(self.seed, prompt)[:8]})."

    def answer(self, seen: Seen) -> Script:
        """What the models, and the judge, say over a socket."""
        model = str(seen.json.get("model", ""))
        text = json.dumps(seen.json.get("messages", []))
        prompt = _PROMPT.search(text)
        if prompt is None:
            return Script((Say("There is no task in that."),))
        if model == JUDGE:
            return Script(
                (Say(self._judgement(text, prompt[0])),), usage=ScriptUsage(input_tokens=900, output_tokens=20)
            )
        tier = next(name for name, one in TIERS.items() if one.name == model)
        usage = ScriptUsage(input_tokens=_PROMPT_TOKENS, output_tokens=TIERS[tier].answer_tokens)
        return Script((Say(self.reply(prompt[0], tier)),), usage=usage)

    def _judgement(self, text: str, prompt: str) -> str:
        tiers = _REPLY.findall(text)
        if len(tiers) > 1:
            return '{"reason": "both were read", "better": "tie"}'
        score = GOOD_SCORE if tiers and self.judged(prompt, tiers[0]) else BAD_SCORE
        return f'{{"reason": "it was read", "score": {score}, "sure": 0.9}}'

    def _luck(self, *about: str) -> float:
        return int(_digest(self.seed, *about)[:12], 16) / 16**12


_PROMPT = re.compile(r"Here is a task of the kind \w+, number \d+-\d+\. Please do it\.")
_REPLY = re.compile(r"It is done: \w+ in the end \((\w+), [0-9a-f]{8}\)")


def task_of(prompt: str) -> str:
    return prompt.split("of the kind ")[1].split(",")[0]


def cost_usd(tier: str) -> float:
    return TIERS[tier].cost_usd(_PROMPT_TOKENS, 0, TIERS[tier].answer_tokens)


def chances(task: str, lighter: str, heavier: str) -> tuple[float, float, float, float]:
    """The truth: the chances that both are bad, only the lighter, only the heavier, none."""
    weak, strong = TASKS[task].success[lighter], TASKS[task].success[heavier]
    apart = ((1 - weak) * (1 - strong), (1 - weak) * strong, weak * (1 - strong), weak * strong)
    both_good = min(weak, strong)
    one = (1 - max(weak, strong), strong - both_good, weak - both_good, both_good)
    mixed = [TOGETHER * a + (1 - TOGETHER) * b for a, b in zip(one, apart, strict=True)]
    return mixed[0], mixed[1], mixed[2], mixed[3]


def _digest(seed: int, *about: str) -> str:
    return hashlib.sha256("\0".join((str(seed), *about)).encode()).hexdigest()


assert {model.name for model in TIERS.values()} == set(MODELS)
