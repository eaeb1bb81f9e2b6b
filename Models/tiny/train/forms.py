"""Structured answers: problems and facts that fill in a form, and forms whose fields the schema names."""
from problems import cage, chain, legs
from split import word_is_unseen
from words import COLORS, THINGS, made_up, name, number, place, thing

CHICKENS = ("chickens", "chicken", "hens", "chicken_count", "number_of_chickens", "chickens_count", "雞", "鸡")
RABBITS = ("rabbits", "rabbit", "bunnies", "rabbit_count", "number_of_rabbits", "rabbits_count", "兔", "兔子")
NUMBERS = ("result", "answer", "value", "total", "sum", "number", "n", "x", "output", "solution")
LEG_FIELDS = ("legs", "leg_count", "total_legs", "number_of_legs", "legs_total", "total")
FIELDS = {
    "name": ("name", "person", "who", "customer", "user", "full_name", "姓名", "名字"),
    "age": ("age", "years", "age_in_years", "年齡", "年龄"),
    "city": ("city", "place", "town", "location", "home", "城市"),
    "item": ("item", "product", "thing", "article", "goods", "商品"),
    "count": ("count", "quantity", "amount", "number", "how_many", "數量", "数量"),
    "color": ("color", "colour", "shade", "顏色"),
    "price": ("price", "cost", "dollars", "價格", "价格"),
    "paid": ("paid", "is_paid", "settled"),
    "student": ("student", "is_student", "studies"),
}
TYPES = {"age": "integer", "count": "integer", "price": "integer", "paid": "boolean", "student": "boolean"}
SENTENCES = {
    "en": (
        ("{name} is {age} years old and lives in {city}.", "name age city"),
        ("{name}, {age}, from {city}.", "name age city"),
        ("My name is {name} and I live in {city}. I am {age}.", "name age city"),
        ("{name} bought {count} {item}s for {price} dollars.", "name count item price"),
        ("{name} ordered {count} of the {item}, {paid}.", "name count item paid"),
        ("Order: {count} x {item}, color {color}, for {name} in {city}.", "count item color name city"),
        ("The {item} costs {price} dollars and is {color}.", "item price color"),
        ("{name} from {city} is {student}, aged {age}.", "name city student age"),
        ("{name} is {student}, lives in {city} and wants a {item}.", "name student city item"),
        ("The {color} {item} for {name} is {paid}.", "color item name paid"),
        ("{name} is {student}.", "name student"), ("The {item} is {paid}.", "item paid"),
        ("{name} is {student}. The {item} is {paid}.", "name student item paid"),
        ("{name}, {student}, ordered {count} {item}s, {paid}.", "name student count item paid"),
        ("{name} wants a {color} {item}.", "name color item"),
        ("Send {count} {item}s to {name} in {city}.", "count item name city"),
    ),
    "zh": (
        ("{name}今年{age}歲，住在{city}。", "name age city"), ("{name}買了{count}個{item}，花了{price}元。", "name count item price"),
        ("{name}來自{city}，{age}歲，{student}。", "name city age student"), ("{name}的{item}{paid}。", "name item paid"),
        ("{name}{student}。", "name student"), ("{item}{paid}。{name}{student}。", "item paid name student"),
        ("請寄{count}個{item}給{city}的{name}。", "count item city name"),
    ),
    "zh-hans": (
        ("{name}今年{age}岁，住在{city}。", "name age city"), ("{name}买了{count}个{item}，花了{price}元。", "name count item price"),
        ("{name}来自{city}，{age}岁，{student}。", "name city age student"), ("{name}的{item}{paid}。", "name item paid"),
        ("{name}{student}。", "name student"), ("{item}{paid}。{name}{student}。", "item paid name student"),
        ("请寄{count}个{item}给{city}的{name}。", "count item city name"),
    ),
}
FLAGS = {
    "en": {"paid": ("already paid", "not yet paid"), "student": ("a student", "no student")},
    "zh": {"paid": ("已付款", "未付款"), "student": ("是學生", "不是學生")},
    "zh-hans": {"paid": ("已付款", "未付款"), "student": ("是学生", "不是学生")},
}
ASKS = {
    "en": ("{}", "{}", "Extract the data: {}", "Fill in the form: {}", "{} Give me JSON.", "Read this: {}"),
    "zh": ("{}", "{}", "請填表：{}", "提取資料：{}"), "zh-hans": ("{}", "{}", "请填表：{}", "提取资料：{}"),
}


def schema_of(types):
    properties = {key: {"type": kind} for key, kind in types.items()}
    return {"type": "object", "properties": properties, "required": list(types), "additionalProperties": False}


def shuffled(r, pairs):
    pairs = list(pairs)
    r.shuffle(pairs)
    return pairs


def solve(r, language, unseen=False, kind=None):
    """(problem, types, answer): a problem whose answer is an object with fields that the schema names."""
    kind = kind or r.choice(("cage", "cage", "chain", "legs"))
    if kind == "cage":
        problem = cage(r, language, unseen)
        at = r.randrange(3) if r.random() < 0.5 else r.randrange(len(RABBITS))
        pairs = [(CHICKENS[at], problem.values["chickens"]), (RABBITS[at], problem.values["rabbits"])]
        if r.random() < 0.2:
            key = r.choice(("heads", "legs"))
            pairs.append((key, problem.values[key]))
        pairs = shuffled(r, pairs)
    else:
        problem = legs(r, language, unseen) if kind == "legs" else chain(r, language, unseen)
        key = made_up(r, unseen) if r.random() < 0.3 else r.choice(LEG_FIELDS if kind == "legs" else NUMBERS)
        pairs = [(key, problem.values["legs" if kind == "legs" else "result"])]
    return problem, {key: "integer" for key, _ in pairs}, dict(pairs)


def facts(r, language, unseen=False):
    """(question, types, answer) about somebody or something; unseen where a made-up name is."""
    chance = r.random()
    if chance < 0.3:
        return pairs_told(r, language, unseen)
    while True:
        values = {
            "name": name(r, unseen, language), "age": r.randint(1, 99), "city": place(r, language),
            "color": r.choice(COLORS),
            "item": made_up(r, unseen) if r.random() < 0.5 else r.choice(THINGS), "count": r.randint(2, 99),
            "price": number(r),
            "paid": r.random() < 0.5, "student": r.random() < 0.5,
        }
        form, keys = r.choice(SENTENCES[language])
        keys = keys.split()
        if not unseen and not FLAGS["en"].keys() & keys and r.random() < 0.5:
            continue  # what is so or not is harder to learn than what is repeated
        if not unseen or any(key in keys and word_is_unseen(values[key]) for key in ("name", "item")):
            break
    shown = values | {key: says[not values[key]] for key, says in FLAGS[language].items()}
    flags = FLAGS["en"].keys() & keys
    keys = r.sample(keys, r.randint(min(2, len(keys)), len(keys)))
    if not unseen and flags and not flags & set(keys):
        keys[0] = min(flags)
    named = {key: r.choice(FIELDS[key]) if r.random() < 0.4 else FIELDS[key][0] for key in keys}
    types = {named[key]: TYPES.get(key, "string") for key in keys}
    question = r.choice(ASKS[language]).format(form.format(**shown))
    return question, types, {named[key]: values[key] for key in keys}


def pairs_told(r, language, unseen):
    """Fields of no meaning with their values, of which the form has some, in another order."""
    keys = []
    while len(keys) < r.choice((2, 3, 3, 4)):
        key = made_up(r, unseen)
        if key not in keys:
            keys.append(key)
    values = {key: number(r) if r.random() < 0.5 else thing(r) for key in keys}
    pattern, comma = r.choice((("{} is {}", ", "), ("{}: {}", ", "), ("{} = {}", "; "), ("the {} is {}", " and ")))
    text = comma.join(pattern.format(key, value) for key, value in values.items())
    text = text[0].upper() + text[1:] + "." if r.random() < 0.5 and pattern.startswith("the") else text + "."
    chosen = r.sample(keys, r.randint(1, len(keys)))
    types = {key: "integer" if isinstance(values[key], int) else "string" for key in chosen}
    return r.choice(ASKS[language]).format(text), types, {key: values[key] for key in chosen}
