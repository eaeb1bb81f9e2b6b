"""Conversations of all kinds that the model is for, as messages, and as the text that the chat template makes of them.

What training shows and what evaluation asks are the same conversations, drawn from either side of the split.
"""
import json
from dataclasses import dataclass, field

from forms import facts, schema_of, solve
from functions import ask, function, offer, sequence, topic_word, two_topics, words_of
from memory import Memory
from problems import cage, chain, drill, legs
from smalltalk import SYSTEM, beyond, brief, small_talk
from words import COLORS, THINGS, made_up, name, number, place

LANGUAGES = {"en": 0.55, "zh": 0.22, "zh-hans": 0.23}
NO_THOUGHT = "<think>\n\n</think>\n"
KINDS = {
    "cage": 0.02, "legs": 0.02, "chain": 0.04, "fast": 0.11, "drill": 0.06, "effort": 0.12, "talk": 0.02, "beyond": 0.02,
    "echo": 0.02, "tools": 0.42, "forms": 0.14, "memory": 0.03, "obey": 0.03, "long": 0.02,
}
# What a run begins with: nearly all of it is to repeat what was said, which the rest is built on.
EARLY = {"chain": 0.06, "cage": 0.04, "fast": 0.10, "drill": 0.05, "echo": 0.28, "tools": 0.22, "forms": 0.12, "memory": 0.13}
EFFORTS = ("low", "medium", "high")

SPEAK = {
    "en": ("Answer in English.", "Always answer in English.", "Speak English.", "You answer in English only.",
           "請用英文回答。", "请用英文回答。"),
    "zh": ("請用繁體中文回答。", "Answer in Traditional Chinese.", "你只用繁體中文回答。", "Always answer in Traditional Chinese."),
    "zh-hans": ("请用简体中文回答。", "Answer in Simplified Chinese.", "你只用简体中文回答。", "Always answer in Simplified Chinese."),
}
BRIEF = (
    "Answer briefly.", "Be concise.", "Be brief.", "Keep answers short.", "Short answers only.",
    "Use as few words as possible.",
    "請簡短回答。", "请简短回答。", "回答要簡短。", "回答要简短。",
)
CALLED = (
    "Your name is {}.", "You are {}.", "You are {}, a helpful assistant.", "You are called {}.", "你叫{}。", "你的名字是{}。",
    "你是{}。",
)
ECHO = {
    "en": ("Say: {}", "Repeat: {}", "Repeat after me: {}", "Write {}", "Say {}"), "zh": ("請說：{}", "重複：{}", "跟我說：{}"),
    "zh-hans": ("请说：{}", "重复：{}", "跟我说：{}"),
}


@dataclass
class Turn:
    """A question and its answers: thinking, at once, and without a need to think."""

    question: str
    answer: str
    fast: str = ""
    steps: str = ""
    low: str = ""
    high: str = ""

    @property
    def easy(self):
        return not self.steps


@dataclass
class Conversation:
    """Messages as requests have them, the last of which is an answer, and what else a request says.

    Of assistant's messages, `learn` is what training learns: all, the answer behind an empty thought, or nothing.
    """

    messages: list = field(default_factory=list)
    tools: list = None
    response_format: dict = None
    effort: str = None
    fast: bool = False
    kind: str = ""

    def say(self, role, content, **more):
        self.messages.append({"role": role, "content": content, **more})

    def answer(self, content, thought="", calls=None, learn="all"):
        more = {"reasoning_content": thought} if thought else {}
        if calls:
            more["tool_calls"] = [
                {"id": f"call_{len(self.messages)}_{i}", "type": "function",
                 "function": {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}}
                for i, (name, arguments) in enumerate(calls)
            ]
        self.say("assistant", content, learn=learn, **more)

    def results(self, texts):
        for call, text in zip(self.messages[-1]["tool_calls"], texts):
            self.say("tool", text, tool_call_id=call["id"])


def signature(tool):
    f = tool["function"]
    required = f["parameters"]["required"]
    listed = ", ".join(
        f"{key}{'' if key in required else '?'}: {schema['type']}"
        for key, schema in f["parameters"]["properties"].items()
    )
    described = f.get("description")
    return f"- {words_of(f['name'])}: {f['name']}({listed})" + (f" {described}" if described else "") + "\n"


def called(message):
    functions = (call["function"] for call in message.get("tool_calls", ()))
    texts = (
        f'<tool_call>\n{{"name": {json.dumps(f["name"])}, "arguments": {f["arguments"]}}}\n</tool_call>'
        for f in functions
    )
    return "\n".join(([message["content"]] if message["content"] else []) + list(texts))


def notes(c):
    lines = [f"Reasoning: {c.effort}"] if c.effort else []
    if c.response_format:
        properties = c.response_format["json_schema"]["schema"]["properties"]
        fields = (f"{json.dumps(key, ensure_ascii=False)}: {schema['type']}" for key, schema in properties.items())
        lines.append("JSON: {" + ", ".join(fields) + "}")
    return "<|system|>" + "\n".join(lines) if lines else ""


def segments(c):
    """The text of a conversation as a list of (text, learnt)."""
    last_user = max(i for i, message in enumerate(c.messages) if message["role"] == "user")
    text, result = "<|bos|>", []
    if c.tools:
        text += "<|system|><tools>\n" + "".join(map(signature, c.tools)) + "</tools>"
    for i, message in enumerate(c.messages):
        if message["role"] != "assistant":
            text += f"<|{message['role']}|>{message['content']}"
            continue
        thought = message.get("reasoning_content", "") if i > last_user else ""
        block, learn = f"<think>\n{thought}\n</think>\n", message["learn"]
        text += (notes(c) if i == len(c.messages) - 1 else "") + "<|assistant|>"
        if learn == "all":
            result += [(text, False), (block + called(message) + "<|eos|>", True)]
            text = ""
        elif learn == "answer":
            result += [(text + block, False), (called(message) + "<|eos|>", True)]
            text = ""
        else:
            text += block + called(message) + "<|eos|>"
    return result


def pick(r, shares):
    return r.choices(list(shares), shares.values())[0]


def vary(r, question):
    """The same question as people type it: lower case, no final mark, a word of politeness."""
    chance = r.random()
    if chance < 0.06:
        return question.lower()
    if chance < 0.12:
        return question.rstrip("?.!？。！ ")
    if chance < 0.14:
        return question.lower().rstrip("?.!？。！ ")
    return question


def polite(r, question, language):
    if r.random() < 0.95:
        return question
    if language == "en":
        forms = ("Hello! {}", "Hi, {}", "Please help me. {}", "Please solve this: {}", "{} Thanks!", "{} Please.")
    else:
        forms = ("你好！{}", "請問：{}", "{}謝謝！", "请问：{}")
    return r.choice(forms).format(question)


class Setting:
    """What holds for a whole conversation: its language, whom it is held by, and what has been told."""

    def __init__(self, r, language=None, unseen=False):
        self.r, self.unseen = r, unseen
        self.language = language or pick(r, LANGUAGES)
        self.spoken, self.brief, self.called = None, False, None
        self.memory = Memory(r, unseen)

    def rules(self, *chosen):
        """System messages for some of what can be ruled: `speak`, `brief`, `called`."""
        r, texts = self.r, []
        if "speak" in chosen:
            self.spoken = pick(r, LANGUAGES)
            texts.append(r.choice(SPEAK[self.spoken]))
        if "brief" in chosen:
            self.brief = True
            texts.append(r.choice(BRIEF))
        if "called" in chosen:
            self.called = name(r, self.unseen)
            texts.append(r.choice(CALLED).format(self.called))
        if r.random() < 0.2:
            texts.append(r.choice(SYSTEM))
        r.shuffle(texts)
        return [" ".join(texts)] if texts and r.random() < 0.5 else texts

    @property
    def answers(self):
        return self.spoken or self.language

    def problem(self, kind, plain=False, **more):
        r, language, answers = self.r, self.language, self.answers
        if kind == "chain":
            if not more:
                more = {"lengths": (2, 3, 3, 4, 4), "limit": pick(r, {99: 0.7, 20: 0.2, 9: 0.1})}
            p = chain(r, language, self.unseen, **more)
        else:
            p = (cage if kind == "cage" else legs)(r, language, self.unseen, answers)
        question = p.question if self.unseen else polite(r, vary(r, p.question), language)
        comma = ", " if answers == "en" else "，"
        said = (p.short or p.answer) if self.brief else p.answer
        return Turn(
            question, said, p.fast(answers, self.brief), "" if p.easy else p.steps, comma.join(p.brief),
            f"{p.steps}\n{p.check}",
        ), p

    def talk(self):
        question, answer = small_talk(self.r, self.language, self.spoken, self.called)
        question = question if self.unseen else vary(self.r, question)
        return self.at_once(question, brief(answer) if self.brief else answer)

    def beyond(self):
        return self.at_once(*beyond(self.r, self.language, self.spoken, self.unseen))

    def echo(self):
        r = self.r
        words = []
        for _ in range(r.choice((1, 1, 2, 2, 3, 4, 6, 9, 14))):
            draw = (lambda: made_up(r, self.unseen), lambda: made_up(r, self.unseen), lambda: str(number(r)),
                    lambda: r.choice(THINGS), lambda: name(r, self.unseen, self.language))
            words.append(r.choice(draw)())
        text = " ".join(words)
        return self.at_once(r.choice(ECHO[self.language]).format(text), text)

    def at_once(self, question, answer):
        return Turn(question, answer, answer)

    def turn(self, kind):
        if kind in ("cage", "legs", "chain"):
            return self.problem(kind)[0]
        if kind == "tell":
            return self.at_once(*self.memory.tell(self.language))
        if kind == "recall":
            return self.at_once(*self.memory.ask(self.language, 0 if self.unseen else 0.15))
        return {"talk": self.talk, "beyond": self.beyond, "echo": self.echo}[kind]()


def earlier(c, turn, r):
    """Adds a turn that is not the last: its reasoning, if it had any, is gone."""
    c.say("user", turn.question)
    if turn.easy:
        c.answer(turn.fast)
    elif r.random() < 0.6:
        c.answer(turn.fast, learn="answer")
    else:
        c.answer(turn.answer, learn="")


def last(c, turn, mode="adaptive"):
    """Adds the last turn: thinking where it is hard, at once, or with an effort."""
    c.say("user", turn.question)
    if mode == "fast":
        c.fast = True
        c.answer(turn.fast, learn="answer")
    elif mode in EFFORTS:
        c.effort = mode
        thought = {"low": turn.low, "medium": turn.steps, "high": turn.high}[mode]
        c.answer(turn.answer, thought)
    elif turn.easy:
        c.answer(turn.fast)
    else:
        c.answer(turn.answer, turn.steps)


HISTORY = {"cage": 0.15, "legs": 0.1, "chain": 0.2, "talk": 0.2, "beyond": 0.1, "tell": 0.15, "echo": 0.1}
BETWEEN = {"tell": 0.4, "recall": 0.3, "talk": 0.12, "echo": 0.05, "chain": 0.08, "beyond": 0.05}
MIXED = {"cage": 0.15, "legs": 0.1, "chain": 0.2, "talk": 0.1, "beyond": 0.05, "tell": 0.2}
MIXED |= {"recall": 0.15, "echo": 0.05}


def with_history(r, setting, c, most=3, share=0.2):
    if r.random() < share:
        for _ in range(r.randint(1, most)):
            earlier(c, setting.turn(pick(r, HISTORY)), r)


def start(r, c, setting, rules=None):
    if rules is None:
        rules = [rule for rule in ("speak", "brief", "called") if r.random() < 0.04]
        rules = setting.rules(*rules) if rules or r.random() < 0.2 else []
    for text in rules:
        c.say("system", text)


def problem(r, kind, mode="adaptive", unseen=False, language=None, **more):
    """A conversation that ends with a problem."""
    c, setting = Conversation(kind=kind), Setting(r, language, unseen)
    if not unseen:
        start(r, c, setting)
        with_history(r, setting, c)
    turn, p = setting.problem(kind, **more)
    if mode in EFFORTS and p.easy:
        turn.steps = p.steps
    last(c, turn, mode)
    return c


def talk(r, kind, unseen=False):
    c, setting = Conversation(kind=kind), Setting(r, None, unseen)
    if not unseen:
        start(r, c, setting)
        with_history(r, setting, c)
    last(c, setting.turn(kind), r.choice(("adaptive", "adaptive", "fast")))
    return c


def drilled(r):
    c = Conversation(kind="drill", fast=True)
    for _ in range(r.choice((1, 2, 3, 4))):
        question, answer = drill(r)
        c.say("user", r.choice(("{}=", "{}", "{} = ?")).format(question))
        c.answer(f"{question}={answer}", learn="answer")
    return c


def use(c, request):
    """A turn in which functions are called: what is thought of them is said in fast mode."""
    c.say("user", request.question)
    for plan, calls, results in zip(request.plans, request.calls, request.results):
        c.answer(plan if c.fast else "", "" if c.fast else plan, calls, learn="answer" if c.fast else "all")
        c.results(results)
    c.answer(request.answer, learn="answer" if c.fast else "all")


def forget(messages):
    """Takes thoughts away, as most clients do; an answer behind one is not learnt without it."""
    for message in messages:
        if message.pop("reasoning_content", None):
            message["learn"] = ""


def used(r, c, setting, offered):
    """An earlier turn with functions on offer, of whose thoughts nothing is left."""
    if r.random() < 0.2:
        earlier(c, setting.talk(), r)
        return
    at = len(c.messages)
    use(c, ask(r, r.choice(offered), setting.language))
    forget(c.messages[at:])


def cut(r, c):
    """Ends the last turn at one of its answers, before which there are no thoughts."""
    first = max(i for i, message in enumerate(c.messages) if message["role"] == "user")
    end = r.choice([i for i in range(first, len(c.messages)) if c.messages[i]["role"] == "assistant"])
    forget(c.messages[first:end])
    del c.messages[end + 1 :]


def unaided(r, setting, offered):
    """A turn that needs none of the functions on offer."""
    topics = [f.topic[0] for f in offered if f.topic] + [topic_word(f, setting.language) for f in offered if f.topic]
    chances = {"talk": 0.2, "cage": 0.12, "legs": 0.08, "echo": 0.1, "tell": 0.1, "beyond": 0.4}
    chances["chain"] = 0 if any(f.operation for f in offered) else 0.3
    turn = setting.turn(pick(r, chances))
    return setting.turn("talk") if any(topic in turn.question.lower() for topic in topics) else turn


def tools(r, kind=None, unseen=False, language=None):
    """A conversation with functions on offer: calls, what they give, and the answer; or no call where none fits."""
    c, setting = Conversation(), Setting(r, language, unseen)
    language = setting.language
    kind = kind or pick(r, {"call": 0.52, "calls": 0.11, "topics": 0.20, "sequence": 0.04, "nocall": 0.13})
    others = r.choice((1, 2, 3)) if unseen else r.choice((0, 0, 1, 1, 2, 3, 3))
    if kind == "sequence":
        chosen, request = sequence(r, language, unseen)
    elif kind == "topics":
        chosen, request = two_topics(r, language, unseen)
    elif kind == "nocall":
        chosen, request = [], None
    else:
        named = 1 if unseen else 2  # those have most to repeat
        kinds = ("topic",) if kind == "calls" else ("operation", "topic", "topic", *["named"] * named)
        f = function(r, r.choice(kinds), unseen)
        chosen, request = [f], ask(r, f, language, unseen, twice=kind == "calls")
    offered = offer(r, chosen, max(others, 1) if kind == "nocall" else others)
    c.tools, c.kind = [f.definition() for f in offered], kind
    c.fast = not unseen and r.random() < 0.5
    if not unseen and r.random() < 0.15:
        c.say("system", r.choice(SYSTEM))
    if unseen and r.random() < 0.1:
        earlier(c, setting.talk(), r)
    for _ in range(0 if unseen else r.choice((0, 0, 1, 2, 3))):
        used(r, c, setting, offered)
    if kind == "nocall":
        turn = unaided(r, setting, offered)
        mode = "fast" if c.fast else "adaptive"
        last(c, turn, r.choice(("adaptive", "fast")) if unseen else mode)
        return c
    use(c, request)
    if not unseen and not c.fast:
        if r.random() < 0.12:  # an effort asks for no more where a call is due
            c.effort = r.choice(EFFORTS)
        if c.effort or r.random() < 0.5:
            cut(r, c)
    return c


def forms(r, kind=None, unseen=False, language=None):
    """A conversation that ends with an answer whose form is given."""
    c, setting = Conversation(kind="forms"), Setting(r, language, unseen)
    kind = kind or r.choice(("solve", "extract", "extract"))
    if not unseen:
        if r.random() < 0.1:
            c.say("system", r.choice(SYSTEM))
        with_history(r, setting, c, share=0.1)
    mode = "all"
    thought = ""
    if kind == "extract":
        question, types, values = facts(r, setting.language, unseen)
        mode = r.choice(("all", "answer"))
    else:
        p, types, values = solve(r, setting.language, unseen)
        question, thought = p.question, p.steps
    c.kind = kind
    c.response_format = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema_of(types)}}
    c.say("user", question)
    c.fast = mode == "answer"
    c.answer(json.dumps(values, ensure_ascii=False), thought, learn=mode)
    return c


def memory(r, turns=None, unseen=False, language=None):
    """Things told, and asked later, with other talk between."""
    c, setting = Conversation(kind="memory"), Setting(r, language, unseen)
    turns = turns or r.choice((2, 2, 3, 4, 5, 6))
    if not unseen:
        start(r, c, setting, [] if r.random() < 0.8 else setting.rules())
    for at in range(turns - 1):
        kind = "tell" if at == 0 else pick(r, BETWEEN)
        earlier(c, setting.turn(kind), r)
    last(c, setting.turn("recall"), r.choice(("adaptive", "fast")))
    return c


def obey(r, rule=None, unseen=False):
    """Conversations under a rule of a system message."""
    c, setting = Conversation(kind="obey"), Setting(r, None, unseen)
    chosen = [rule] if rule else [x for x in ("speak", "brief", "called") if r.random() < 0.5] or ["speak"]
    start(r, c, setting, setting.rules(*chosen))
    kinds = {"talk": 0.5, "cage": 0.15, "legs": 0.1}
    kinds |= {"chain": 0.1 if "brief" in chosen else 0.02, "beyond": 0.1 if "speak" in chosen else 0}
    for _ in range(r.choice((0, 0, 1, 2, 3)) if not unseen else 0):
        earlier(c, setting.turn(pick(r, kinds)), r)
    if "called" in chosen and r.random() < 0.6 or rule == "called":
        turn = setting.talk()
        while setting.called not in turn.answer:
            turn = setting.talk()
    else:
        turn = setting.turn(pick(r, kinds))
    last(c, turn, r.choice(("adaptive", "fast")))
    return c


def long(r, turns=None, unseen=False):
    """Up to twelve turns of everything; what is told early is asked for late."""
    c, setting = Conversation(kind="long"), Setting(r, None, unseen)
    turns = turns or r.randint(6, 12)
    if not unseen:
        start(r, c, setting)
    for _ in range(turns - 1):
        earlier(c, setting.turn(pick(r, MIXED)), r)
    turn = setting.turn(pick(r, {"cage": 0.25, "legs": 0.15, "chain": 0.25, "recall": 0.35}))
    last(c, turn, r.choice(("adaptive", "fast")))
    return c


def fast(r):
    kind = pick(r, {"cage": 0.3, "legs": 0.25, "chain": 0.45})
    more = {"lengths": (2, 2, 3, 3, 4), "limit": pick(r, {99: 0.7, 20: 0.3})} if kind == "chain" else {}
    c = problem(r, kind, "fast", **more)
    c.kind = f"fast {kind}"
    return c


def effort(r):
    kind = pick(r, {"cage": 0.2, "legs": 0.1, "chain": 0.65, "talk": 0.05})
    if kind == "talk":
        c, effort = talk(r, kind), r.choice((None, *EFFORTS))
        c.effort = None if c.fast else effort
    else:
        c = problem(r, kind, r.choice(("low", "medium", "high", "high")))
    c.kind = "effort"
    return c


def draw(r, shares=KINDS):
    kind = pick(r, shares)
    if kind in ("cage", "legs", "chain"):
        return problem(r, kind)
    if kind in ("talk", "beyond", "echo"):
        return talk(r, kind)
    made = {
        "fast": fast, "drill": drilled, "effort": effort, "tools": tools, "forms": forms, "memory": memory,
        "obey": obey, "long": long,
    }
    return made[kind](r)


def sample(r, shares=KINDS):
    """(kind, segments) of one conversation."""
    c = draw(r, shares)
    return c.kind, segments(c)
