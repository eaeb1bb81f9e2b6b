"""Functions that requests offer, what people ask of them, what they give, and what is said then: all generated.

A function is described as OpenAI's requests describe it. Names of functions follow the split (`word_is_unseen`).
"""
import re
from dataclasses import dataclass, field

from split import word_is_unseen
from words import ADJECTIVES, CITIES, THINGS, made_up, name, number, place, thing

# Topics of look-ups: English, traditional and simplified Chinese; what they are asked of.
TOPICS = (
    ("weather", "天氣", "天气", "place"), ("temperature", "氣溫", "气温", "place"), ("humidity", "濕度", "湿度", "place"),
    ("population", "人口", "人口", "place"), ("time", "時間", "时间", "place"), ("traffic", "交通", "交通", "place"),
    ("altitude", "海拔", "海拔", "place"), ("rent", "租金", "租金", "place"), ("news", "新聞", "新闻", "place"),
    ("price", "價格", "价格", "thing"), ("stock", "庫存", "库存", "thing"), ("weight", "重量", "重量", "thing"),
    ("size", "尺寸", "尺寸", "thing"), ("color", "顏色", "颜色", "thing"), ("cost", "成本", "成本", "thing"),
    ("owner", "主人", "主人", "thing"), ("status", "狀態", "状态", "thing"), ("rating", "評分", "评分", "thing"),
    ("age", "年齡", "年龄", "person"), ("email", "郵箱", "邮箱", "person"), ("phone", "電話", "电话", "person"),
    ("address", "地址", "地址", "person"), ("score", "分數", "分数", "person"), ("salary", "薪水", "薪水", "person"),
    ("birthday", "生日", "生日", "person"), ("balance", "餘額", "余额", "person"), ("job", "工作", "工作", "person"),
    ("level", "等級", "等级", "person"),
)
VERBS = ("get", "find", "look_up", "fetch", "check", "show", "read", "query", "search", "lookup", "load", "ask")
SUBJECTS = {
    "place": ("city", "place", "location", "town", "where"), "person": ("name", "person", "user", "who", "customer"),
    "thing": ("item", "product", "thing", "article", "object"),
}
COUNTS = ("days", "count", "limit", "amount", "year", "level", "page", "size", "hours", "number", "index", "weight")
FLAGS = ("detailed", "verbose", "metric", "urgent", "cached", "exact", "sorted", "public", "signed", "fast")
KINDS = ("string", "integer", "boolean", "boolean")
TEXTS = ("title", "label", "key", "note", "unit", "mode", "tag", "color", "text", "topic")

# Operations: names, descriptions, questions with {a} and {b}, the sign in answers.
OPERATIONS = {
    "add": (
        ("add", "sum", "plus", "add_numbers", "sum_of", "calculate_sum", "addition"), "Adds two numbers.",
        {"en": ("What is {a} + {b}?", "What is {a} plus {b}?", "Add {a} and {b}.", "{a} + {b}",
                "What is the sum of {a} and {b}?"),
         "zh": ("{a}加{b}是多少？", "計算{a} + {b}。"), "zh-hans": ("{a}加{b}是多少？", "计算{a} + {b}。")}, "+",
    ),
    "subtract": (
        ("subtract", "minus", "difference", "subtract_numbers", "sub", "take_away"),
        "Subtracts the second number from the first.",
        {"en": ("What is {a} - {b}?", "What is {a} minus {b}?", "Subtract {b} from {a}.", "{a} - {b}"),
         "zh": ("{a}減{b}是多少？", "計算{a} - {b}。"), "zh-hans": ("{a}减{b}是多少？", "计算{a} - {b}。")}, "-",
    ),
    "multiply": (
        ("multiply", "times", "product", "multiply_numbers", "mul", "multiplication"), "Multiplies two numbers.",
        {"en": ("What is {a} * {b}?", "What is {a} times {b}?", "Multiply {a} by {b}.", "{a} × {b}",
                "What is the product of {a} and {b}?"),
         "zh": ("{a}乘{b}是多少？", "計算{a} × {b}。"), "zh-hans": ("{a}乘以{b}是多少？", "计算{a} × {b}。")}, "×",
    ),
    "divide": (
        ("divide", "quotient", "divide_numbers", "div", "division"), "Divides the first number by the second.",
        {"en": ("What is {a} / {b}?", "What is {a} divided by {b}?", "Divide {a} by {b}.", "{a} ÷ {b}"),
         "zh": ("{a}除以{b}是多少？", "計算{a} ÷ {b}。"), "zh-hans": ("{a}除以{b}是多少？", "计算{a} ÷ {b}。")}, "÷",
    ),
}
OPERANDS = (
    ("a", "b"), ("x", "y"), ("first", "second"), ("left", "right"), ("m", "n"), ("number1", "number2"), ("p", "q"),
)
ERRORS = ("not found", "no such entry", "timeout", "access denied", "unknown name", "service is down", "no data")

SAYS = {
    "en": {"topic": "The {topic} of {what} is {value}.",
           "both": "The {topic} of {what} is {value}, of {other} {second}.",
           "result": "The result is {value}.", "done": "Done.", "error": "That did not work: {error}."},
    "zh": {"topic": "{what}的{topic}是{value}。", "both": "{what}的{topic}是{value}，{other}的是{second}。",
           "result": "結果是{value}。", "done": "完成了。", "error": "沒有成功：{error}。"},
    "zh-hans": {"topic": "{what}的{topic}是{value}。", "both": "{what}的{topic}是{value}，{other}的是{second}。",
                "result": "结果是{value}。", "done": "完成了。", "error": "没有成功：{error}。"},
}


@dataclass
class Function:
    name: str
    parameters: dict  # name to type, in order
    description: str = ""
    optional: set = field(default_factory=set)
    subject: str = ""  # what kind of thing the first parameter is
    topic: tuple = ()
    operation: str = ""

    @property
    def plan(self):
        """The line that is thought before the function is called: what its name says of the question, and the name."""
        if self.operation:
            return f"- {words_of(self.name)}: {self.name}"
        if not self.topic:
            return f"- {self.name}"
        words = words_of(self.name)
        return f"- {words[words.index(self.topic[0]) :]}: {self.name}"

    def definition(self):
        schema = {"type": "object", "properties": {k: {"type": t} for k, t in self.parameters.items()}}
        schema["required"] = [k for k in self.parameters if k not in self.optional]
        function = {"name": self.name, "description": self.description, "parameters": schema}
        if not self.description:
            del function["description"]
        return {"type": "function", "function": function}


def words_of(name):
    """The words of a name: `get weather` of get_weather, get-weather and getWeather."""
    return re.sub("[A-Z]", lambda letter: (" " if letter.start() else "") + letter[0].lower(), re.sub("[_-]", " ", name))


def styled(r, words):
    words = [part for word in words for part in word.split("_")]
    chance = r.random()
    if chance < 0.8:
        return "_".join(words)
    return words[0] + "".join(word.capitalize() for word in words[1:]) if chance < 0.95 else "-".join(words)


def extra_parameters(r, parameters, count, kinds=KINDS):
    for _ in range(count):
        kind = r.choice(kinds)
        key = made_up(r) if r.random() < 0.4 else r.choice({"string": TEXTS, "integer": COUNTS, "boolean": FLAGS}[kind])
        parameters.setdefault(key, kind)


def function(r, kind, unseen=False):
    """A function of a kind: an operation, a look-up of a topic, or anything that is called by its name."""
    while True:
        made = draw(r, kind, unseen)
        # Operations have few names: they are unseen by their numbers.
        if made.operation or word_is_unseen(made.name) == unseen:
            return made


def draw(r, kind, unseen):
    described = r.random() < 0.6
    if kind == "operation":
        operation = r.choice(list(OPERATIONS))
        names, description, _, _ = OPERATIONS[operation]
        parameters = {key: "integer" for key in r.choice(OPERANDS)}
        return Function(r.choice(names), parameters, description if described else "", operation=operation)
    if kind == "topic":
        topic = r.choice(TOPICS)
        if r.random() < 0.4:
            topic = (made_up(r, unseen), "", "", r.choice(list(SUBJECTS)))
        words = [topic[0]] if r.random() < 0.1 else [r.choice(VERBS), topic[0]]
        if r.random() < 0.1:
            words = [topic[0], "of"]
        parameters = {made_up(r) if r.random() < 0.2 else r.choice(SUBJECTS[topic[3]]): "string"}
        extra_parameters(r, parameters, r.choice((0, 0, 0, 1, 1, 2)))
        optional = {key for key in list(parameters)[1:] if r.random() < 0.5}
        description = f"The {topic[0]} of a {topic[3]}." if described else ""
        return Function(styled(r, words), parameters, description, optional, topic[3], topic)
    first = r.choice(VERBS) if r.random() < 0.3 else made_up(r, unseen)
    words = [first, made_up(r) if r.random() < 0.7 else r.choice(THINGS)]
    parameters = {}
    extra_parameters(r, parameters, r.choice((1, 2, 2, 3, 4)), r.choice((KINDS, ("boolean",))))
    return Function(styled(r, words[: r.choice((1, 2, 2))]), parameters)


def value_of(r, kind, language, subject=""):
    if kind == "integer":
        return number(r)
    if kind == "boolean":
        return r.random() < 0.5
    if subject == "place":
        return place(r, language)
    if subject == "person":
        return name(r, language=language)
    return thing(r)


@dataclass
class Request:
    """What somebody asks, the calls that follow, what each gives, and what is said at the end."""

    question: str
    calls: list  # of rounds, each a list of (name, arguments)
    plans: list  # of rounds, what is thought before these calls
    results: list  # of rounds, each a list of texts
    answer: str


def told(r, key, value, language):
    """How a question brings a further argument along."""
    if value is True or value is False:
        return f"with {key}" if value else f"without {key}"
    return f"{key} {value}" if language == "en" or r.random() < 0.5 else f"{key}是{value}"


def result_of(r, key, value):
    """A result as functions give it: the value, or an object with it."""
    chance = r.random()
    if chance < 0.3:
        return str(value)
    shown = value if isinstance(value, int) else f'"{value}"'
    if chance < 0.5:
        return f'{{"result": {shown}}}'
    if chance < 0.85:
        return f'{{"{key}": {shown}}}'
    return f'{{"{key}": {shown}, "ok": true}}'


def finding(r):
    chance = r.random()
    return number(r) if chance < 0.5 else r.choice(ADJECTIVES) if chance < 0.7 else thing(r)


def ask_operation(r, f, language, unseen=False, operands=None):
    low = r.choice((9, 20, 99, 99, 999))
    while True:
        a, b = operands or (r.randint(1, low), r.randint(1, low))
        held = word_is_unseen(f"{f.operation} {a} {b}")
        if operands or held == unseen:
            break
    if f.operation == "divide" and not operands:
        a = a * b
    result = {"add": a + b, "subtract": a - b, "multiply": a * b, "divide": a // max(b, 1)}[f.operation]
    _, _, questions, sign = OPERATIONS[f.operation]
    keys = list(f.parameters)
    question = r.choice(questions[language]).format(a=a, b=b)
    return Request(
        question, [[(f.name, {keys[0]: a, keys[1]: b})]], [f.plan], [[result_of(r, "result", result)]],
        f"{a} {sign} {b} = {result}",
    )


def arguments_of(r, f, language, first):
    """Arguments of a look-up and the words that tell of them: optional ones are often left out."""
    arguments, words = {list(f.parameters)[0]: first}, []
    for key, kind in list(f.parameters.items())[1:]:
        if key in f.optional and r.random() < 0.5:
            continue
        arguments[key] = value_of(r, kind, language)
        words.append(told(r, key, arguments[key], language))
    return arguments, words


def topic_word(f, language):
    return f.topic[("en", "zh", "zh-hans").index(language)] or f.topic[0]


def ask_topic(r, f, language, twice=False):
    topic, what = topic_word(f, language), value_of(r, "string", language, f.subject)
    arguments, words = arguments_of(r, f, language, what)
    behind = "".join((", " if language == "en" else "，") + word for word in words)
    value, says = finding(r), SAYS[language]
    calls, results = [(f.name, arguments)], [result_of(r, f.topic[0], value)]
    answer = says["topic"].format(topic=topic, what=what, value=value)
    asked = what
    if twice:
        other = value_of(r, "string", language, f.subject)
        calls.append((f.name, arguments | {list(f.parameters)[0]: other}))
        second = finding(r)
        results.append(result_of(r, f.topic[0], second))
        answer = says["both"].format(topic=topic, what=what, value=value, other=other, second=second)
        asked = f"{what} and of {other}" if language == "en" else f"{what}和{other}"
    elif r.random() < 0.08:
        error = r.choice(ERRORS)
        results, answer = [f'{{"error": "{error}"}}'], says["error"].format(error=error)
    if language == "en":
        preposition = r.choice(("of", "in", "for")) if f.subject == "place" and not twice else "of"
        form = r.choice((
            "What is the {t} {p} {w}{b}?", "Tell me the {t} {p} {w}{b}.", "{T} {p} {w}{b}?",
            "Look up the {t} {p} {w}{b}.",
            "I need the {t} {p} {w}{b}.", "What's the {t} {p} {w}{b}?", "Find the {t} {p} {w}{b}, please.",
        ))
        question = form.format(t=topic, T=topic[0].upper() + topic[1:], p=preposition, w=asked, b=behind)
    else:
        forms = {
            "zh": ("{w}的{t}是多少{b}？", "{w}的{t}{b}？", "查一下{w}的{t}{b}。", "我想知道{w}的{t}{b}。"),
            "zh-hans": ("{w}的{t}是多少{b}？", "{w}的{t}{b}？", "查一下{w}的{t}{b}。", "我想知道{w}的{t}{b}。"),
        }
        question = r.choice(forms[language]).format(t=topic, w=asked, b=behind)
    return Request(question, [calls], [f.plan], [results], answer)


def ask_named(r, f, language):
    arguments = {key: value_of(r, kind, language) for key, kind in f.parameters.items()}
    words = [told(r, key, value, language) for key, value in arguments.items()]
    says = SAYS[language]
    if language == "en":
        listed = ", ".join(words)
        if r.random() >= 0.3 and len(words) > 1:
            listed = ", ".join(words[:-1]) + " and " + words[-1]
        form = r.choice(("Call {f} with {l}.", "Use {f}: {l}.", "Please run {f}, {l}.", "Run {f} with {l}."))
        question = form.format(f=f.name, l=listed).replace("with with ", "with ").replace("with without ", "without ")
    else:
        form = r.choice(("請呼叫{f}，{l}。", "用{f}：{l}。") if language == "zh" else ("请调用{f}，{l}。", "用{f}：{l}。"))
        question = form.format(f=f.name, l="，".join(words))
    if r.random() < 0.2:
        result, answer = r.choice(("ok", '{"ok": true}', "done")), says["done"]
    else:
        value = finding(r)
        result, answer = result_of(r, "result", value), says["result"].format(value=value)
    return Request(question, [[(f.name, arguments)]], [f.plan], [[result]], answer)


def ask(r, f, language, unseen=False, twice=False):
    if f.operation:
        return ask_operation(r, f, language, unseen)
    return ask_topic(r, f, language, twice) if f.topic else ask_named(r, f, language)


def offer(r, chosen, count):
    """Definitions of the functions chosen among others that nobody would confuse with them."""
    functions, taken = list(chosen), {f.name for f in chosen} | {f.topic[0] for f in chosen if f.topic}
    operations = {f.operation for f in chosen if f.operation}
    kinds = ("operation", "operation", "topic", "named") if operations else ("operation", "topic", "topic", "named")
    while len(functions) < count + len(chosen):
        other = function(r, r.choice(kinds))
        words = {other.name} | ({other.topic[0]} if other.topic else set())
        if words & taken or other.operation in operations:
            continue
        functions.append(other)
        taken |= words
        operations |= {other.operation} - {""}
    r.shuffle(functions)
    return functions


def sequence(r, language, unseen=False):
    """A product and a sum, by two functions one after the other: (functions, request)."""
    made = {}
    while len(made) < 2:
        f = function(r, "operation")
        if f.operation in ("multiply", "add", "subtract"):
            made.setdefault("multiply" if f.operation == "multiply" else "then", f)
    times, then = made["multiply"], made["then"]
    while True:
        a, b, c = (r.randint(2, r.choice((9, 20, 99))) for _ in range(3))
        if word_is_unseen(f"{a} {b} {c}") == unseen:
            break
    sign = "+" if then.operation == "add" else "-"
    first, total = a * b, a * b + (c if sign == "+" else -c)
    calls = [[(f.name, dict(zip(f.parameters, pair)))] for f, pair in ((times, (a, b)), (then, (first, c)))]
    results = [[result_of(r, "result", value)] for value in (first, total)]
    expression = f"{a} × {b} {sign} {c}"
    question = r.choice({
        "en": ("What is {e}?", "Calculate {e}.", "{e} = ?"), "zh": ("計算{e}。", "{e}是多少？"),
        "zh-hans": ("计算{e}。", "{e}是多少？"),
    }[language]).format(e=expression)
    return [times, then], Request(question, calls, [times.plan, then.plan], results, f"{expression} = {total}")


def two_topics(r, language, unseen=False):
    """Two look-ups in one question: (functions, request)."""
    first = function(r, "topic", unseen)
    while True:
        second = function(r, "topic", unseen)
        if second.topic[0] != first.topic[0] and second.name != first.name:
            break
    asked = []
    for f in (first, second):
        what, value = value_of(r, "string", language, f.subject), finding(r)
        topic = topic_word(f, language)
        required = {k: t for k, t in f.parameters.items() if k == list(f.parameters)[0]}
        f.parameters = required
        f.optional = set()
        asked.append((topic, what, value, (f.name, {list(required)[0]: what}), result_of(r, f.topic[0], value)))
    (t1, w1, v1, call1, result1), (t2, w2, v2, call2, result2) = asked
    if language == "en":
        question = f"What is the {t1} of {w1} and the {t2} of {w2}?"
    else:
        question = f"{w1}的{t1}和{w2}的{t2}是多少？"
    answer = " ".join if language == "en" else "".join
    says = SAYS[language]["topic"]
    text = answer([says.format(topic=t1, what=w1, value=v1), says.format(topic=t2, what=w2, value=v2)])
    plan = f"{first.plan}\n{second.plan}"
    return [first, second], Request(question, [[call1, call2]], [plan], [[result1, result2]], text)
