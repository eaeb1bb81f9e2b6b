"""What somebody tells of themselves, what is said to that, and what is asked later."""
from words import CITIES, COLORS, THINGS, made_up, name, number, place, thing

# What is told: the noun in each language and the kind of value.
NOUNS = (
    ("name", "名字", "名字", "name"), ("dog", "狗", "狗", "name"), ("cat", "貓", "猫", "name"), ("sister", "姐姐", "姐姐", "name"),
    ("brother", "哥哥", "哥哥", "name"), ("teacher", "老師", "老师", "name"), ("friend", "朋友", "朋友", "name"),
    ("city", "城市", "城市", "place"), ("home town", "家鄉", "家乡", "place"), ("favorite color", "最喜歡的顏色", "最喜欢的颜色", "color"),
    ("favorite food", "最喜歡的食物", "最喜欢的食物", "thing"), ("favorite number", "最喜歡的數字", "最喜欢的数字", "number"),
    ("age", "年齡", "年龄", "number"), ("room", "房間", "房间", "number"), ("code", "密碼", "密码", "code"),
    ("job", "工作", "工作", "thing"),
    ("car", "車", "车", "thing"), ("boat", "船", "船", "name"), ("team", "球隊", "球队", "name"),
    ("school", "學校", "学校", "name"),
)
SAYS = {
    "en": {
        "told": ("My {n} is {v}.", "My {n} is {v}", "Remember: my {n} is {v}.", "By the way, my {n} is {v}."),
        "asked": ("What is my {n}?", "What's my {n}?", "Do you remember my {n}?", "Tell me my {n}."),
        "noted": "OK, your {n} is {v}.", "known": "Your {n} is {v}.", "unknown": "You have not told me your {n}.",
    },
    "zh": {
        "told": ("我的{n}是{v}。", "請記住：我的{n}是{v}。", "我的{n}是{v}"),
        "asked": ("我的{n}是什麼？", "你記得我的{n}嗎？", "我的{n}是？"),
        "noted": "好的，你的{n}是{v}。", "known": "你的{n}是{v}。", "unknown": "你還沒有告訴我你的{n}。",
    },
    "zh-hans": {
        "told": ("我的{n}是{v}。", "请记住：我的{n}是{v}。", "我的{n}是{v}"),
        "asked": ("我的{n}是什么？", "你记得我的{n}吗？", "我的{n}是？"),
        "noted": "好的，你的{n}是{v}。", "known": "你的{n}是{v}。", "unknown": "你还没有告诉我你的{n}。",
    },
}


class Memory:
    """The facts of one conversation."""

    def __init__(self, r, unseen=False):
        self.r, self.unseen, self.facts = r, unseen, {}

    def noun(self, known=None):
        """A noun that has been told, or has not, or either."""
        while True:
            if self.r.random() < 0.25 and known is not True:
                noun = (made_up(self.r), "", "", "thing")
            else:
                noun = self.r.choice(list(self.facts) if known else NOUNS)
            if known is None or (noun in self.facts) == known:
                return noun

    @staticmethod
    def word(noun, language):
        return noun[("en", "zh", "zh-hans").index(language)] or noun[0]

    def value(self, kind, language):
        r = self.r
        if kind == "name":
            return name(r, self.unseen, language)
        if kind == "place":
            return place(r, language) if not self.unseen else made_up(r, True).capitalize()
        if kind == "color":
            return r.choice(COLORS) if not self.unseen else made_up(r, True)
        if kind == "number":
            return number(r)
        if kind == "code":
            return r.randint(100, 9999)
        return made_up(r, True) if self.unseen else thing(r)

    def tell(self, language):
        """(question, answer) that tells one thing more, or tells it anew."""
        noun = self.noun(known=True) if self.facts and self.r.random() < 0.1 else self.noun(known=False)
        self.facts[noun] = value = self.value(noun[3], language)
        says, word = SAYS[language], self.word(noun, language)
        return self.r.choice(says["told"]).format(n=word, v=value), says["noted"].format(n=word, v=value)

    def ask(self, language, unknown=0.15):
        """(question, answer) about something told, or rarely about something not told."""
        says = SAYS[language]
        if not self.facts or self.r.random() < unknown:
            word = self.word(self.noun(known=False), language)
            return self.r.choice(says["asked"]).format(n=word), says["unknown"].format(n=word)
        noun = self.noun(known=True)
        word = self.word(noun, language)
        return self.r.choice(says["asked"]).format(n=word), says["known"].format(n=word, v=self.facts[noun])
