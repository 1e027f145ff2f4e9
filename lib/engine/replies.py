"""Chat completions: a request as it is sent, and the reply as it is read."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from lib.engine.events import text_of
from lib.engine.faults import Fault, RequestRejected, short
from lib.text import whole

# <think>, <thinking>, [THINK], <|think|>, <｜think｜>, <seed:think>, ◁think▷, <|begin_of_thought|>,
# <|START_THINKING|>, <|channel|>analysis<|message|> and what closes each.
_THOUGHTS = r"(?:[a-z]{1,9}:|ant)?(?:think|thinking|thought|thoughts|reasoning)(?:[_-]process)?"
_OPENED = re.compile(
    rf"(?:<[|｜]?|◁)\s?(?:begin[_▁]of[_▁]|start_)?{_THOUGHTS}(?:\s[^<>]*)?(?:[|｜]?>|▷)"
    r"|\[(?-i:THINK)\]|<\|channel\|?>\s*(?!final)",
    re.IGNORECASE,
)
_CLOSED = re.compile(
    rf"(?:<[|｜]?/\s?|◁/|<[|｜]end[_▁](?:of[_▁])?){_THOUGHTS}\s?(?:[|｜]?>|▷)\s*"
    r"|\[/(?-i:THINK)\]\s*"
    r"|<\|channel\|>\s*final\s*(?:<\|constrain\|>\s*\w+\s*)?<\|message\|>\s*|<channel\|>\s*"
    r"|\Aanalysis(?s:.*)assistantfinal"  # the same where a server leaves its tokens out
    r"|\A\s*here is my thought process:(?s:.*)here is my response:\s*"
    r"|\A\s*thinking\.\.\.\s*\n(?s:.*)\n\s*\.\.\.done thinking\.\s*",
    re.IGNORECASE,
)
# Each of these holds one: a fast look
_WORDS = tuple("think thought reason channel analysis reflection scratchpad monologue cot>".split())
# Names that a text may also have for another reason: thoughts only where they begin the reply.
_LEADING = re.compile(
    r"\A\s*<((?:\w+_)?(?:reason|reflection|scratchpad|analysis|monologue|cot|chain_of_thought)"
    r"|details(?=\s[^<>]*reasoning))(?:\s[^<>]*)?>(?s:.*?)(?:</\1>\s*|\Z)",  # details: Open WebUI
    re.IGNORECASE,
)
_BEGUN = re.compile(r"[<\[◁][^<>\s]{0,24}$")  # what may become a tag
_ENDS = re.compile(
    r"(?:\s*(?:<[|｜][^|｜<>\s]{1,40}[|｜]>|</s>|<end_of_turn>|<eos>))+\s*$"
    r"|^\s*<\|(?:START_RESPONSE|begin_of_solution)\|>\s*"
)
# <response>…</response> around all
_WRAPPED = re.compile(r"\A\s*<(response|output|solution|final)>\s*((?s:.*?))\s*</\1>\s*\Z", re.I)
# "'messages[0].role' does not support 'system'", "Only user and assistant roles are supported"
_NO_SYSTEM_ROLE = re.compile(
    r"\b(?:developer|roles?)\b|\bsystem[ _-](?:message|prompt|instruction)|[\"'`]system[\"'`]",
    re.IGNORECASE,
)
# finish_reason of other services (Gemini, Mistral, Anthropic, GLM, DeepSeek, vLLM) → OpenAI's, and
# "error" of OpenRouter
_REASONS = {
    "length": "max_tokens max_output_tokens model_length",
    "content_filter": "safety recitation prohibited_content blocklist sensitive content_filtered",
    "error": "network_error insufficient_system_resource abort",
}
_REASON = {said: ours for ours, others in _REASONS.items() for said in (ours, *others.split())}
_STREAMS_ONLY = re.compile(
    r"only supports? stream|\bstream\W+(?:must|should) be (?:set to )?\W?true|stream=false"
    r"|\bnon-stream",
    re.IGNORECASE,
)
_STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
_IN_A_5XX = re.compile(r"\b(?:system (?:role|message|prompt)|roles? must)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Reply:
    """One reply of a chat model, as it is in the ledger. What the model thought is not in it."""

    text: str
    finish_reason: str  # "stop", "length", "content_filter", "refused: <reason>", …
    prompt_tokens: int
    completion_tokens: int
    latency_s: float  # of the attempt that was answered
    cached_tokens: int = 0  # of the prompt tokens: from the provider's prefix cache

    def __post_init__(self) -> None:
        # Here, so that it holds for every role, for batches, and for replies of older ledgers.
        object.__setattr__(self, "text", without_thoughts(self.text, self.finish_reason))

    @property
    def is_refused(self) -> bool:
        """Whether the endpoint or the model refused to answer, and said why."""
        return not self.text and self.finish_reason.startswith(("refused", "content_filter"))


def without_thoughts(text: str, finish_reason: str) -> str:
    """`<think>Let me see.</think> 3 days` → `3 days`; "" of thoughts that a limit cut.

    What follows the last closing tag counts: the prompt may have held the opening one. A later
    opening tag begins thoughts if the reply was cut; else the text only speaks of tags. Tokens that
    end a turn, and tags around the whole, go too.
    """
    lower = text.lower()
    may_think = any(word in lower for word in _WORDS)
    if closed := list(_CLOSED.finditer(text)) if may_think else []:
        text = text[closed[-1].end() :]
    text = _LEADING.sub("", text) if may_think else text
    opened = _OPENED.search(text) if may_think else None
    if opened and (finish_reason == "length" or not text[: opened.start()].strip()):
        text = text[: opened.start()].rstrip()
    text = _ENDS.sub("", text) if "<" in text else text
    return _WRAPPED.sub(r"\2", text) if text.lstrip()[:1] == "<" else text


def text_so_far(text: str) -> str:
    """Of a reply that is being written, what may be shown: `<think>Let me` → ``."""
    return whole(_BEGUN.sub("", without_thoughts(text, "length")))


class RequestForm:
    """The parameter names and roles that an endpoint accepts, learnt from its error messages."""

    def __init__(self, *, streamed: bool = False) -> None:
        self._max_tokens, self._temperature, self._system = "max_tokens", True, True
        self._stream: dict[str, Any] = _STREAMED if streamed else {}
        self._thinking: bool | None = None  # False: it is asked not to; True: it cannot but

    def payload(self, request: Mapping[str, Any]) -> dict[str, Any]:
        settings = {self._max_tokens: request["max_tokens"]}
        if self._temperature:
            settings["temperature"] = request["temperature"]
        messages = request["messages"]
        if not self._system and len(messages) > 1 and messages[0]["role"] == "system":
            first, second, *others = messages
            both = f"{first['content']}\n\n{second['content']}"
            messages = [{"role": "user", "content": both}, *others]
        if self._thinking is False:
            settings["enable_thinking"] = False
        return {"model": request["model"], "messages": messages, **settings, **self._stream}

    def learn(self, message: str) -> None:
        """Newer models accept only `max_completion_tokens`, and no temperature; some take no
        system message: it then begins the user's. Services of Qwen 3 think in streams alone, and
        some models do nothing else."""
        if "stream_options" in message:
            self._stream = {"stream": True} if self._stream else {}
        elif "enable_thinking" in message:
            self._thinking = self._thinking or "to true" in message.lower()
            self._stream = self._stream or (_STREAMED if self._thinking else {})
        elif _STREAMS_ONLY.search(message):
            self._stream = self._stream or _STREAMED
        elif "max_completion_tokens" in message:
            self._max_tokens = "max_completion_tokens"
        elif "temperature" in message:
            self._temperature = False
        elif _NO_SYSTEM_ROLE.search(message):
            self._system = False


def is_about_system_role(fault: Fault) -> bool:
    """Whether a server's failure (llama.cpp: 500, of the chat template) names the system role."""
    return fault.kind == "server" and bool(_IN_A_5XX.search(str(fault)))


def read_reply(data: Mapping[str, Any], *, latency_s: float, where: str = "endpoint") -> Reply:
    """`{"choices": [{"message": {"content": "…"}, "finish_reason": "stop"}], "usage": {…}}`

    Fault: it has another form, or is empty without a reason.
    """
    try:
        choice = data["choices"][0]
        message = choice["message"]
        text, refusal = text_of(message.get("content")), message.get("refusal")
        reason = choice.get("finish_reason") or ""
        reason = _REASON.get(reason.lower().rpartition(".")[2], reason)
        thoughts = [name for name in ("reasoning_content", "reasoning") if message.get(name)]
        if refusal and not text:
            reason = f"refused: {short(refusal)}"
        elif thoughts and not text and reason in ("stop", ""):
            reason = f"all of it is in {thoughts[0]}"
        if reason == "error":  # a provider that broke off; text before that is no answer
            said = _object(choice.get("error")).get("message") or "it says no more"
            raise Fault(f"the {where} cut its reply: {short(said)}", kind="cut")
        said = {"text": whole(text), "finish_reason": whole(reason)}
        reply = replace(usage_of(data), latency_s=round(latency_s, 4), **said)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        said = f"the {where} sent something else than a chat completion: {short(data)}"
        raise Fault(said, kind="unreadable") from error
    if not text and not reply.completion_tokens and reply.finish_reason in ("stop", ""):
        raise Fault(f"the {where} sent an empty reply", kind="unreadable")
    return reply


def usage_of(data: Mapping[str, Any]) -> Reply:
    """A reply without text: what it took. Zeros where the endpoint does not say it."""
    usage = _object(data.get("usage"))
    read, written = (_count(usage.get(f"{part}_tokens")) for part in ("prompt", "completion"))
    details = _object(usage.get("prompt_tokens_details"))
    return Reply("", "", read, written, 0.0, _count(details.get("cached_tokens")))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(value: Any) -> int:
    """0 where an endpoint sends something else: a reply is not lost for that."""
    with suppress(TypeError, ValueError, OverflowError):
        if 0 <= (count := int(value or 0)) < 1 << 40:  # more is no count, and no ledger holds it
            return count
    return 0


def rejected_reply(rejected: RequestRejected) -> Reply:
    """The reply to a request that is never answered (too long, filtered); it says the reason."""
    filtered = "content_filter" in rejected.code or "content_filter" in str(rejected)
    return Reply("", "content_filter" if filtered else f"refused: {rejected}", 0, 0, 0.0)


def failed_reply(reason: str) -> Reply:
    """The reply to a request that failed in an earlier run, too: none blocks every run."""
    return Reply("", f"refused: it failed in an earlier run, too: {reason}", 0, 0, 0.0)


def read_vectors(
    data: Mapping[str, Any], *, count: int, where: str = "endpoint"
) -> tuple[list[list[float]], int]:
    """`{"data": [{"index": 0, "embedding": [0.1, …]}, …], "usage": {…}}` → vectors, tokens."""
    try:
        rows = {int(row.get("index", at)): row["embedding"] for at, row in enumerate(data["data"])}
        vectors = [[float(value) for value in rows[index]] for index in range(count)]
        if not all(any(v) and len(v) == len(vectors[0]) and isfinite(sum(v)) for v in vectors):
            raise ValueError("not numbers, all zero, or of several lengths")
        return vectors, usage_of(data).prompt_tokens
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        said = f"the {where} sent something else than {count} vectors: {short(data)}"
        raise Fault(said, kind="unreadable") from error
