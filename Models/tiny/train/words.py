"""Names and other words that conversations are made of: made-up ones by the rule of the split, and lists."""
from split import word_is_unseen

STARTS = ("b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z", "j")
STARTS += ("br", "dr", "gr", "kl", "st", "tr", "sh")
VOWELS = ("a", "e", "i", "o", "u", "ai", "ee", "ou")
ENDS = ("", "", "", "n", "r", "l", "s", "m", "k", "t", "x", "nd")
HAN = "明華文英志美國海山林王李張陳安平天月星雨風雲春秋冬夏金木水火土石花草江河東西南北高新長青紅白黑大小中光永福康樂"
HAN_HANS = "明华文英志美国海山林王李张陈安平天月星雨风云春秋冬夏金木水火土石花草江河东西南北高新长青红白黑大小中光永福康乐"

CITIES = (
    "Oslo", "Paris", "London", "Rome", "Berlin", "Madrid", "Tokyo", "Seoul", "Cairo", "Lima", "Delhi", "Boston",
    "Dublin",
    "Vienna", "Prague", "Athens", "Lisbon", "Helsinki", "Toronto", "Sydney", "Nairobi", "Quito", "Havana", "Shenzhen",
    "Taipei", "Beijing", "Hong Kong", "New York", "San Diego", "Cape Town",
)
CITIES_ZH = {
    "zh": ("深圳", "台北", "北京", "上海", "香港", "東京", "巴黎", "倫敦", "廣州", "杭州", "高雄", "南京", "紐約", "柏林"),
    "zh-hans": ("深圳", "台北", "北京", "上海", "香港", "东京", "巴黎", "伦敦", "广州", "杭州", "高雄", "南京", "纽约", "柏林"),
}
PEOPLE = (
    "Anna", "Ben", "Carla", "David", "Emma", "Felix", "Grace", "Hugo", "Ivy", "Jack", "Kate", "Leo", "Mia", "Noah",
    "Olga",
    "Paul", "Rosa", "Sam", "Tom", "Vera", "Will", "Zoe", "Li Wei", "Mei", "Omar",
)
THINGS = (
    "apple", "bread", "milk", "rice", "tea", "coffee", "lamp", "chair", "table", "book", "pen", "phone", "shirt",
    "shoe",
    "hat", "bag", "bike", "car", "train", "boat", "clock", "key", "ring", "cup", "plate", "door", "piano", "drum",
    "ball",
    "kite", "rose", "tulip", "stone", "gold", "silver", "paper", "soap", "candle", "tent", "map",
)
COLORS = ("red", "blue", "green", "black", "white", "pink", "gray", "brown", "orange", "purple", "yellow", "teal")
ADJECTIVES = ("sunny", "cloudy", "rainy", "windy", "warm", "cold", "open", "closed", "late", "on time", "full", "empty")


def syllables(r, count):
    return "".join(r.choice(STARTS) + r.choice(VOWELS) for _ in range(count)) + r.choice(ENDS)


def made_up(r, unseen=False, counts=(1, 2, 2, 3)):
    """A word of no meaning, of three letters or more."""
    while True:
        word = syllables(r, r.choice(counts))
        if len(word) > 2 and word_is_unseen(word) == unseen:
            return word


def name(r, unseen=False, language="en"):
    """The name of somebody: in Chinese, often of two or three characters."""
    while language != "en" and r.random() < 0.6:
        word = "".join(r.sample(HAN if language == "zh" else HAN_HANS, r.choice((2, 2, 3))))
        if word_is_unseen(word) == unseen:
            return word
    if not unseen and r.random() < 0.25:
        return r.choice(PEOPLE)
    while True:
        word = syllables(r, r.choice((1, 2, 2, 3))).capitalize()
        if len(word) > 2 and word_is_unseen(word) == unseen:
            return word


def place(r, language="en"):
    if language != "en" and r.random() < 0.7:
        return r.choice(CITIES_ZH[language])
    return made_up(r).capitalize() if r.random() < 0.4 else r.choice(CITIES)


def thing(r):
    """What a question can be about: a word, one with its colour, or one of no meaning."""
    chance = r.random()
    word = made_up(r) if chance < 0.4 else r.choice(THINGS)
    return f"{r.choice(COLORS)} {word}" if chance > 0.8 else word


def number(r):
    """Small numbers more often than large ones."""
    return r.randint(0, r.choice((9, 20, 99, 99, 999, 9999)))
